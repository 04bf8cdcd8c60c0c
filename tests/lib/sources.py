# SPDX-License-Identifier: MIT
"""Logins and recipients on a server whose users are in a database or directory elsewhere, beside those of its own file:
what is the same whatever keeps them."""
import contextlib
import imaplib
import os
import re
import signal
import smtplib
import threading

from tap import equal, run_all, strict_context, wait_for

# Names that mean something to somebody on the way (U14).  None is a user.
HOSTILE = ["' OR '1'='1", "'; DROP TABLE users; --", "x' UNION SELECT 'a','b' --", "*", "u*", "(uid=*)", "*)(uid=*))(|(uid=*",
           "a\\2a", "\\", "cn=admin,dc=example", "%n%s%x", "${user}", "$(id)", "../../etc/passwd", "a b", "\"quoted\"", " sally",
           "sally ", "sаlly", "sally\u200b", ":user", "?1", "$1", "\x01", "root", "n" * 250]
IDLE = r"helper: slot=\d+ running=0 waiting=0"


def settings(**more):
    """Options of a Server that asks a source for a second at most."""
    return [x for key, value in {"auth.failure_delay": '"0"', "auth.source_timeout": '"1s"', "limits.login_failures": "10000",
                                 "helpers.overdue": '"2s"', "auth.domains": '[ "example.org" ]', **more}.items()
            for x in ("--set", f"{key}={value}")]


def login(server, user, password):
    """"OK", or the response code of the refusal."""
    c = imaplib.IMAP4_SSL("127.0.0.1", server.imaps, ssl_context=strict_context(server.ca_file), timeout=120)
    try:
        data = user.encode()
        c.authenticate("PLAIN", lambda _: b"\0" + data + b"\0" + password.encode())
        return "OK"
    except imaplib.IMAP4.error as e:
        code = re.search(r"\[([A-Z]+)\]", str(e))
        return code.group(1) if code else str(e)
    finally:
        c.shutdown()


def login_plainly(server, user, password):
    """By the command LOGIN."""
    c = imaplib.IMAP4_SSL("127.0.0.1", server.imaps, ssl_context=strict_context(server.ca_file), timeout=120)
    try:
        c.login(user, password)
        return True
    except imaplib.IMAP4.error:
        return False
    finally:
        c.shutdown()


def quota(server, user, password):
    """The storage limit of the user's account, in KiB."""
    c = imaplib.IMAP4_SSL("127.0.0.1", server.imaps, ssl_context=strict_context(server.ca_file), timeout=120)
    c.login(user, password)
    found = re.search(r"STORAGE \d+ (\d+)", str(c.getquotaroot("INBOX")))
    c.logout()
    return int(found.group(1)) if found else None


def rcpt(server, address):
    with smtplib.LMTP("127.0.0.1", server.lmtp, timeout=120) as c:
        c.ehlo()
        c.mail("a@example.net")
        return c.rcpt(address)[0]


def expect_users(server, user, password, locked=None):
    """Right, wrong, unknown, locked; mail for each."""
    equal(login(server, user, password), "OK", f"{user}: right password")
    equal(login(server, user.upper(), password), "OK", f"{user}: other spelling")
    for wrong in (password + "x", password[:-1], "x"):
        equal(login(server, user, wrong), "AUTHENTICATIONFAILED", f"{user}: {wrong!r}")
    equal(login(server, "nobody-here", password), "AUTHENTICATIONFAILED", "unknown user")
    equal(login(server, "u0001", "pw"), "OK", "user of the file")
    equal(rcpt(server, f"{user}@example.org"), 250, "recipient")
    equal(rcpt(server, f"{user}+detail@example.org"), 250, "recipient with detail")
    equal(rcpt(server, "nobody-here@example.org"), 550, "unknown recipient")
    if locked:
        equal(login(server, locked, password), "AUTHENTICATIONFAILED", "locked user")


