#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Debian's Postfix asks us: submission by the Dovecot authentication protocol, with passwords and one-time codes, and recipients by
the socketmap.  It lives in an overlay of the root file system."""
import base64
import json
import os
import re
import signal
import smtplib
import socket
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from mta import listeners  # noqa: E402
from overlay import POSTFIX_PACKAGES, Overlay  # noqa: E402
from programs import MAIL, PROGRAMS, Place  # noqa: E402
from tap import TOP, Server, Skip, at_end, case, equal, free_port, main, need, strict_context, wait_for  # noqa: E402

OATHTOOL = "oathtool"
need(OATHTOOL)
state = {}
CLIENT = "127.0.0.3"  # the address of the client of submission


def in_root(*command, **options):
    return state["overlay"].run(*command, **options)


def start():
    overlay = state["overlay"] = Overlay(*POSTFIX_PACKAGES)
    private = overlay.root + "/var/spool/postfix/private"
    if len(private.encode()) > 90:
        raise Skip("the path of the sockets is too long here")
    server = Server(users=11)
    store = os.path.join(os.path.dirname(server.config_dir), "state/auth/totp")
    with open(store + ".key", "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as f:
        f.write("a master key of 32 characters or more\n")
    os.chown(store + ".key", os.stat(os.path.dirname(store)).st_uid, os.stat(os.path.dirname(store)).st_gid)
    server.stop("--keep")
    group = in_root("getent", "group", "postfix", text=True).stdout.split(":")[2]
    server.start(*listeners(server, private + "/satchel-auth", private + "/satchel-map", f'group = "{group}";'), "--set", "totp.enabled=true", "--set", f'totp.key="file:{store}.key"',
                 "--set", f'totp.path="{store}"', "--set", "app-passwords.enabled=true",
                 "--set", f'app-passwords.path="{os.path.dirname(store)}/app-passwords"', "--set", 'auth.explain="always"', "--set", "limits.login_failures=40", "--set", 'auth.failure_delay="0"')
    port = state["port"] = free_port()
    with open(os.path.join(TOP, "docs/admin-guide.md")) as f:
        guide = f.read()
    lines = {key: re.search(rf"^ +{key} = (.+)$", guide, re.M)[1] for key in ("smtpd_sasl_type", "smtpd_sasl_path", "virtual_mailbox_maps")}
    equal(lines, {"smtpd_sasl_type": "dovecot", "smtpd_sasl_path": "private/satchel-auth", "virtual_mailbox_maps": "proxy:socketmap:unix:/run/satchel/socketmap:recipients"},
          "the guide's lines")
    main_cf = {
        "inet_interfaces": "loopback-only", "inet_protocols": "ipv4", "myhostname": "mta.example.net", "mydestination": "", "relay_domains": "",
        "virtual_mailbox_domains": server.domain, "virtual_transport": f"lmtp:inet:127.0.0.1:{server.lmtp}", "mynetworks": "192.0.2.0/24",
        "compatibility_level": "3.6", "alias_maps": "", "alias_database": "", "maillog_file": "/var/log/postfix.log", "recipient_delimiter": "+",
        "smtpd_peername_lookup": "no", "smtpd_error_sleep_time": "0", "smtpd_client_connection_rate_limit": "0",
        "smtpd_relay_restrictions": "permit_mynetworks,permit_sasl_authenticated,reject_unauth_destination",
        **lines, "virtual_mailbox_maps": "socketmap:unix:private/satchel-map:recipients",
        "smtpd_sasl_auth_enable": "yes", "smtpd_tls_security_level": "may", "smtpd_tls_auth_only": "yes",
        "smtpd_tls_chain_files": "/etc/postfix/chain.pem",
    }
    with open(overlay.root + "/etc/postfix/chain.pem", "w") as chain:
        tls = os.path.dirname(server.ca_file)
        for name in ("key.pem", "cert.pem"):
            with open(os.path.join(tls, name)) as f:
                chain.write(f.read())
    in_root("postconf", "-e", *(f"{k}={v}" for k, v in main_cf.items()))
    in_root("postconf", "-M#", "smtp/inet", check=False)
    in_root("postconf", "-Me", f"127.0.0.1:{port}/inet=127.0.0.1:{port} inet n - y - - smtpd")
    in_root("postfix", "start")
    at_end(lambda: in_root("postfix", "abort", check=False))
    state["server"] = server
    return server


def begin():
    return state.get("server") or start()


def connect(source=CLIENT):
    """A client of submission, under TLS.  A smtpd that could not go on is gone; the next one serves."""
    c = smtplib.SMTP("127.0.0.1", state["port"], timeout=120, source_address=(source, 0))
    c.ehlo()
    c.starttls(context=strict_context(state["server"].ca_file))
    c.ehlo()
    return c


def submit(user, password, mechanism="PLAIN", source=CLIENT):
    """(code, text) of the login; what is sent then must be taken."""
    with connect(source) as c:
        if mechanism == "PLAIN":
            got = c.docmd("AUTH", "PLAIN " + base64.b64encode(f"\0{user}\0{password}".encode()).decode())
        else:
            c.docmd("AUTH", "LOGIN")
            c.docmd(base64.b64encode(user.encode()).decode())
            got = c.docmd(base64.b64encode(password.encode()).decode())
        if got[0] == 235:
            equal(c.mail("u0001@example.org")[0], 250, "MAIL")
            equal(c.rcpt("somebody@elsewhere.example")[0], 250, "relaying for who logged in")
        return got


def stranger_says(recipient):
    with smtplib.SMTP("127.0.0.1", state["port"], timeout=120) as c:
        c.ehlo("stranger.example.com")
        c.mail("forged@example.com")
        return c.rcpt(recipient)


def imap(user, password):
    """A login from the address of the client of submission."""
    raw = socket.create_connection(("127.0.0.1", state["server"].imaps), 60, (CLIENT, 0))
    with strict_context(state["server"].ca_file).wrap_socket(raw, server_hostname="127.0.0.1") as s:
        f = s.makefile("rb")
        f.readline()
        s.sendall(f'a LOGIN {user} "{password}"\r\n'.encode())
        while not (line := f.readline()).startswith(b"a "):
            equal(line != b"", True, "the server goes on")
        return "OK" if line.startswith(b"a OK") else line.decode()


def enrol(user):
    lines = state["server"].cli("totp", "enrol", user, "--no-confirm", "--json").stdout.splitlines()
    return json.loads(lines[0])["secret"]


def code(secret):
    return subprocess.run([OATHTOOL, "--totp", "-b", secret], capture_output=True, text=True, check=True).stdout.strip()


def auth_pid():
    (pid,) = [pid for pid, role in state["server"].roles().items() if role == "auth"]
    return pid


@case
def passwords():
    """the right password submits, by PLAIN and LOGIN; a wrong one is refused, with the client's address in our log"""
    server = begin()
    with connect() as c:
        equal(set(c.esmtp_features["auth"].split()), {"PLAIN", "LOGIN"}, "what Postfix offers")
    for mechanism in ("PLAIN", "LOGIN"):
        equal(submit("u0001", server.password, mechanism)[0], 235, mechanism)
    equal(submit("u0001", "wrong")[0], 535, "a wrong password")
    equal(submit("nobody", "wrong")[0], 535, "nobody's")
    lines = server.log().splitlines()
    ok = [line for line in lines if "login ok:" in line and f"rip={CLIENT} service=smtp" in line]
    equal([("method=PLAIN" in line, "method=LOGIN" in line, "tls=yes" in line) for line in ok], [(True, False, True), (False, True, True)], f"{ok}")
    failed = [line for line in lines if "auth failed:" in line and f"rip={CLIENT} service=smtp" in line]
    equal([re.search(r"reason=(\S+)", line)[1] for line in failed], ["bad-password", "unknown-user"], f"{failed}")
    with open(state["overlay"].root + "/var/log/postfix.log") as f:
        equal("sasl_username=u0001@example.org" in f.read(), True, "the user's own name in Postfix's log")


