#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""One-time codes with real clients: password and code over IMAP and POP3, in parallel and again after restarts, from one network
only; one code opens one grant, whatever happens to auth; and what administrators do about it."""
import base64
import concurrent.futures
import imaplib
import json
import os
import poplib
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import TOP, Server, case, equal, main, need, strict_context, wait_for  # noqa: E402

OATHTOOL, CURL = "oathtool", "curl"
need(OATHTOOL, CURL)
server = Server(users=9)
STORE = os.path.join(os.path.dirname(server.config_dir), "state/auth/totp")
KEY = STORE + ".key"
OPTIONS = ("--set", "totp.enabled=true", "--set", f'totp.key="file:{KEY}"', "--set", f'totp.path="{STORE}"',
           "--set", 'auth.failure_delay="0"', "--set", 'auth.explain="always"', "--set", "limits.login_failures=1000")
with open(KEY, "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as f:
    f.write("a master key of 32 characters or more\n")
os.chown(KEY, os.stat(os.path.dirname(KEY)).st_uid, os.stat(os.path.dirname(KEY)).st_gid)
server.stop("--keep")
server.start(*OPTIONS)
HOME, AWAY = "127.0.0.1", "127.0.0.2"
EXPLAINED = "[AUTHENTICATIONFAILED] code required: add the 6-digit code after your password, or use an app password"


def enrol(user):
    """The secret of a user who is enrolled from now on."""
    lines = server.cli("totp", "enrol", user, "--no-confirm", "--json").stdout.splitlines()
    return json.loads(lines[0])["secret"]


def code(secret, ahead=0):
    out = subprocess.run([OATHTOOL, "--totp", "-b", secret, "-N", f"now + {30 * ahead} seconds"], capture_output=True, text=True, check=True)
    return out.stdout.strip()


def imap(user, password, source=HOME):
    """"OK", or what the refusal says."""
    raw = socket.create_connection(("127.0.0.1", server.imaps), 60, (source, 0))
    with strict_context(server.ca_file).wrap_socket(raw, server_hostname="127.0.0.1") as s:
        f = s.makefile("rb")
        f.readline()
        s.sendall(f'a LOGIN {user} "{password}"\r\n'.encode())
        while not (line := f.readline()).startswith(b"a "):
            equal(line != b"", True, "the server goes on")
        return "OK" if line.startswith(b"a OK") else line.decode()[5:].strip()


def pop3(user, password, source=HOME):
    raw = socket.create_connection(("127.0.0.1", server.pop3s), 60, (source, 0))
    with strict_context(server.ca_file).wrap_socket(raw, server_hostname="127.0.0.1") as s:
        f = s.makefile("rb")
        for command in (b"", f"USER {user}\r\n".encode(), f"PASS {password}\r\n".encode()):
            s.sendall(command)
            line = f.readline()
        return "OK" if line.startswith(b"+OK") else line.decode()[5:].strip()


def is_refused(said):
    return said != "OK" and "UNAVAILABLE" not in said


def auth_pid():
    return [pid for pid, role in server.roles().items() if role == "auth"]


def grants(user):
    return [json.loads(line) for line in server.cli("totp", "grants", user, "--json").stdout.splitlines()[:-1]]


@case
def enrolment_asks_one_code_back():
    """an enrolment counts once a code of it was typed; until then the password alone opens the mailbox"""
    equal(imap("u0001", "pw"), "OK", "before")
    r = server.cli("totp", "enrol", "u0001", check=False, input="")
    equal((r.returncode, "--code" in r.stderr), (130, True), f"nobody answers: {r.stderr}")
    equal(imap("u0001", "pw"), "OK", "while the enrolment waits")
    secret = re.search(r"secret=(\w+)", r.stdout)[1]
    uri = re.search(r'uri="?(otpauth:[^" ]+)', r.stdout)[1]
    equal(uri, f"otpauth://totp/Satchel:u0001@example.org?secret={secret}&issuer=Satchel&algorithm=SHA1&digits=6&period=30", "address")
    r = server.cli("totp", "enrol", "u0001", "--code", "000000", check=False)
    equal((r.returncode, "not the code" in r.stderr), (65, True), f"a wrong code: {r.stderr}")
    equal(imap("u0001", "pw"), "OK", "after a wrong code")
    once = code(secret)
    server.cli("totp", "enrol", "u0001", "--code", once)
    equal(imap("u0001", "pw"), EXPLAINED, "without a code, enrolled")
    equal("used already" in imap("u0001", "pw" + once), True, "the code of the enrolment is used up")
    equal(imap("u0001", "pw" + code(secret, 1)), "OK", "with the next one")
    equal("enrolled already" in server.cli("totp", "enrol", "u0001", check=False).stderr, True, "enrolled twice")
    server.cli("totp", "reset", "u0001")


@case
def enrolment_on_a_terminal():
    """the command asks for the code, and takes it from standard input"""
    command = [os.path.join(TOP, "tools/devserver"), "cli", "--dir", server.dir, "--", "totp", "enrol", "u0001"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as p:
        secret = re.search(r"secret=(\w+)", p.stdout.readline())[1]
        said = p.communicate(code(secret) + "\n", timeout=60)[0]
    equal((p.returncode, "is enrolled" in said), (0, True), said)
    server.cli("totp", "reset", "u0001")


@case
def clients():
    """curl, imaplib and poplib log in with password and code, five at once, and again with the same string"""
    secret = enrol("u0002")
    typed = "pw" + code(secret)
    equal(imap("u0002", "pw"), EXPLAINED, "without a code")
    equal(imap("u0002", typed), "OK", "with a code")
    with concurrent.futures.ThreadPoolExecutor(5) as pool:
        equal(list(pool.map(lambda f: f("u0002", typed), (imap, pop3, imap, pop3, imap))), ["OK"] * 5, "five at once")
    c = imaplib.IMAP4_SSL("127.0.0.1", server.imaps, ssl_context=strict_context(server.ca_file), timeout=60)
    equal(c.authenticate("PLAIN", lambda _: b"\0u0002\0" + typed.encode())[0], "OK", "AUTHENTICATE PLAIN of imaplib")
    p = poplib.POP3_SSL("127.0.0.1", server.pop3s, context=strict_context(server.ca_file), timeout=60)
    p.user("u0002")
    equal(p.pass_(typed)[:3], b"+OK", "PASS of poplib")
    p.quit()
    for url in (f"imaps://127.0.0.1:{server.imaps}/", f"pop3s://127.0.0.1:{server.pop3s}/"):
        r = subprocess.run([CURL, "-sS", "--cacert", server.ca_file, "-u", f"u0002:{typed}", url], capture_output=True, text=True)
        equal(r.returncode, 0, f"{url}: {r.stderr}")
    equal([g["id"] for g in grants("u0002")], ["grant:1"], "grants")
    equal("credential=grant:1" in server.log(), True, "the log names the grant")
    equal(c.noop()[0], "OK", "the session goes on")
    server.cli("totp", "revoke", "u0002")
    wait_for(lambda: session_is_over(c), "the sessions of a revoked grant end")
    equal(is_refused(imap("u0002", typed)), True, "the string after its grant was revoked")


def session_is_over(c):
    try:
        c.noop()
        return False
    except (imaplib.IMAP4.abort, OSError, ssl.SSLError):
        return True


@case
def separators_and_digits():
    """a blank, a comma or a colon may stand before the code, and a blank within it"""
    secret = enrol("u0003")
    for n, form in enumerate(("pw {}", "pw,{}", "pw:{} {}")):
        now = code(secret, n - 1)
        equal(pop3("u0003", form.format(now) if n < 2 else form.format(now[:3], now[3:])), "OK", form)
    equal(len(grants("u0003")), 3, "one grant each")


@case
def another_network():
    """the string that works here is refused from another network, and a new code opens a grant there as well"""
    secret = enrol("u0004")
    typed = "pw" + code(secret, -1)
    equal(imap("u0004", typed), "OK", "from home")
    equal("used already" in imap("u0004", typed, AWAY), True, "the same string from elsewhere")
    equal(imap("u0004", "pw" + code(secret), AWAY), "OK", "a new code there")
    equal(imap("u0004", typed), "OK", "from home again")
    equal({g["network"] for g in grants("u0004")}, {HOME, AWAY}, "networks")


@case
def restarts():
    """after auth was killed and after a restart of the server the string works at home, and nowhere else"""
    secret = enrol("u0005")
    typed = "pw" + code(secret)
    equal(pop3("u0005", typed), "OK", "first")
    for pid in (old := auth_pid()):
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: auth_pid() and auth_pid() != old, "auth is back")
    wait_for(lambda: "UNAVAILABLE" not in pop3("u0005", "nothing"), "auth answers")
    equal(is_refused(imap("u0005", typed, AWAY)), True, "elsewhere after the kill")
    equal(imap("u0005", typed), "OK", "here after the kill")
    server.stop("--keep")
    server.start(*OPTIONS)
    equal(is_refused(imap("u0005", typed, AWAY)), True, "elsewhere after the restart")
    equal(imap("u0005", typed), "OK", "here after the restart")


@case
def one_code_one_grant():
    """one code in 40 simultaneous logins over IMAP and POP3 from 20 networks: one network gets in, also when auth is killed at once"""
    secret = enrol("u0006")
    typed = "pw" + code(secret)
    sources = [f"127.0.1.{n}" for n in range(1, 21)]
    tries = [(f, source) for source in sources for f in (imap, pop3)]

    def attempt(one):
        try:
            return one[1] if one[0]("u0006", typed, one[1]) == "OK" else None
        except (OSError, AssertionError):
            return None
    with concurrent.futures.ThreadPoolExecutor(len(tries)) as pool:
        first = {source for source in pool.map(attempt, tries) if source}
    equal(len(first), 1, f"networks that got in: {first}")
    for pid in (old := auth_pid()):
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: auth_pid() and auth_pid() != old, "auth is back")
    wait_for(lambda: "UNAVAILABLE" not in pop3("u0006", "nothing"), "auth answers")
    with concurrent.futures.ThreadPoolExecutor(len(tries)) as pool:
        again = {source for source in pool.map(attempt, tries) if source}
    equal(again, first, "networks that got in after the kill")
    equal(len(grants("u0006")), 1, "grants")


@case
def one_code_and_a_kill_at_the_first_answer():
    """40 logins with one code from 20 networks, and auth is killed when the first hears that it is in: one network, one grant"""
    tries = [(f, f"127.0.2.{n}") for n in range(1, 21) for f in (imap, pop3)]
    for turn in range(3):
        server.cli("totp", "reset", "u0006", check=False)
        secret = enrol("u0006")
        typed = "pw" + code(secret)
        old = auth_pid()
        one_at_a_time, killed = threading.Lock(), []

        def attempt(one):
            try:
                if one[0]("u0006", typed, one[1]) != "OK":
                    return None
            except (OSError, AssertionError):
                return None
            with one_at_a_time:
                if not killed:
                    killed.append(old[0])
                    os.kill(old[0], signal.SIGKILL)
            return one[1]
        with concurrent.futures.ThreadPoolExecutor(len(tries)) as pool:
            first = {source for source in pool.map(attempt, tries) if source}
        equal((len(first), len(killed)), (1, 1), f"turn {turn}: networks that got in: {first}; kills")
        wait_for(lambda: auth_pid() and auth_pid() != old, "auth is back")
        wait_for(lambda: "UNAVAILABLE" not in pop3("u0006", "nothing"), "auth answers")
        again = {source for f, source in tries if f("u0006", typed, source) == "OK"}
        equal(again, first, f"turn {turn}: networks that got in after the kill")
        equal([g["network"] for g in grants("u0006")], list(first), f"turn {turn}: grants")


@case
def kill_right_after_the_answer():
    """a code that was accepted is used up, though auth dies at the moment that the client hears of it"""
    secret = enrol("u0007")
    for n in (-1, 0, 1):
        typed = "pw" + code(secret, n)
        old = auth_pid()
        equal(imap("u0007", typed), "OK", f"code {n}")
        for pid in old:
            os.kill(pid, signal.SIGKILL)
        wait_for(lambda: auth_pid() and auth_pid() != old, "auth is back")
        wait_for(lambda: "UNAVAILABLE" not in imap("u0007", "nothing"), "auth answers")
        equal(is_refused(pop3("u0007", typed, AWAY)), True, f"code {n} elsewhere after the kill")


@case
def recovery_codes():
    """each of ten recovery codes works once, in the place of a code; new ones end the old ones"""
    enrol("u0008")
    codes = [json.loads(line)["code"] for line in server.cli("totp", "recovery-codes", "u0008", "--json").stdout.splitlines()[:-1]]
    equal((len(codes), len(set(codes))), (10, 10), "codes")
    equal(imap("u0008", "pw " + codes[0].lower()), "OK", "a recovery code")
    equal(is_refused(imap("u0008", "pw " + codes[0], AWAY)), True, "the same elsewhere")
    equal(pop3("u0008", "pw" + codes[1].replace("-", ""), AWAY), "OK", "another, without hyphens")
    equal("recovery_codes=8" in server.cli("totp", "status", "u0008").stdout, True, "how many are left")
    server.cli("totp", "recovery-codes", "u0008")
    equal(is_refused(imap("u0008", "pw" + codes[2])), True, "an old one")


@case
def wrong_password_tells_nothing():
    """a wrong password with a right code, and an unknown user, are told nothing of codes; reset gives the password back"""
    secret = enrol("u0009")
    for said in (imap("u0009", "no" + code(secret)), imap("nobody", "pw" + code(secret)), imap("u0009", "pw000000")):
        equal(said, imap("nobody", "pw"), "text")
    equal(re.findall(r"reason=(\S+) user=\"u0009\"", server.log()), ["bad-password", "bad-code"], "reasons in the log")
    equal(imap("u0009", "pw" + code(secret)), "OK", "the code is not used up by them")
    server.cli("totp", "reset", "u0009")
    equal(imap("u0009", "pw"), "OK", "the password alone after a reset")


@case
def removed_and_made_anew():
    """who gets the name of a user who was removed is not enrolled"""
    enrol("u0009")
    equal(imap("u0009", "pw"), EXPLAINED, "enrolled")
    server.cli("user", "del", "u0009")
    server.cli("user", "add", "u0009", "--stdin", input="pw\n")
    equal(imap("u0009", "pw"), "OK", "made anew, with the password alone")
    equal("enrolled=no" in server.cli("totp", "status", "u0009").stdout, True, "status")
    with open(STORE) as f:
        equal([line.split()[1] for line in f if "=u0009" in line][-1], "x", "the last word on the user in the file")


@case
def state_is_auth_s_own():
    """the store can be read by auth alone, and holds no secret in clear"""
    secret = enrol("u0001")
    equal(os.stat(STORE).st_mode & 0o077, 0, "mode")
    content = open(STORE, "rb").read()
    raw = base64.b32decode(secret)
    equal([x in content for x in (secret.encode(), raw, raw.hex().encode(), base64.b64encode(raw)[:20])], [False] * 4, "secret in the store")
    equal("pw" + code(secret) in server.log(), False, "log")


@case
def tested_by_an_administrator():
    """auth test goes through the factor, and uses up nothing: the code of a test logs in afterwards, once"""
    server.cli("totp", "reset", "u0008")
    secret = enrol("u0008")

    def test(password, status):
        r = server.cli("auth", "test", "u0008", "--stdin", "--json", "--service", "imap", "--from", AWAY, input=password + "\n", check=False)
        equal(r.returncode, status, f"exit status: {r.stdout}{r.stderr}")
        said = json.loads(r.stdout)
        return said["reason"], [x["found"] for x in said["steps"] if x["step"] == "factor"]
    equal(test("pw", 77)[0], "code-missing", "without a code")
    for _ in range(12):
        equal(test("pw000000", 77)[0] in ("bad-code", "code-stale"), True, "a wrong code counts for nothing")
    typed = "pw" + code(secret)
    for _ in range(2):
        equal(test(typed, 0), ("right", ["sees a code behind the password", "accepts, by the credential password"]), "with a code")
    equal(imap("u0008", typed, HOME), "OK", "the login itself")
    equal(test(typed, 77)[0], "code-stale", "from elsewhere, afterwards")


@case
def a_damaged_store_lets_nobody_in():
    """a bit flipped in the store, or the store gone: UNAVAILABLE for all, and with the store back all is as before"""
    session = server.imap("u0009")
    whole = open(STORE, "rb").read()
    spoilt = bytearray(whole)
    spoilt[len(whole) // 2] ^= 4

    def again(content):
        if content is None:
            os.unlink(STORE)
        else:
            with open(STORE, "r+b" if os.path.exists(STORE) else "wb") as f:
                f.truncate(0)
                f.write(content)
            os.chmod(STORE, 0o600)
            owner = os.stat(os.path.dirname(STORE))
            os.chown(STORE, owner.st_uid, owner.st_gid)
        for pid in (old := auth_pid()):
            os.kill(pid, signal.SIGKILL)
        wait_for(lambda: auth_pid() and auth_pid() != old, "auth is back")
    again(bytes(spoilt))
    wait_for(lambda: "nobody can log in" in server.log(), "the log says so")
    equal("UNAVAILABLE" in imap("u0009", "pw"), True, "login with a damaged store")
    again(None)
    wait_for(lambda: "was removed; restore it" in server.log(), "the log says so")
    equal("UNAVAILABLE" in imap("u0009", "pw"), True, "login without the store")
    equal(session.noop()[0], "OK", "a session that was there before")
    again(whole)
    wait_for(lambda: "UNAVAILABLE" not in imap("u0009", "pw"), "auth answers")
    equal(imap("u0009", "pw"), "OK", "login with the store restored")
    session.logout()


main()