def expect_data(server, user, password):
    """Names with characters of every syntax are data, and nobody's."""
    for name in HOSTILE:
        equal(login(server, name, password), "AUTHENTICATIONFAILED", repr(name))
    for secret in HOSTILE[:14]:
        equal(login(server, user, secret), "AUTHENTICATIONFAILED", f"password {secret!r}")
    for name in HOSTILE[:4]:
        equal(rcpt(server, '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"@example.org') // 100, 5, f"recipient {name!r}")
    equal(login(server, user, password), "OK", "the user is still there")


def others_are_well(server):
    equal(login(server, "u0001", "pw"), "OK", "user of another source")
    equal(login(server, "u0001", "wrong"), "AUTHENTICATIONFAILED", "user of another source, wrong password")
    equal(rcpt(server, "u0001@example.org"), 250, "mail of a user of another source")


def expect_away(server, user, password):
    """The source cannot tell: never yes, never no.  All is asked at once: a helper that is stopped is replaced after a while."""
    run_all(lambda: equal(login(server, user, password), "UNAVAILABLE", "right password"),
            lambda: equal(login(server, user, "wrong"), "UNAVAILABLE", "wrong password"),
            lambda: equal(login(server, "nobody-here", password), "UNAVAILABLE", "a name that may be its"),
            lambda: equal(rcpt(server, f"{user}@example.org"), 451, "recipient"))
    others_are_well(server)


def comes_back(server, user, password):
    wait_for(lambda: login(server, user, password) == "OK", "logins work again by themselves", seconds=120)
    equal(login(server, user, "wrong"), "AUTHENTICATIONFAILED", "wrong password afterwards")
    equal(rcpt(server, f"{user}@example.org"), 250, "recipient afterwards")


@contextlib.contextmanager
def in_mid_login(server, user, password):
    """A login that the helper works on, while its source says nothing; its answer is in the list afterwards."""
    answers = []
    thread = threading.Thread(target=lambda: answers.append(login(server, user, password)))
    n = len(re.findall(r"running=[1-9]", server.cli("status").stdout))
    thread.start()
    wait_for(lambda: answers or len(re.findall(r"running=[1-9]", server.cli("status").stdout)) > n, "the helper works on it", seconds=60)
    yield answers
    thread.join(120)
    equal(len(answers), 1, "answers")


def helper_pid(server):
    return next(pid for pid, role in server.roles().items() if role == "helper")


def stopped(pids):
    """All of @pids stand still inside."""
    @contextlib.contextmanager
    def manage():
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)
    return manage()


def expect_silence(server, user, password):
    """Its program says nothing meanwhile: a login that waits for it, one whose helper is killed while it waits, and all others."""
    with in_mid_login(server, user, password) as answers:
        others_are_well(server)
    equal(answers, ["UNAVAILABLE"], "the login")
    expect_away(server, user, password)
    old = helper_pid(server)
    with in_mid_login(server, user, password) as answers:
        os.kill(old, signal.SIGKILL)
        others_are_well(server)
    equal(answers, ["UNAVAILABLE"], "the login whose helper was killed")
    wait_for(lambda: "helper" in server.roles().values() and helper_pid(server) != old, "another helper", seconds=120)


def expect_hung(server, pids, user, password):
    """The source's program stands still in the middle of a login, and goes on later."""
    with stopped(pids):
        expect_silence(server, user, password)
    comes_back(server, user, password)


def expect_killed(server, program, user, password):
    """The source's program (`pids`, `kill`, `start`) is killed in the middle of a login, stays away, and comes again."""
    for pid in program.pids():
        os.kill(pid, signal.SIGSTOP)
    with in_mid_login(server, user, password) as answers:
        program.kill()
    equal(answers, ["UNAVAILABLE"], "the login")
    expect_away(server, user, password)
    program.start()
    comes_back(server, user, password)


def expect_helper_faults(server, user, password):
    """The module's own process is stopped, and killed in the middle of a login."""
    with stopped([helper_pid(server)]):
        expect_away(server, user, password)
    comes_back(server, user, password)
    old = helper_pid(server)
    answers = []
    os.kill(old, signal.SIGSTOP)
    thread = threading.Thread(target=lambda: answers.append(login(server, user, password)))
    thread.start()
    os.kill(old, signal.SIGKILL)
    thread.join(120)
    equal(answers[0] in ("UNAVAILABLE", "OK"), True, f"a login while the helper is killed: {answers}")
    others_are_well(server)
    comes_back(server, user, password)
    equal(helper_pid(server) != old, True, "another process")


def passwords_stay(server, *secrets):
    """No log line and no process table shows a password."""
    text = server.log()
    for secret in secrets:
        equal(secret in text, False, f"{secret!r} in the log")