@case
def one_time_codes():
    """with a second factor the password alone says what is missing; the string that opened a grant over IMAP submits from there"""
    begin()
    secret = enrol("u0002")
    got = submit("u0002", state["server"].password)
    equal((got[0], b"code required" in got[1]), (535, True), f"the password alone: {got}")
    stored = state["server"].password + code(secret)
    equal(imap("u0002", stored), "OK", "IMAP with the code")
    for mechanism in ("PLAIN", "LOGIN"):
        equal(submit("u0002", stored, mechanism)[0], 235, f"the same string by {mechanism}")
    equal(submit("u0002", state["server"].password + "000000")[0], 535, "another code")
    fresh = enrol("u0004")
    stored = state["server"].password + code(fresh)
    equal(submit("u0004", stored)[0], 235, "a code that comes by submission first")
    equal(imap("u0004", stored), "OK", "and then by IMAP")


@case
def after_each_program():
    """the string by which curl, poplib, mbsync, fetchmail, mpop and mutt have just logged in submits at once from there, and from nowhere else"""
    server = begin()
    readers = dict(zip((f"u{n:04}" for n in range(6, 12)), PROGRAMS.values()))
    server.deliver(MAIL, *readers)
    for reader, (program, name) in readers.items():
        need(name)
        stored = server.password + code(enrol(reader))
        equal(program(Place(server.ca_file, server.imaps, server.pop3s, reader, stored)), True, f"{name} with the code")
        for mechanism in ("PLAIN", "LOGIN"):
            equal(submit(reader, stored, mechanism, "127.0.0.1")[0], 235, f"the string of {name} by {mechanism}")
        equal(submit(reader, stored)[0], 535, f"the string of {name} from another network")


