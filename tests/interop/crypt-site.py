#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Sealed mail as a site wants it: logins without a secret, a key of the site, who gets a ring by himself, and rings that travel with the mail."""
import contextlib
import hashlib
import imaplib
import importlib.util
import json
import os
import poplib
import re
import ssl
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import Server, Skip, case, equal, free_port, lacking, main, run, scratch, strict_context, wait_for  # noqa: E402
from sealed import memory_of  # noqa: E402
from wire import Wire  # noqa: E402

# The package is for the release's own Python, which may not be the first one in PATH.
OWN_PYTHON = "/usr/bin/python3"
if importlib.util.find_spec("nacl") is None and os.access(OWN_PYTHON, os.X_OK) and os.path.realpath(sys.executable) != os.path.realpath(OWN_PYTHON):
    os.execv(OWN_PYTHON, [OWN_PYTHON, *sys.argv])

MAIL = b"Subject: sealed\r\n\r\ntext\r\n"
server = Server(users=13)
STATE = os.path.join(os.path.dirname(server.config_dir), "state")
if "crypt" not in server.cli("module", "list").stdout:
    lacking("the server was built without crypt (libsodium)")
COMMON = {"crypt.enabled": "true", "crypt.path": f'"{STATE}/auth/rings"', "crypt.memory": '"8K"', "crypt.passes": "1", "app-passwords.enabled": "true",
          "app-passwords.path": f'"{STATE}/auth/app-passwords"', "auth.failure_delay": '"0"', "limits.login_failures": "100000", "auth.cache_time": '"0"'}


def restart(**more):
    """Starts anew with settings, `_` for a dot; those of an earlier call count no more."""
    values = {**COMMON, "crypt.escrow": '""', **{key.replace("__", "."): value for key, value in more.items()}}
    server.stop("--keep")
    server.start(*(x for key, value in values.items() for x in ("--set", f"{key}={value}")))


def address(user):
    return f"{user}@{server.domain}"


def records(*arguments, check=True):
    return [json.loads(line) for line in server.cli(*arguments, "--json", check=check).stdout.splitlines()[:-1]]


def openers(user):
    return sorted(r["opened_by"] for r in records("crypt", "status", address(user)) if "opened_by" in r)


def ring_text(user):
    with open(f"{STATE}/auth/rings/{address(user)}.ring") as f:
        return f.read()


def session(user, password=None, port=None, certificate=None):
    """An IMAP session, with the lines of ALERT that it was greeted with in `alerts`."""
    context = strict_context(server.ca_file)
    if certificate:
        context.load_cert_chain(*certificate.files)
    c = imaplib.IMAP4_SSL("localhost", port or server.imaps, ssl_context=context, timeout=60)
    if certificate:
        c.authenticate("EXTERNAL", lambda _: b"")
    else:
        c.login(user, password or server.password)
    c.alerts = [x for x in c.untagged_responses.get("OK", []) if b"[ALERT]" in x]
    c.select()
    return c


def reads(c, n=1):
    status, data = c.fetch(str(n), "(BODY.PEEK[])")
    return status == "OK" and isinstance(data[0], tuple) and data[0][1].endswith(MAIL)


class Certificate:
    """A client's certificate, which no authority has signed, and its key."""

    def __init__(self, name):
        self.files = [os.path.join(scratch(), f"{name}-{kind}.pem") for kind in ("cert", "key")]
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", f"/CN={name}",
            "-out", self.files[0], "-keyout", self.files[1])
        with open(self.files[0]) as f:
            self.fingerprint = hashlib.sha256(ssl.PEM_cert_to_DER_cert(f.read())).hexdigest()


