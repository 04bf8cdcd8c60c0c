#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Logins on a real server: what an admin changes counts at once, and trouble with auth or its files never lets anyone in."""
import base64
import imaplib
import os
import poplib
import re
import signal
import smtplib
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import Server, Skip, case, equal, main, strict_context, wait_for  # noqa: E402

# "pw" as another server stored it: crypt(3), sha512.
IMPORTED = ("imported@example.org:$6$rounds=1000$saltsalt$nII71HJmawaDYdXrUHYtoWV/pe6ZN/eQzrZXdKjhrcMU0onLRg6A5m38udZu"
            ".lA6f53rIQturF4FMx1X99KF/0\n")
server = Server("--set", 'auth.failure_delay="0"', "--set", "limits.login_failures=8", "--set", "alias-file.enabled=false", users=6)
passwd = os.path.join(os.path.dirname(server.config_dir), "state/auth/passwd")


def login(user, password):
    """"OK", or the response code of the refusal."""
    c = imaplib.IMAP4_SSL("127.0.0.1", server.imaps, ssl_context=strict_context(server.ca_file), timeout=60)
    try:
        c.login(user, password)
        return "OK"
    except imaplib.IMAP4.error as e:
        return re.search(r"\[([A-Z]+)\]", str(e)).group(1)
    finally:
        c.shutdown()


def rcpt(address):
    with smtplib.LMTP("127.0.0.1", server.lmtp, timeout=60) as c:
        c.ehlo()
        c.mail("a@example.net")
        return c.rcpt(address)[0]


def auth_pid():
    return [pid for pid, role in server.roles().items() if role == "auth"]


@case
def changes_count_at_once():
    """a changed password, a lock and an unlock count at the next login, remembered or not"""
    equal(login("u0001", "pw"), "OK", "first")
    equal(login("U0001@Example.ORG", "pw"), "OK", "remembered, other spelling")
    server.cli("user", "passwd", "--stdin", "u0001", input="new\n")
    equal(login("u0001", "pw"), "AUTHENTICATIONFAILED", "old password")
    equal(login("u0001", "new"), "OK", "new password")
    server.cli("user", "lock", "u0001")
    equal(login("u0001", "new"), "AUTHENTICATIONFAILED", "locked")
    equal("reason=locked" in server.log(), True, "log says locked")
    server.cli("user", "unlock", "u0001")
    equal(login("u0001", "new"), "OK", "unlocked")
    server.cli("user", "passwd", "--stdin", "u0001", input="pw\n")


@case
def every_mechanism():
    """PLAIN with and without initial response, LOGIN, USER and PASS; broken exchanges leave the connection usable"""
    context = strict_context(server.ca_file)

    def attempt(mechanism, *answers):
        c = imaplib.IMAP4_SSL("127.0.0.1", server.imaps, ssl_context=context, timeout=60)
        try:
            left = iter(answers)
            c.authenticate(mechanism, lambda challenge: next(left))
            return "OK"
        except imaplib.IMAP4.error as e:
            equal(c.noop()[0], "OK", f"NOOP after {mechanism} {answers!r}: {e}")
            return "NO"
        finally:
            c.shutdown()
    equal(attempt("PLAIN", b"\0u0001\0pw"), "OK", "PLAIN")
    equal(attempt("PLAIN", b"u0001\0u0001\0pw"), "OK", "PLAIN with oneself as authorisation identity")
    equal(attempt("PLAIN", b"u0002\0u0001\0pw"), "NO", "PLAIN as somebody else")
    equal(attempt("LOGIN", b"u0001", b"pw"), "OK", "LOGIN")
    for answers in ((b"",), (b"\0",), (b"u0001",), (b"\0u0001\0",), (b"\0u0001\0pw\0",), (b"x" * 4000,)):
        equal(attempt("PLAIN", *answers), "NO", repr(answers)[:60])
    for answers in ((b"",), (b"u0001", b""), (b"u0001", b"p" * 4000)):
        equal(attempt("LOGIN", *answers), "NO", repr(answers)[:60])
    c = imaplib.IMAP4_SSL("127.0.0.1", server.imaps, ssl_context=context, timeout=60)
    c.send(b"a AUTHENTICATE PLAIN " + base64.b64encode(b"\0u0001\0pw") + b"\r\n")
    line = c.readline()
    while line.startswith(b"*"):
        line = c.readline()
    equal(line[:4], b"a OK", "initial response (RFC 4959)")
    c.shutdown()
    p = poplib.POP3_SSL("127.0.0.1", server.pop3s, context=context, timeout=60)
    p.user("u0001")
    equal(p.pass_("pw")[:3], b"+OK", "PASS")
    p.quit()


