#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Logins by tokens: curl and Python's imaplib and poplib with OAUTHBEARER and XOAUTH2, and tokens that are signed."""
import base64
import imaplib
import json
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tokens  # noqa: E402
from mta import DovecotClient, listeners, run_path  # noqa: E402
from tap import Server, case, equal, lacking, main, run, scratch, strict_context, wait_for  # noqa: E402
from tokens import bearer, xoauth2  # noqa: E402
from wire import Wire  # noqa: E402

place = scratch()
os.chmod(place, 0o755)
issuer, other = tokens.Issuer(place), tokens.Issuer(place, "2")
KEYS = os.path.join(place, "keys.json")
tokens.write_keys(KEYS, issuer)
OPTIONS = [x for key, value in {
    "sasl-oauth.enabled": "true", "sasl-oauth.key_file": f'"{KEYS}"', "sasl-oauth.issuer": f'"{tokens.ISSUER}"', "sasl-oauth.audience": '[ "mail" ]',
    "sasl-oauth.scope": '[ "imap" ]', "sasl-oauth.openid_configuration": '"https://idp.example.org/openid"', "auth.failure_delay": '"0"',
    "limits.login_failures": "10000"}.items() for x in ("--set", f"{key}={value}")]
server = Server(*OPTIONS, users=4)
if "sasl-oauth" not in server.cli("module", "list").stdout:
    lacking("the server was built without sasl-oauth (libcurl, Jansson)")


class Lines(Wire):
    """Lines under TLS, without their ends; an empty one where the server has closed."""

    def __init__(self, service):
        super().__init__(server, service, tls=True)
        self.line()

    def line(self):
        return super().line().rstrip(b"\r\n")


def connect(which=None):
    which = which or server
    return imaplib.IMAP4_SSL("127.0.0.1", which.imaps, ssl_context=strict_context(which.ca_file), timeout=120)


def imap(mechanism, message, which=None):
    """("OK" or the code of the refusal, the challenges that came)."""
    c = connect(which)
    challenges = []

    def respond(challenge):
        challenges.append(challenge)
        return message if len(challenges) == 1 else b"\x01"
    try:
        c.authenticate(mechanism, respond)
        return "OK", challenges
    except imaplib.IMAP4.error as e:
        return re.search(r"\[([A-Z]+)\]", str(e)).group(1), challenges
    finally:
        c.shutdown()


def login(token, user="u0001", which=None):
    return imap("OAUTHBEARER", bearer(user, token), which)[0]


def pop3(first, mechanism="OAUTHBEARER"):
    """The reply, and the challenge of a failure."""
    w = Lines("pop3s")
    w.send(f"AUTH {mechanism}\r\n".encode())
    equal(w.line(), b"+ ", "an empty challenge")
    w.send(base64.b64encode(first) + b"\r\n")
    got, challenge = w.line(), None
    if got.startswith(b"+ "):
        challenge = json.loads(base64.b64decode(got[2:]))
        w.send(b"AQ==\r\n")
        got = w.line()
    w.s.close()
    return got[:3].decode().strip(), challenge


def curl(url, token, *more, user="u0001"):
    r = run("curl", "--silent", "--show-error", "--cacert", server.ca_file, "--max-time", "120", "--user", user, "--oauth2-bearer", token, *more, url,
            check=False, text=True)
    return r.returncode, r.stdout + r.stderr


@case
def offered():
    """both mechanisms are listed, on IMAP and POP3"""
    c = connect()
    equal({"AUTH=OAUTHBEARER", "AUTH=XOAUTH2", "SASL-IR"} <= set(c.capabilities), True, str(c.capabilities))
    c.shutdown()
    w = Lines("pop3s")
    w.send(b"CAPA\r\n")
    lines = []
    while not lines or lines[-1] not in (b".", b""):
        lines.append(w.line())
    sasl = next(line for line in lines if line.startswith(b"SASL ")).split()
    equal({b"OAUTHBEARER", b"XOAUTH2"} <= set(sasl), True, str(sasl))
    w.s.close()