@case
def a_login_without_a_secret_is_refused_unless_the_site_has_a_key():
    """a certificate opens no sealed mail, and says so; with a key of the site that auth has it does, and whose is told to the user"""
    mine, other = Certificate("mine"), Certificate("other")
    ports = {"imap": free_port(), "pop3": free_port()}
    plain = "".join(f'{{ name = "{name}"; protocol = "{name.rstrip("s")}"; address = "127.0.0.1"; port = {server.ports[name]}; '
                    f'tls = {"true" if name.endswith("s") else "false"}; }}, ' for name in ("imap", "imaps", "pop3", "pop3s", "lmtp"))
    asking = ", ".join(f'{{ name = "asking-{name}"; protocol = "{name}"; address = "127.0.0.1"; port = {port}; tls = true; client_certificates = true; }}'
                       for name, port in ports.items())
    sso = {"sasl-external__enabled": "true", "listen__listeners": f"( {plain} {asking} )",
           "sasl-external__certificates": f'( "{mine.fingerprint} {address("u0001")}", "{other.fingerprint} {address("u0002")}" )'}
    restart(**sso)
    records("crypt", "enable", address("u0001"))
    with session("u0001") as c:
        equal(c.alerts, [], "nothing is told")
    server.deliver(MAIL, "u0001")
    with session("u0002", port=ports["imap"], certificate=other) as c:
        equal(c.noop()[0], "OK", "a user without a ring")
    try:
        session("u0001", port=ports["imap"], certificate=mine)
        raise AssertionError("the login should be refused")
    except imaplib.IMAP4.error as e:
        equal("[CONTACTADMIN] Your mail is sealed" in str(e), True, f"IMAP says {e}")
    context = strict_context(server.ca_file)
    context.load_cert_chain(*mine.files)
    p = poplib.POP3_SSL("localhost", ports["pop3"], context=context, timeout=60)
    try:
        p._shortcmd("AUTH EXTERNAL =")
        raise AssertionError("the login should be refused")
    except poplib.error_proto as e:
        equal("-ERR [SYS/PERM]" in str(e) and "sealed" in str(e), True, f"POP3 says {e}")
    equal("reason=no-key" in server.log() and "crypt.escrow_key" in server.log(), True, "the log")
    made = records("crypt", "escrow-key")[0]
    path = f"{STATE}/auth/escrow"
    with open(path, "w") as f:
        f.write(made["private"] + "\n")
    os.chmod(path, 0o644)
    restart(**sso, crypt__escrow=f'"{made["public"]}"', crypt__escrow_key=f'"{path}"')
    equal(openers("u0001"), ["password", "recovery"], "before a login")
    for n in (1, 2):
        with session("u0001") as c:
            equal([b"(escrow)" in x for x in c.alerts], [True] if n == 1 else [], f"login {n}: {c.alerts}")
    equal(openers("u0001"), ["escrow", "password", "recovery"], "after it")
    with session("u0001", port=ports["imap"], certificate=mine) as c:
        equal(reads(c), True, "FETCH after a login by certificate")
    records("crypt", "enable", address("u0003"))
    equal(openers("u0003"), ["escrow", "first-login", "recovery"], "a new ring")
    restart(**sso)
    with session("u0001") as c:
        equal((c.alerts, reads(c)), ([], True), "without escrow")
    equal(openers("u0001"), ["password", "recovery"], "the slot goes")
    os.unlink(path)


@case
def the_key_of_the_site_recovers_mail_and_another_program_reads_rings_by_it():
    try:
        from ring_reader import Ring
    except ImportError as e:
        raise Skip("PyNaCl is not installed for this python3") from e
    made = records("crypt", "escrow-key")[0]
    restart(crypt__escrow=f'"{made["public"]}"')
    recovery = records("crypt", "enable", address("u0004"))[0]["recovery_key"]
    server.deliver(MAIL, "u0004")
    with session("u0004") as c:
        equal([b"(escrow)" in x for x in c.alerts], [True], "the user is told")
    app = records("app-password", "add", address("u0004"), "phone", "--password", server.password)[0]["password"]
    key = Ring(ring_text("u0004")).open("escrow", bytes.fromhex(made["private"]))
    equal(len(key), 1, "opened by the site's key")
    for kind, opener in (("recovery", recovery.replace("-", "")), ("app", app.replace("-", "").lower()), ("password", server.password)):
        equal(Ring(ring_text("u0004")).open(kind, opener.encode()), key, f"opened by {kind}")
    server.cli("user", "passwd", address("u0004"), "--stdin", "--lose-mail", input="another\n")
    with session("u0004", "another") as c:
        equal(reads(c), False, "mail of before is locked")
    server.cli("crypt", "recover", address("u0004"), "--password", made["private"])
    with session("u0004", "another") as c:
        equal(reads(c), True, "mail of before, after the site's key was shown")
    keys = Ring(ring_text("u0004")).open("password", b"another")
    equal((len(keys), set(key.items()) <= set(keys.items())), (2, True), "the new password gives both keys")


def add(user, password):
    """What `user add` shows: the recovery key, or None."""
    told = json.loads(server.cli("user", "add", user if "@" in user else address(user), "--stdin", "--json", input=f"{password}\n").stdout)
    found = re.search(r": ([a-z2-7]{4}(-[a-z2-7]{4}){7})$", told.get("more", ""))
    return found and found.group(1)


def clear_files(text):
    """Files of mail in which the text lies in clear."""
    found = []
    for directory, _, names in os.walk(server.mail_root):
        for name in names:
            with contextlib.suppress(OSError), open(os.path.join(directory, name), "rb") as f:
                if text in f.read():
                    found.append(name)
    return found