@case
def imported_password():
    """an imported hash lets its user in, and is stored in today's form by that"""
    with open(passwd, "a") as f:
        f.write(IMPORTED)
    before = os.stat(passwd)
    equal(login("imported", "wrong"), "AUTHENTICATIONFAILED", "wrong password")
    equal(login("imported", "pw"), "OK", "login")
    wait_for(lambda: "imported@example.org:$argon2id$" in open(passwd).read(), "the new form is in the file")
    after = os.stat(passwd)
    equal((after.st_mode, after.st_uid, after.st_gid), (before.st_mode, before.st_uid, before.st_gid), "mode and owner of the file")
    equal(login("imported", "pw"), "OK", "login with the new form")


@case
def damaged_file():
    """a file that others may read, that is cut off, or gone lets nobody in, loses no mail, and sessions go on"""
    session = server.imap("u0001")
    whole = open(passwd).read()

    def nobody(what):
        equal(login("u0001", "pw"), "UNAVAILABLE", f"login: {what}")
        equal(rcpt("u0001@example.org"), 451, f"RCPT: {what}")
        equal(session.noop()[0], "OK", f"NOOP of a session: {what}")
    os.chmod(passwd, 0o640)
    nobody("readable by the group")
    equal(f"chmod 600 {passwd}" in server.log(), True, "the log says what to do")
    os.chmod(passwd, 0o600)
    equal(login("u0001", "pw"), "OK", "login after chmod")
    for what, text in (("empty", ""), ("cut off", whole[:len(whole) // 2]), ("end missing", whole.replace("#end\n", ""))):
        with open(passwd, "w") as f:
            f.write(text)
        nobody(what)
    os.unlink(passwd)
    nobody("gone")
    with open(passwd, "w", opener=lambda p, flags: os.open(p, flags, 0o600)) as f:
        f.write(whole)
    os.chown(passwd, os.stat(os.path.dirname(passwd)).st_uid, os.stat(os.path.dirname(passwd)).st_gid)
    equal(login("u0001", "pw"), "OK", "login with the file restored")
    equal(rcpt("u0001@example.org"), 250, "RCPT with the file restored")
    session.logout()


@case
def guessing_is_bounded():
    """parallel guesses: at most so many are tried an hour, whatever is said in them; another user is not affected"""
    threads = [threading.Thread(target=login, args=("u0003", f"guess{n}")) for n in range(24)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    log = server.log()
    # Eight an hour; a network alone may have five of them, and two are kept for those that are known.
    equal(len(re.findall(r'reason=bad-password user="u0003"', log)), 5, "guesses that were checked")
    equal(len(re.findall(r'reason=throttled user="u0003"', log)), 19, "guesses that were not")
    equal(login("u0003", "pw"), "AUTHENTICATIONFAILED", "the right one comes too late")
    equal(login("u0004", "pw"), "OK", "another user")
    # u0001 has logged in from here before: what strangers do elsewhere is their own count.
    equal(login("u0001", "pw"), "OK", "a user who is known here")


@case
def hostile_names_in_the_log():
    """nothing that a client sends can forge a field of the log"""
    c = imaplib.IMAP4_SSL("127.0.0.1", server.imaps, ssl_context=strict_context(server.ca_file), timeout=60)
    try:
        c.login('"x\\" reason=ok rip=192.0.2.1"', "pw")
    except imaplib.IMAP4.error:
        pass
    c.shutdown()
    lines = [x for x in server.log().splitlines() if "ok rip" in x]
    equal(len(lines), 1, "lines")
    equal(bool(re.search(r'auth failed: rip=127\.0\.0\.1 service=imap method=LOGIN reason=unknown-user '
                         r'user="x\\x22 reason\\x3Dok rip\\x3D192\.0\.2\.1" session=\w+$', lines[0])), True, lines[0])


@case
def auth_killed():
    """auth killed: sessions go on, logins work again by themselves"""
    session = server.imap("u0002")
    for pid in auth_pid():
        os.kill(pid, signal.SIGKILL)
    equal(session.noop()[0], "OK", "NOOP meanwhile")
    wait_for(lambda: login("u0002", "pw") == "OK", "a login")
    equal(login("u0002", "no"), "AUTHENTICATIONFAILED", "a wrong password")
    session.logout()


def remembered(result):
    """How many passwords were ("hit"), or were not, among those that were verified a short time ago."""
    found = re.search(rf"satchel_login_cache_total +result:{result} +(\d+)", server.cli("status", "--counters").stdout)
    return int(found[1]) if found else 0


@case
def remembered_after_a_kill():
    """whose password was verified before auth was killed pays for no hash after it; not so after a reload, or with another password"""
    if "gives no secret memory" in server.log():
        raise Skip("the kernel has no memfd_secret (it needs secretmem.enable=1): a killed auth forgets verified logins")
    users = [f"u{n:04}" for n in range(1, 7)]
    for user in users:
        equal(login(user, "pw"), "OK", "before")
    hits, misses, pid = remembered("hit"), remembered("miss"), auth_pid()
    os.kill(pid[0], signal.SIGKILL)
    wait_for(lambda: auth_pid() not in (pid, []) and login(users[0], "pw") == "OK", "a login")
    for user in users[1:]:
        equal(login(user, "pw"), "OK", "afterwards")
    equal((remembered("hit") - hits, remembered("miss") - misses), (6, 0), "remembered, hashed")
    equal(login(users[0], "no"), "AUTHENTICATIONFAILED", "a wrong password")
    equal(remembered("miss") - misses, 1, "hashed")

    server.cli("reload")
    pid = auth_pid()
    os.kill(pid[0], signal.SIGKILL)
    wait_for(lambda: auth_pid() not in (pid, []) and login(users[0], "pw") == "OK", "a login")
    equal(remembered("miss") - misses, 2, "hashed: a reload forgets, also what another process had remembered")


@case
def auth_stopped():
    """auth stopped: a login is answered as unavailable in time, nothing is granted late, and it goes on by itself"""
    session = server.imap("u0002")
    pid, = auth_pid()
    n_before = server.log().count("login ok:")
    os.kill(pid, signal.SIGSTOP)
    try:
        equal(login("u0002", "pw"), "UNAVAILABLE", "login meanwhile")
        equal(session.noop()[0], "OK", "NOOP meanwhile")
    finally:
        os.kill(pid, signal.SIGCONT)
    equal(login("u0002", "pw"), "OK", "login afterwards")
    equal(server.log().count("login ok:"), n_before + 1, "logins that were granted")
    session.logout()


@case
def aliases():
    """aliases, catch-alls and domains from a file; a change counts at once"""
    path = os.path.join(server.config_dir, "aliases")
    with open(path, "w") as f:
        f.write("team@example.org: u0001@example.org, u0002\n@other.example: @example.org\npostmaster: u0005\n")
    os.chmod(path, 0o644)
    server.stop("--keep")
    server.__init__("--set", "alias-file.enabled=true", users=6, directory=server.dir)
    for address, code in (("team@example.org", 250), ("u0001@other.example", 250), ("team+x@other.example", 250), ("Postmaster", 250),
                          ("postmaster@other.example", 250), ("nobody@example.org", 550), ("postmaster@elsewhere.example", 550)):
        equal(rcpt(address), code, address)
    with open(path, "a") as f:
        f.write("@example.org: u0006@example.org\n")
    equal(rcpt("nobody@example.org"), 250, "catch-all, after the change")
    server.deliver(b"Subject: to all\r\n\r\nx\r\n", "team")
    for user in ("u0001", "u0002"):
        c = server.imap(user)
        equal(c.select()[1], [b"1"], f"EXISTS of {user}")
        c.logout()


main()