@case
def clients():
    """curl gets in by both mechanisms on IMAP and POP3, with an initial response and without; so do imaplib and POP3"""
    token = issuer.token()
    for scheme, port in (("imaps", server.imaps), ("pop3s", server.pop3s)):
        for options in ((), ("--sasl-ir",), ("--login-options", "AUTH=XOAUTH2"), ("--login-options", "AUTH=XOAUTH2", "--sasl-ir")):
            rc, said = curl(f"{scheme}://localhost:{port}/", token, *options)
            equal(rc, 0, f"{scheme} {options}: {said}")
            rc, said = curl(f"{scheme}://localhost:{port}/", issuer.token(aud="web"), *options)
            equal(rc, 67, f"{scheme} {options}, a token for somebody else: {said}")
    equal(imap("OAUTHBEARER", bearer("u0001", token)), ("OK", [b""]), "imaplib")
    equal(imap("XOAUTH2", xoauth2("u0001@example.org", token)), ("OK", [b""]), "imaplib, XOAUTH2")
    equal(pop3(bearer("u0001", token)), ("+OK", None), "POP3")
    equal(pop3(xoauth2("u0001", token), "XOAUTH2"), ("+OK", None), "POP3, XOAUTH2")
    equal(token in server.log(), False, "the token is in the log")


BAD = {
    "expired": dict(exp=1000000000), "not yet": dict(nbf=4000000000), "without an end": dict(exp=None), "for another service": dict(aud="web"),
    "of another issuer": dict(iss="https://idp.example.org/realms/other"), "of another user": dict(user="u0002"), "of nobody": dict(user=None),
    "of an unknown user": dict(user="nobody"), "unsigned": dict(header={"alg": "none"}), "HS256": dict(header={"alg": "HS256"}),
    "of an unknown key": dict(header={"kid": "7"}), "another use": dict(header={"typ": "logout+jwt"}),
}


@case
def refused():
    """what is wrong is told in JSON as a challenge, and after the client's answer the login fails; both names look the same"""
    failure = {"status": "invalid_token", "scope": "imap", "openid-configuration": "https://idp.example.org/openid"}
    for what, claims in BAD.items():
        status, challenges = imap("OAUTHBEARER", bearer("u0001", issuer.token(**claims)))
        equal((status, json.loads(challenges[1])), ("AUTHENTICATIONFAILED", failure), what)
    for token in (other.token(header={"kid": "1"}), "abc", "a.b.c", issuer.token()[:-8]):
        status, challenges = imap("OAUTHBEARER", bearer("u0001", token))
        equal((status, json.loads(challenges[1])), ("AUTHENTICATIONFAILED", failure), token)
    equal(imap("OAUTHBEARER", bearer("nobody", issuer.token("nobody")))[1][1:], [json.dumps(failure, separators=(",", ":")).encode()], "an unknown user")
    status, challenges = imap("OAUTHBEARER", bearer("u0001", issuer.token(scope="openid")))
    equal((status, json.loads(challenges[1])["status"]), ("AUTHENTICATIONFAILED", "insufficient_scope"), "scope")
    status, challenges = imap("XOAUTH2", xoauth2("u0001", issuer.token(aud="web")))
    equal((status, json.loads(challenges[1])), ("AUTHENTICATIONFAILED", {"status": "401", "schemes": "Bearer", "scope": "imap"}), "XOAUTH2")
    equal(pop3(bearer("u0001", issuer.token(aud="web"))), ("-ER", failure), "POP3")
    equal(imap("OAUTHBEARER", b"n,a=u0001,\x01auth=\x01\x01")[1][1:], [json.dumps(failure, separators=(",", ":")).encode()], "no token: only the hint")
    wait_for(lambda: 'proof refused: rip=127.0.0.1 service=imap method=OAUTHBEARER user="u0001" why="the token has expired (exp)"' in server.log(), "the log says why")