@case
def a_policy_gives_new_users_rings_and_their_recovery_keys_to_who_adds_them():
    restart(crypt__policy='"new"', crypt__domains='( { name = "clear.example"; policy = "off"; } )')
    recovery = add("fresh", "first")
    equal(bool(recovery), True, "the recovery key is shown")
    equal(openers("fresh"), ["password", "recovery"], "a ring that waits for nothing")
    server.deliver(MAIL, "fresh")
    with session("fresh", "first") as c:
        equal((reads(c), c.alerts), (True, []), "the first login")
    equal(add("other@clear.example", "first"), None, "in a domain without")
    with session("u0005") as c:
        equal(c.alerts, [], "a user who was there")
    equal(openers("u0005"), [], "gets no ring")
    server.cli("user", "passwd", address("fresh"), "--stdin", "--lose-mail", input="second\n")
    server.cli("crypt", "recover", address("fresh"), "--password", recovery)
    with session("fresh", "second") as c:
        equal(reads(c), True, "recovered")
    server.cli("user", "del", address("fresh"))
    equal(add("fresh", "somebody else"), None, "somebody of the same name")
    server.deliver(MAIL, "fresh")
    with session("fresh", "somebody else") as c:
        equal((reads(c, 1), reads(c, 2)), (False, True), "cannot read the mail of before")


@case
def with_the_policy_everyone_a_login_with_the_password_makes_the_ring():
    restart(crypt__policy='"everyone"', crypt__domains="( )")
    text = b"Subject: x\r\n\r\nKranichflugzeit\r\n"
    with session("u0006") as c:
        equal([b"recovery key" in x for x in c.alerts], [True], f"the user is told: {c.alerts}")
        equal(c.append("INBOX", None, None, text)[0], "OK", "APPEND")
    equal(clear_files(b"Kranichflugzeit"), [], "what the session stored that made the ring")
    equal(openers("u0006"), ["password"], "slots")
    server.deliver(MAIL, "u0006")
    with session("u0006") as c:
        equal((c.alerts, reads(c, 2)), ([], True), "the next login")
    server.cli("user", "passwd", address("u0006"), "--stdin", input=f"another\n{server.password}\n")
    key = records("crypt", "recovery-key", address("u0006"), "--password", "another")[0]["recovery_key"]
    equal((len(key), openers("u0006")), (39, ["password", "password", "recovery"]), "a recovery key is made later")
    server.cli("crypt", "disable", address("u0013"))
    server.cli("crypt", "disable", address("u0006"))
    with session("u0006", "another") as c:
        wait_for(lambda: not os.path.exists(f"{STATE}/auth/rings/{address('u0006')}.ring"), "the mail of u0006 is open")
        equal(reads(c, 2), True, "its mail")
    for user, password in (("u0006", "another"), ("u0013", None)):
        with session(user, password) as c:
            equal((c.alerts, openers(user)), ([], []), f"{user}, who was disabled, gets no ring")
    server.cli("crypt", "enable", address("u0013"))
    with session("u0013"):
        equal(openers("u0013"), ["password", "recovery"], "until he is enabled")
    server.cli("auth", "test", address("u0007"), "--stdin", input=f"{server.password}\n", check=False)
    equal(openers("u0007"), [], "a test of a login makes none")


def lose_rings():
    """The mail is there, and nothing of what auth had of it."""
    server.stop("--keep")
    for name in os.listdir(f"{STATE}/auth/rings"):
        os.unlink(f"{STATE}/auth/rings/{name}")
    server.start()


def is_put_off(user):
    w = Wire(server, "lmtp")
    w.line()
    w.send(b"LHLO test.example\r\n")
    w.reply()
    w.ask(b"MAIL FROM:<a@example.net>", b"250")
    w.ask(f"RCPT TO:<{address(user)}>".encode(), b"250")
    w.ask(b"DATA", b"354")
    w.send(MAIL + b".\r\n")
    reply = w.line()
    w.close()
    return reply.startswith(b"4")


def copy_of(user):
    return server.cli("crypt", "copy", address(user)).stdout.strip()


def forge(ring, user):
    """A copy of somebody else's ring that says it is @user's."""
    lines = ring.split(",")[:-1]
    lines[1] = f"user {address(user)}"
    body = "".join(f"{line}\n" for line in lines)
    return ",".join([*lines, "end " + hashlib.blake2b(body.encode(), digest_size=16).hexdigest()])