@case
def app_passwords():
    """an app password submits without a code, if it is for smtp; not once it is revoked, or its user is locked"""
    server = begin()

    def add(label, *options):
        return json.loads(server.cli("app-password", "add", "u0003", label, *options, "--json").stdout.splitlines()[0])["password"]
    phone, reader = add("Phone"), add("Reader", "--protocols", "imap,pop3")
    enrol("u0003")
    equal(submit("u0003", server.password)[0], 535, "the password alone")
    for mechanism in ("PLAIN", "LOGIN"):
        equal(submit("u0003", phone, mechanism)[0], 235, mechanism)
    equal(submit("u0003", phone.replace("-", "").upper())[0], 235, "in another form")
    equal((submit("u0003", reader)[0], imap("u0003", reader)), (535, "OK"), "one that is not for smtp")
    equal("reason=out-of-scope" in server.log(), True, "the log says why")
    server.cli("user", "lock", "u0003")
    equal((submit("u0003", phone)[0], imap("u0003", phone) == "OK"), (535, False), "a locked user")
    server.cli("user", "unlock", "u0003")
    equal(submit("u0003", phone)[0], 235, "unlocked")
    server.cli("app-password", "revoke", "u0003", "Phone")
    equal(submit("u0003", phone)[0], 535, "revoked")
    server.cli("totp", "reset", "u0003")


@case
def recipients():
    """known recipients are taken, unknown ones refused for good, and nobody is refused while the database cannot be read"""
    server = begin()
    for recipient in ("u0001@example.org", "U0001+lists@example.org"):
        equal(stranger_says(recipient)[0], 250, recipient)
    code_, text = stranger_says("nobody@example.org")
    equal((code_, b"User unknown" in text), (550, True), text)
    passwd = os.path.join(os.path.dirname(server.config_dir), "state/auth/passwd")
    os.chmod(passwd, 0o604)  # which others may read, so that it is not believed
    try:
        wait_for(lambda: 400 <= stranger_says("u0003@example.org")[0] < 500, "a known one is put off")
        wait_for(lambda: 400 <= stranger_says("nobody@example.org")[0] < 500, "an unknown one as well")
    finally:
        os.chmod(passwd, 0o600)
    wait_for(lambda: stranger_says("u0003@example.org")[0] == 250, "the database is back")
    equal(stranger_says("nobody@example.org")[0], 550, "and knows who is not there")


@case
def guessing():
    """guesses by submission count for the account, and then its right password is refused from there"""
    server = begin()
    n = 0
    while not [line for line in server.log().splitlines() if "reason=throttled" in line and f"rip={CLIENT} service=smtp" in line]:
        n += 1
        equal(n < 60, True, "it ends")
        equal(submit("u0005", f"guess {n}")[0], 535, "a guess")
    equal(submit("u0005", server.password)[0], 535, "the right password")


@case
def auth_stopped():
    """auth that hangs is a failure for the moment, and Postfix goes on when auth does"""
    server = begin()
    equal(submit("u0001", server.password)[0], 235, "before")
    pid = auth_pid()
    os.kill(pid, signal.SIGSTOP)
    try:
        equal(submit("u0001", server.password)[0], 454, "while it hangs")
    finally:
        os.kill(pid, signal.SIGCONT)
    wait_for(lambda: submit("u0001", server.password)[0] == 235, "afterwards")
    os.kill(auth_pid(), signal.SIGKILL)
    wait_for(lambda: submit("u0001", server.password)[0] == 235, "after auth was killed")


main()