@case
def again():
    """after a failure the connection is good for another login"""
    c = connect()
    for token, wanted in ((issuer.token(aud="web"), "NO"), (issuer.token(), "OK")):
        answers = [bearer("u0001", token), b"\x01"]
        try:
            got = c.authenticate("OAUTHBEARER", lambda _challenge, rest=answers: rest.pop(0))[0]
        except imaplib.IMAP4.error:
            got = "NO"
        equal(got, wanted, "login")
    c.logout()


@case
def hostile():
    """what is no message of the mechanism, on both protocols; the server goes on"""
    token = issuer.token()
    good = bearer("u0001", token)
    rows = [b"", b"\x01", b"\x00", good[:-1], good + b"\x00", good.replace(b"u0001", b"u0\x0001"), good.replace(b"port=143", b"port=0"),
            good.replace(b"localhost", b"local host"), good.replace(b"n,a=", b"p=tls-exporter,a="), good.replace(b"a=u0001", b""),
            good.replace(b"Bearer", b"Basic"), b"x" * 5000, b"n,a=u0001,\x01auth=Bearer " + b"a" * 5800 + b"\x01\x01"]
    for row in rows:
        equal(imap("OAUTHBEARER", row)[0], "AUTHENTICATIONFAILED", repr(row[:60]))
        equal(imap("XOAUTH2", row)[0], "AUTHENTICATIONFAILED", repr(row[:60]))
        equal(pop3(row)[0], "-ER", repr(row[:60]))
    for first in (None, good, bearer("u0001", issuer.token(aud="web"))):
        w = Lines("imaps")
        w.send(b"a AUTHENTICATE OAUTHBEARER\r\n")
        equal(w.line(), b"+ ", "challenge")
        if first == good:
            w.send(base64.b64encode(first)[:-4] + b"!\r\n")
        else:
            if first:
                w.send(base64.b64encode(first) + b"\r\n")
                equal(w.line()[:2], b"+ ", "challenge")
            w.send(b"*\r\n")
        equal(w.line()[:5], b"a BAD", "given up")
        w.s.close()
    equal(login(token), "OK", "a right one afterwards")


@case
def given_up():
    """a client that gives up, or goes, when it hears of its failure has failed all the same, and is told from one that only began"""
    def count(text):
        return len(re.findall(text, server.log()))
    failures = 'auth failed: .*method=OAUTHBEARER reason=bad-password user="u0003"'
    before = count(failures)
    for end in (b"*\r\n", None):
        w = Lines("imaps")
        w.send(b"a AUTHENTICATE OAUTHBEARER " + base64.b64encode(bearer("u0003", issuer.token(aud="web"))) + b"\r\n")
        equal(w.line()[:2], b"+ ", "challenge")
        if end:
            w.send(end)
            equal(w.line()[:5], b"a BAD", "given up")
        w.s.close()
    wait_for(lambda: count(failures) == before + 2, "both are failures")
    rows = json.loads(server.cli("auth", "throttle", "list", "--json", "u0003").stdout)["entries"]
    equal([row["failures"] for row in rows if row["kind"] == "account"], [2], str(rows))


@case
def accounts():
    """a locked user is refused; the session carries the program that the token was issued to, and ends by it"""
    server.cli("user", "lock", "u0002")
    equal(login(issuer.token("u0002"), "u0002"), "AUTHENTICATIONFAILED", "locked")
    server.cli("user", "unlock", "u0002")
    c = connect()
    c.authenticate("OAUTHBEARER", lambda _challenge: bearer("u0002", issuer.token("u0002")))
    equal("oauth:thunderbird" in server.cli("devices", "u0002", "--json").stdout, True, "devices")
    server.cli("kick", "u0002", "oauth:other")
    equal(c.noop()[0], "OK", "another program's end")
    server.cli("kick", "u0002", "oauth:thunderbird")
    equal(wait_for(lambda: is_over(c), "the session ends"), True, "end")
    wait_for(lambda: "credential=oauth:thunderbird" in server.log(), "log")


def is_over(c):
    try:
        c.noop()
        return False
    except (imaplib.IMAP4.abort, OSError):
        return True


