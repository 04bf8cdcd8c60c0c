#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Logins that go wrong in every way: codes used again, passwords that look like codes, exchanges that are given up, names that are
none, users who change while they are remembered, and a damaged database of passwords.  tests/README.md has the list of cases."""
import base64
import imaplib
import os
import random
import re
import signal
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from factor import AWAY, HOME, FactorServer  # noqa: E402
from tap import case, equal, main, need, strict_context, wait_for  # noqa: E402

need("oathtool")
SCRAM = ("--set", "sasl-scram.enabled=true", "--set", "sasl-scram.iterations=4096", "--set", "passwd-file.scram_iterations=4096",
         "--set", "sasl-external.enabled=true")
# The master is not to end auth while a test has stopped it.
totp = FactorServer("--set", 'auth.explain="always"', "--set", 'server.hang_time="10m"', "--set", "limits.login_failures=1000", users=9, app_passwords=True)
server = totp.server
PASSWORD = server.password
PASSWD = os.path.join(os.path.dirname(totp.store), "passwd")
DOMAIN = "@example.org"


def auth_pid():
    pid, = [pid for pid, role in server.roles().items() if role == "auth"]
    return pid


def is_refused(said):
    return said != "OK" and "UNAVAILABLE" not in said


def set_password(user, password):
    server.cli("user", "passwd", user, "--stdin", input=password + "\n")


def n_logins(user):
    return len(re.findall(rf'login ok: user="?{user}{DOMAIN}', server.log()))


@case
def codes_again():
    """a code that was used: the whole string works at its place over every protocol, and no part of it anywhere else"""
    secret = totp.enrol("u0001")
    code = totp.code(secret)
    typed = PASSWORD + code
    app = totp.app_password("u0001")
    for _ in range(3):  # remembered the second time
        equal((totp.imap("u0001", typed), totp.pop3("u0001", typed)), ("OK", "OK"), "the string at its place")
    for login in (totp.imap, totp.pop3):
        equal("used already" in login("u0001", typed, AWAY), True, "elsewhere")
        equal("used already" in login("u0001", PASSWORD + " " + code), True, "the code with another separator")
        equal("code required" in login("u0001", PASSWORD), True, "the password alone, at its place")
        equal(is_refused(login("u0001", "x" + code)), True, "the code with another password")
        equal(is_refused(login("u0001", app + code)), True, "the code behind an app password")
        equal(is_refused(login("u0002", typed)), True, "the string of another user, whose password is the same")
        equal(login("u0001", app, AWAY), "OK", "an app password needs none")
    equal("used already" in totp.imap_from("203.0.113.5", "u0001", typed), True, "from outside")
    set_password("u0001", "new")
    equal(is_refused(totp.imap("u0001", typed)), True, "the string, when the password is another")
    equal("used already" in totp.imap("u0001", "new" + code), True, "the code behind the new password")
    equal(totp.imap("u0001", app), "OK", "the app password goes on")
    equal([g["network"] for g in totp.grants("u0001")].count(AWAY), 0, "no grant came of it")


@case
def passwords_like_codes():
    """passwords that end in digits, or are six digits, with a code and without"""
    for password in ("secret123456", "654321", "12345678901234"):
        server.cli("totp", "reset", "u0003", check=False)
        set_password("u0003", password)
        equal(totp.imap("u0003", password), "OK", f"{password}, not enrolled")
        secret = totp.enrol("u0003")
        equal(is_refused(totp.imap("u0003", password)), True, f"{password} alone, enrolled")
        equal(totp.pop3("u0003", password + totp.code(secret)), "OK", f"{password} and a code")
        later = totp.code(secret, 30)
        equal(totp.imap("u0003", f"{password} {later[:3]} {later[3:]}"), "OK", f"{password} and a code with blanks")


@case
def switched_on_in_a_session():
    """codes that are switched on while a session goes on and its login is remembered: it goes on, and the next login needs one"""
    for _ in range(2):
        equal(totp.imap("u0004", PASSWORD), "OK", "before")
    c = server.imap("u0004")
    secret = totp.enrol("u0004")
    for login in (totp.imap, totp.pop3):
        equal("code required" in login("u0004", PASSWORD), True, "the password alone, though it is remembered")
    equal(c.noop()[0], "OK", "the session")
    equal(totp.imap("u0004", PASSWORD + totp.code(secret)), "OK", "with a code")
    server.cli("totp", "reset", "u0004")
    equal(totp.imap("u0004", PASSWORD), "OK", "switched off")
    c.logout()


@case
def remembered_logins():
    """a lock, another password and another user of the same name count at once, also for a login that is remembered"""
    for _ in range(2):
        equal((totp.imap("u0005", PASSWORD), totp.imap("u0006", PASSWORD)), ("OK", "OK"), "two users, one password")
    server.cli("user", "lock", "u0005")
    equal((is_refused(totp.imap("u0005", PASSWORD)), totp.imap("u0006", PASSWORD)), (True, "OK"), "one of them is locked")
    server.cli("user", "unlock", "u0005")
    equal(totp.imap("u0005", PASSWORD), "OK", "and unlocked")
    set_password("u0005", "other")
    equal((is_refused(totp.imap("u0005", PASSWORD)), totp.imap("u0006", PASSWORD)), (True, "OK"), "has another password")
    equal(totp.imap("u0005", "other"), "OK", "which is good")
    server.cli("user", "del", "u0005")
    equal(is_refused(totp.imap("u0005", "other")), True, "is removed")
    server.cli("user", "add", "u0005", "--stdin", input="third\n")
    equal((is_refused(totp.imap("u0005", "other")), totp.imap("u0005", "third")), (True, "OK"), "is made anew")
    set_password("u0005", PASSWORD)


NAMES = [b"", b" ", b"u0007 ", b" u0007", b"u0007\t", b"../u0007", b"x/../u0007", b".", b"..", b"'; --", b"' OR '1'='1", b"%n%s%x", b"*", b"u000*",
         b"u0007\xff", b"\xc0\xae", b"\xed\xa0\x80", "ｕ0007".encode(), "u\u043e007".encode(), "u0007\u200b".encode(), "u0007\u202e".encode(),
         b"u0007@", b"@example.org", b"u0007@@example.org", b"u0007@example.org@example.org", b"u0007@example.com", b"u0007+x", b"u0007\x7f", b"u0007\x01",
         b"u" * 255, b"u" * 5000, b"u" * 65536, b"\xc3\xa4" * 30000]


def line_client(source=HOME):
    s = totp.connect(server.imaps, source)
    f = s.makefile("rb")
    equal(f.readline()[:4], b"* OK", "greeting")
    return s, f


def reply_to(s, f, *parts):
    """The tagged reply, or b"" at the end of the connection, which a line that is too long may be."""
    try:
        for n, part in enumerate(parts):
            s.sendall(part)
            if n + 1 < len(parts) and not (line := f.readline()).startswith(b"+"):
                return line
        while (line := f.readline()).startswith(b"* "):
            pass
        return line
    except OSError:
        return b""


def plain(name, password=b"pw", authorisation=b""):
    return base64.b64encode(authorisation + b"\0" + name + b"\0" + password) + b"\r\n"


@case
def names():
    """names that are none, by LOGIN, by PLAIN and over POP3: refused with the text of all failures, and no line of the log is forged"""
    pid = auth_pid()
    for name in NAMES:
        s, f = line_client()
        got = reply_to(s, f, b"a LOGIN {%d}\r\n" % len(name), name + b" " + PASSWORD.encode() + b"\r\n")
        equal(got[:4] in (b"a NO", b"a BA", b"* BY", b""), True, f"LOGIN {name[:40]!r}: {got!r}")
        s.close()
        s, f = line_client()
        got = reply_to(s, f, b"a AUTHENTICATE PLAIN\r\n", plain(name, PASSWORD.encode()))
        equal(got[:4] in (b"a NO", b"a BA", b"* BY", b""), True, f"PLAIN {name[:40]!r}: {got!r}")
        s.close()
        with totp.connect(server.pop3s, HOME) as p:
            file = p.makefile("rb")
            file.readline()
            try:
                p.sendall(b"USER " + name.replace(b"\n", b"") + b"\r\n")
                file.readline()
                p.sendall(b"PASS " + PASSWORD.encode() + b"\r\n")
                got = file.readline()
            except OSError:
                got = b""
            equal(got[:4] in (b"-ERR", b""), True, f"USER {name[:40]!r}: {got!r}")
    for name in (b"u0007\0", b"\0", b"u0007\0x"):
        s, f = line_client()
        equal(reply_to(s, f, b"a AUTHENTICATE PLAIN\r\n", plain(name, PASSWORD.encode()))[:4] in (b"a NO", b"a BA"), True, f"a NUL: {name!r}")
        s.close()
    s, f = line_client()
    equal(reply_to(s, f, b"a AUTHENTICATE PLAIN\r\n", plain(b"u0006", PASSWORD.encode(), b"u0007"))[:4], b"a NO", "as somebody else")
    s.close()
    equal(n_logins("u0007"), 0, "logins of the user whom they resemble")
    for name in ("u0007", "U0007", "u0007@EXAMPLE.org"):
        equal(totp.imap(name, PASSWORD), "OK", f"the name itself: {name}")
    equal([line for line in server.log().splitlines() if not re.match(r"\d{4}-\d\d-\d\dT[\d:.]+Z satchel", line)][:3], [], "lines that are none")
    equal(auth_pid(), pid, "the process of auth")


MESSAGES = [b"", b"=", b"A", b"AA==", b"*x", b"////", b"n,,n=u0007,r=abc", b"\0", b"\xff\xfe", b"x" * 100, b"x" * 10000, b"x" * 100000]


@case
def exchanges_given_up():
    """every mechanism, given up, cut off or fed with rubbish at every step: nobody gets in, and the connection or the next one goes on"""
    server.stop("--keep")
    server.start(*totp.options, *SCRAM)
    set_password("u0007", PASSWORD)  # with keys for SCRAM
    pid = auth_pid()
    before = server.log().count("login ok:")
    s, f = line_client()
    s.sendall(b"a CAPABILITY\r\n")
    mechanisms = re.findall(rb"AUTH=(\S+)", f.readline())
    equal({b"PLAIN", b"LOGIN", b"SCRAM-SHA-256", b"SCRAM-SHA-256-PLUS", b"EXTERNAL"} - set(mechanisms) <= {b"EXTERNAL"}, True, f"{mechanisms}")
    s.close()
    firsts = {b"PLAIN": [], b"LOGIN": [b"dTAwMDc="], b"SCRAM-SHA-256": [base64.b64encode(b"n,,n=u0007,r=abcdefghijklmnop")],
              b"SCRAM-SHA-256-PLUS": [base64.b64encode(b"p=tls-exporter,,n=u0007,r=abcdefghijklmnop")]}
    for mechanism in [*mechanisms, b"NO-SUCH"]:
        for n_good in range(len(firsts.get(mechanism, [])) + 1):
            good = [b"a AUTHENTICATE " + mechanism + b"\r\n", *(m + b"\r\n" for m in firsts.get(mechanism, [])[:n_good])]
            for message in (b"*", None, *MESSAGES):
                what = f"{mechanism}, step {n_good}, {message[:20] if message is not None else 'cut off'!r}"
                s, f = line_client()
                if message is None:
                    if len(good) > 1:
                        reply_to(s, f, *good[:-1])
                    s.sendall(good[-1][:-2])  # half a line, and nobody waits for an answer
                    s.close()
                    continue
                got = reply_to(s, f, *good, message + b"\r\n")
                equal(got[:4] in (b"a NO", b"a BA", b"* BY", b"", b"+ \r\n") or got[:2] == b"+ ", True, f"{what}: {got!r}")
                if message == b"*" and mechanism in firsts:
                    equal(got[:5], b"a BAD", f"{what}: {got!r}")
                    equal(reply_to(s, f, b"b LOGIN u0009 wrong\r\n")[:4], b"b NO", f"{what}: a command afterwards")
                s.close()
    equal(server.log().count("login ok:"), before, "logins")
    equal(auth_pid(), pid, "the process of auth")
    equal(totp.imap("u0007", PASSWORD), "OK", "a right login")


def rewrite(content):
    with open(PASSWD, "r+b") as f:
        f.truncate(0)
        f.write(content)


@case
def damaged_passwords():
    """the file of passwords, flipped, cut and gone: no wrong password is ever taken, right ones are or are refused, sessions go on"""
    session = server.imap("u0008")
    with open(PASSWD, "rb") as f:
        whole = f.read()
    chance = random.Random(5)
    at = whole.index(b"u0008@")
    spots = [chance.randrange(at, whole.index(b"\n", at)) for _ in range(24)] + [chance.randrange(len(whole)) for _ in range(8)]
    for spot in spots:
        spoilt = bytearray(whole)
        spoilt[spot] ^= 1 << chance.randrange(8)
        rewrite(bytes(spoilt))
        equal(totp.imap("u0008", "wrong") != "OK", True, f"a wrong password, with byte {spot} flipped")
        equal(totp.imap("u0008", PASSWORD)[:2] in ("OK", "[A", "[U"), True, f"the right one, with byte {spot} flipped")
    for cut in (0, 1, len(whole) // 2, len(whole) - 1):
        rewrite(whole[:cut])
        wait_for(lambda: totp.imap("u0008", PASSWORD) != "OK", f"nobody gets in with {cut} bytes")
        equal(totp.imap("u0008", "wrong") != "OK", True, "nor with a wrong one")
    equal(session.noop()[0], "OK", "a session meanwhile")
    os.rename(PASSWD, PASSWD + ".away")
    equal("UNAVAILABLE" in totp.imap("u0008", PASSWORD), True, "with the file gone")
    equal(session.noop()[0], "OK", "a session meanwhile")
    os.rename(PASSWD + ".away", PASSWD)
    rewrite(whole)
    wait_for(lambda: totp.imap("u0008", PASSWORD) == "OK", "the file is back")


@case
def slow_auth():
    """auth that is stopped while codes are typed: unavailable in time, nothing is let in late, and the code is good afterwards"""
    secret = totp.enrol("u0009")
    before = n_logins("u0009")
    auth = auth_pid()
    os.kill(auth, signal.SIGSTOP)
    try:
        for login in (totp.imap, totp.pop3):
            equal(re.search("UNAVAILABLE|SYS/TEMP", login("u0009", PASSWORD + totp.code(secret))) is not None, True, "while it is stopped")
    finally:
        os.kill(auth, signal.SIGCONT)
    equal(wait_for(lambda: totp.imap("u0009", PASSWORD + totp.code(secret)), "an answer"), "OK", "afterwards")
    equal(n_logins("u0009"), before + 1, "logins")


main()