@case
def a_copy_beside_the_mail_brings_a_lost_ring_back():
    """what the mail alone has opens for the user's password, and for nothing that somebody else made up"""
    restart(crypt__policy='"off"')
    for user in ("u0008", "u0009"):
        records("crypt", "enable", address(user))
        with session(user) as c:
            equal(c.append("INBOX", None, None, MAIL)[0], "OK", "APPEND")
            equal(reads(c), True, "FETCH")
    server.cli("user", "passwd", address("u0012"), "--stdin", input="of an attacker\n")
    records("crypt", "enable", address("u0012"))
    with session("u0012", "of an attacker") as c:
        c.append("INBOX", None, None, MAIL)
    attacker, before = copy_of("u0012"), ring_text("u0008")
    equal("first" in copy_of("u0008"), False, "the copy has nothing that opens it")
    lose_rings()
    with session("u0008") as c:
        equal((reads(c), c.append("INBOX", None, None, MAIL)[0]), (False, "NO"), "without the ring")
    equal(is_put_off("u0008"), True, "mail that comes is put off, neither in clear nor for what the store says")
    wrong = server.cli("crypt", "restore", address("u0008"), "--ring", copy_of("u0009"), check=False)
    equal(wrong.returncode != 0, True, "another user's")
    server.cli("crypt", "restore", address("u0008"), "--ring", copy_of("u0008"))
    equal(is_put_off("u0008"), True, "until the user shows that it is right")
    with session("u0008") as c:
        equal(reads(c), True, "after the login that took it")
    server.deliver(MAIL, "u0008")
    with session("u0008") as c:
        equal(reads(c, 2), True, "mail that comes now")
    equal((ring_text("u0008").splitlines()[2], openers("u0008")), (before.splitlines()[2], ["password", "recovery"]), "the same key")
    forged = forge(attacker, "u0009")
    server.cli("crypt", "restore", address("u0009"), "--ring", forged)
    with session("u0009") as c:
        equal(reads(c), False, "a ring that somebody else made up")
    equal((is_put_off("u0009"), "does not open it" in server.log()), (True, True), "is not taken")
    server.cli("crypt", "restore", address("u0009"), "--ring", copy_of("u0009"))
    with session("u0009") as c:
        equal(reads(c), True, "the true one")


@case
def a_copy_becomes_a_key_of_before_where_there_is_another_ring():
    restart(crypt__policy='"off"')
    records("crypt", "enable", address("u0011"))
    with session("u0011") as c:
        c.append("INBOX", None, None, MAIL)
        equal(reads(c), True, "FETCH")
    lose_rings()
    records("crypt", "enable", address("u0011"))
    with session("u0011") as c:
        equal((c.append("INBOX", None, None, MAIL)[0], reads(c, 1), reads(c, 2)), ("OK", False, True), "with another ring")
    server.cli("crypt", "restore", address("u0011"), "--ring", copy_of("u0011"))
    for _ in range(2):
        with session("u0011") as c:
            equal((reads(c, 1), reads(c, 2)), (True, True), "after the copy was taken")
    equal(records("crypt", "status", address("u0011"))[0]["former_keys"], 1, "a key of before")
    server.cli("crypt", "rekey", address("u0011"), "--password", server.password)

    def is_forgotten():
        with session("u0011") as c:
            return reads(c, 1) and reads(c, 2) and records("crypt", "status", address("u0011"))[0]["former_keys"] == 0
    wait_for(is_forgotten, "the keys of before are forgotten")
    with session("u0011") as c:
        equal(reads(c, 1), True, "FETCH")
    equal([copy_of("u0011").count(word) for word in (",public ", ",former ")], [1, 0], "keys in the copy")


@case
def keys_and_what_opens_them_are_wiped_after_the_last_logout():
    try:
        from ring_reader import Ring
    except ImportError as e:
        raise Skip("PyNaCl is not installed for this python3") from e
    restart()
    made = records("crypt", "escrow-key")[0]
    restart(crypt__escrow=f'"{made["public"]}"')
    recovery = records("crypt", "enable", address("u0010"))[0]["recovery_key"]
    password = "Kranichflugzeit im Herbst"
    server.cli("user", "passwd", address("u0010"), "--stdin", input=f"{password}\n")
    session("u0010", password).logout()
    app = records("app-password", "add", address("u0010"), "phone", "--password", password)[0]["password"]
    server.deliver(MAIL, "u0010")
    for word in (password, app):
        with session("u0010", word) as c:
            equal(reads(c), True, "FETCH")
            there = re.compile(re.escape(address("u0010").encode()))
            equal(bool(memory_of(server, there)), True, "the search of this test finds what is there")
    server.cli("crypt", "recover", address("u0010"), "--password", recovery)
    session("u0010", password).logout()
    server.cli("crypt", "recovery-key", address("u0010"), "--password", made["private"])
    keys = Ring(ring_text("u0010")).open("escrow", bytes.fromhex(made["private"]))
    secrets = [*keys.values(), password.encode(), bytes.fromhex(made["private"]), made["private"].encode(), recovery.replace("-", "").encode(),
               recovery.encode(), app.replace("-", "").encode()]
    for secret in secrets:
        wait_for(lambda: not memory_of(server, re.compile(re.escape(secret))), lambda: f"memory without secret {secrets.index(secret)}: "
                 f"{[line.split(':')[0] for line in memory_of(server, re.compile(re.escape(secret)))][:5]}", 30)


main()