@case
def key_file():
    """another key file counts at once: its keys are good, those that are gone are not; a broken one opens nothing and harms nobody else"""
    equal(login(other.token()), "AUTHENTICATIONFAILED", "a key that is not there yet")
    tokens.write_keys(KEYS, issuer, other)
    equal([login(x.token()) for x in (issuer, other)], ["OK", "OK"], "both")
    tokens.write_keys(KEYS, other)
    equal([login(x.token()) for x in (issuer, other)], ["AUTHENTICATIONFAILED", "OK"], "the old one is gone")
    with open(KEYS, "w") as f:
        f.write('{"keys": [')
    equal(login(other.token()), "UNAVAILABLE", "a broken file")
    os.remove(KEYS)
    equal(login(other.token()), "UNAVAILABLE", "no file")
    server.imap().logout()
    pem = run("openssl", "rsa", "-in", issuer.key, "-pubout").stdout
    with open(KEYS, "wb") as f:
        f.write(pem)
    equal([login(x.token()) for x in (issuer, other)], ["OK", "AUTHENTICATIONFAILED"], "PEM")
    tokens.write_keys(KEYS, issuer)
    equal(login(issuer.token()), "OK", "as before")


@case
def explained():
    """`satchel auth test` takes a token, and says what is wrong with it"""
    def test(token, *more, user="u0001"):
        r = server.cli("auth", "test", "--mechanism", "oauthbearer", "--stdin", "--json", *more, user, check=False, input=token + "\n")
        if not r.stdout:
            return r.returncode, r.stderr
        answer = json.loads(r.stdout)
        return r.returncode, answer["reason"], answer.get("credential"), [s["found"] for s in answer["steps"] if s["step"] == "mechanism"]
    equal(test(issuer.token()), (0, "right", "oauth:thunderbird", ["takes the proof for right"]), "right")
    equal(test(issuer.token(aud="web")), (77, "bad-password", None, ["the token is for somebody else (aud)"]), "wrong")
    equal(test(issuer.token("u0002"))[3], ["the token is another user's"], "another user's")
    equal(test(issuer.token("nobody"), user="nobody")[1], "unknown-user", "unknown")
    equal(test("a b")[1], "malformed", "no token")
    before = len(re.findall("login ok", server.log()))
    equal(test(issuer.token())[0], 0, "right")
    equal(len(re.findall("login ok", server.log())), before, "no login")
    r = server.cli("auth", "test", "--mechanism", "nothing", "--stdin", "u0001", check=False, input="x\n")
    equal("is not offered" in r.stderr, True, r.stderr)


@case
def for_an_mta():
    """an MTA's clients get in by the Dovecot authentication protocol"""
    own = Server(users=1)
    own.stop("--keep")
    path = run_path(own, "mta-auth")
    own.start(*listeners(own, path, run_path(own, "mta-map")), *OPTIONS)
    c = DovecotClient(path)
    equal({"OAUTHBEARER", "XOAUTH2"} <= set(c.mechanisms()), True, str(c.mechanisms()))
    for mechanism, message in (("OAUTHBEARER", bearer), ("XOAUTH2", xoauth2)):
        c.start(mechanism, "secured", "resp=" + base64.b64encode(message("u0001", issuer.token())).decode())
        equal(c.line()[:3], ["OK", str(c.n), "user=u0001@example.org"], mechanism)
        c.start(mechanism, "secured", "resp=" + base64.b64encode(message("u0001", issuer.token(aud="web"))).decode())
        line = c.line()
        equal((line[0], "status" in json.loads(base64.b64decode(line[2]))), ("CONT", True), f"{mechanism}, refused")
        c.send(f"CONT\t{c.n}\tAQ==\n")
        equal(c.line()[0], "FAIL", f"{mechanism}, refused")
    own.stop()


@case
def factors():
    """who needs a code needs it with a token, too, unless the issuer's word counts as one; where passwords are shut, tokens are not"""
    own = Server(users=2)
    own.stop("--keep")
    store = os.path.join(os.path.dirname(own.config_dir), "state/auth/totp")
    with open(store + ".key", "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as f:
        f.write("a master key of 32 characters or more\n")
    status = os.stat(os.path.dirname(store))
    os.chown(store + ".key", status.st_uid, status.st_gid)
    more = [*OPTIONS, "--set", "totp.enabled=true", "--set", f'totp.key="file:{store}.key"', "--set", f'totp.path="{store}"',
            "--set", 'totp.policy="required"', "--set", 'auth.main_password="nowhere"']
    own.start(*more)
    equal(login(issuer.token(), which=own), "AUTHENTICATIONFAILED", "required, and the token is no factor")
    wait_for(lambda: "method=OAUTHBEARER reason=code-missing" in own.log(), "the log says why")
    own.stop("--keep")
    own.start(*more, "--set", "sasl-oauth.is_second_factor=true")
    equal(login(issuer.token(), which=own), "OK", "the token is a factor")
    equal(login(issuer.token(aud="web"), which=own), "AUTHENTICATIONFAILED", "a wrong one is none")
    c = connect(own)
    try:
        c.login("u0001", own.password)
        got = "OK"
    except imaplib.IMAP4.error:
        got = "NO"
    equal(got, "NO", "the password")
    c.shutdown()
    own.stop()


@case
def sealed_mail():
    """a token opens no sealed mail, and is refused with the reason; for another user it is good, and so it is with a key of the site"""
    if "crypt" not in server.cli("module", "list").stdout:
        lacking("the server was built without crypt (libsodium)")
    own = Server(users=2)
    rings = os.path.join(os.path.dirname(own.config_dir), "state/auth/rings")

    def start(*more):
        own.stop("--keep")
        own.start(*OPTIONS, "--set", "crypt.enabled=true", "--set", f'crypt.path="{rings}"', "--set", 'crypt.memory="8K"', *more)
    start()
    own.cli("crypt", "enable", f"u0001@{own.domain}")
    own.imap("u0001").logout()
    equal(login(issuer.token(), which=own), "CONTACTADMIN", "whose mail is sealed")
    equal(login(issuer.token("u0002"), "u0002", which=own), "OK", "whose mail is not")
    wait_for(lambda: "method=OAUTHBEARER reason=no-key" in own.log(), "the log says why")
    path = run_path(own, "mta-auth")
    start(*listeners(own, path, run_path(own, "mta-map")))
    c = DovecotClient(path)
    c.start("OAUTHBEARER", "secured", "resp=" + base64.b64encode(bearer("u0001", issuer.token())).decode())
    equal(c.line()[0], "OK", "an MTA's client, for whom no mail is opened")
    own = Server(users=2)
    rings = os.path.join(os.path.dirname(own.config_dir), "state/auth/rings")
    start()
    own.cli("crypt", "enable", f"u0001@{own.domain}")
    own.imap("u0001").logout()
    made = json.loads(own.cli("crypt", "escrow-key", "--json").stdout.splitlines()[0])
    with open(rings + ".escrow", "w") as f:
        f.write(made["private"])
    os.chmod(rings + ".escrow", 0o644)
    start("--set", f'crypt.escrow="{made["public"]}"', "--set", f'crypt.escrow_key="{rings}.escrow"')
    equal(login(issuer.token(), which=own), "CONTACTADMIN", "until a login with the password")
    own.imap("u0001").logout()
    equal(login(issuer.token(), which=own), "OK", "with a key of the site")
    own.stop()


@case
def refused_settings():
    """settings that would take tokens of any service do not start the server"""
    for missing, key in ((("sasl-oauth.audience", "[ ]"), "audience"), (("sasl-oauth.scope", '[ "a\\"b" ]'), "scope")):
        r = server.cli("config", "check", *OPTIONS, "--set", "=".join(missing), check=False)
        equal((r.returncode != 0, key in r.stderr + r.stdout), (True, True), r.stderr + r.stdout)


if __name__ == "__main__":
    main()
