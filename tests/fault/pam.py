#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Users whom PAM knows: accounts of this machine (pam_unix), a file (pam_userdb), and modules that refuse, ask, rename, hang and are
killed in the middle of logins; others are not harmed.  Accounts and service files are in an /etc of the test's own."""
import contextlib
import os
import re
import signal
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import sources  # noqa: E402
from overlay import own_etc  # noqa: E402
from tap import Server, Skip, case, equal, main, run, scratch, wait_for  # noqa: E402

if os.geteuid() != 0:
    raise Skip("only root can make accounts and files of /etc/pam.d")
if not os.path.exists(os.path.join(os.environ.get("SATCHEL_MODULE_PATH", ""), "pam.so")):
    raise Skip("this build has no module pam (libpam0g-dev)")

own_etc()
SERVICE = f"satchel-test-{os.getpid()}"
SALLY = f"sat-s{os.getpid()}"
PASSWORD = "kein Geheimnis 7"
place = scratch()
os.chmod(place, 0o755)


def service(text, name=SERVICE):
    """What PAM does from the next login on."""
    path = f"/etc/pam.d/{name}"
    with open(f"{path}.new", "w") as f:
        f.write(text)
    os.chmod(f"{path}.new", 0o644)
    os.rename(f"{path}.new", path)


run("useradd", "-M", "-N", "-s", "/usr/sbin/nologin", "-u", str(20000 + os.getpid() % 30000), SALLY)
run("chpasswd", input=f"{SALLY}:{PASSWORD}\n".encode())

UNIX = "auth required pam_unix.so\naccount required pam_unix.so\n"


def script(name, text):
    path = os.path.join(place, name)
    with open(path, "w") as f:
        f.write("#!/bin/sh\n" + text)
    os.chmod(path, 0o755)
    return path


def options(seconds=18, programs='( { module = "pam"; group = "shadow"; } )', **more):
    own = {"pam.enabled": "true", "pam.service": f'"{SERVICE}"', "pam.domain": '"example.org"', "helpers.programs": programs,
           "auth.source_timeout": f'"{seconds}s"', **{f"pam.{key}": value for key, value in more.items()}}
    return sources.settings(**own)


service(UNIX)
server = Server(*options(), users=2)


def refused(words, user=SALLY, password=PASSWORD, on=server):
    """The login fails, and the log has the reason, which the client does not hear."""
    n = len(on.log())
    equal(sources.login(on, user, password), "AUTHENTICATIONFAILED", words)
    wait_for(lambda: words in on.log()[n:], f"{words!r} in the log", seconds=60)


@case
def users():
    """accounts of this machine log in by pam_unix, whose file of passwords only a group may read"""
    sources.expect_users(server, SALLY, PASSWORD)
    for name in (SALLY, "nobody-here"):
        equal(sources.login(server, name, ""), "AUTHENTICATIONFAILED", f"{name} without a password")
        equal(sources.login_plainly(server, name, ""), False, f"LOGIN of {name} without a password")
    equal(sources.login(server, f"{SALLY}@example.net", PASSWORD), "AUTHENTICATIONFAILED", "another domain")
    equal(sources.login(server, SALLY, "x" * 600), "AUTHENTICATIONFAILED", "a password that is too long for PAM")
    sources.passwords_stay(server, PASSWORD)


@case
def data():
    """hostile names change nothing and are nobody; accounts of the system's own get no mail"""
    sources.expect_data(server, SALLY, PASSWORD)
    for name in ("root", "daemon", "-x"):
        equal(sources.rcpt(server, f"{name}@example.org"), 550, name)


@case
def accounts():
    """expired accounts and passwords are refused, and told apart in the log; a lock and another password count at once"""
    run("chage", "-E", "1", SALLY)
    refused("the account has expired")
    run("chage", "-E", "-1", "-d", "0", SALLY)
    refused("the password has expired and must be changed")
    run("chage", "-d", "20000", SALLY)
    equal(sources.login(server, SALLY, PASSWORD), "OK", "neither")
    run("usermod", "-L", SALLY)
    refused("the password is wrong")
    run("usermod", "-U", SALLY)
    run("chpasswd", input=f"{SALLY}:another\n".encode())
    refused("the password is wrong")
    equal(sources.login(server, SALLY, "another"), "OK", "the new one")
    run("chpasswd", input=f"{SALLY}:{PASSWORD}\n".encode())
    equal(sources.login(server, SALLY, PASSWORD), "OK", "the old one again")


@case
def answers():
    """what PAM cannot tell is trouble for the moment; what it refuses is not"""
    for auth, account, expected in (
            ("auth_err", "success", "AUTHENTICATIONFAILED"), ("user_unknown", "success", "AUTHENTICATIONFAILED"),
            ("maxtries", "success", "AUTHENTICATIONFAILED"), ("authinfo_unavail", "success", "UNAVAILABLE"),
            ("cred_insufficient", "success", "UNAVAILABLE"), ("system_err", "success", "UNAVAILABLE"),
            ("abort", "success", "UNAVAILABLE"), ("success", "acct_expired", "AUTHENTICATIONFAILED"),
            ("success", "perm_denied", "AUTHENTICATIONFAILED"), ("success", "authinfo_unavail", "UNAVAILABLE"),
            ("success", "service_err", "UNAVAILABLE"), ("success", "success", "OK")):
        service(f"auth required pam_debug.so auth={auth}\naccount required pam_debug.so acct={account}\n")
        equal(sources.login(server, SALLY, PASSWORD), expected, f"auth {auth}, account {account}")
    service("auth required pam_deny.so\naccount required pam_permit.so\n")
    equal(sources.login(server, SALLY, PASSWORD), "AUTHENTICATIONFAILED", "pam_deny")
    service("auth required pam_permit.so\naccount required pam_permit.so\n")
    equal(sources.login(server, SALLY, PASSWORD), "OK", "pam_permit")
    for name in ("nobody-here", "root"):
        equal(sources.login(server, name, PASSWORD), "AUTHENTICATIONFAILED", f"{name}: no account, whatever PAM permits")
    service("auth required pam_does_not_exist.so\naccount required pam_permit.so\n")
    equal(sources.login(server, SALLY, PASSWORD), "UNAVAILABLE", "a module that is missing")
    os.unlink(f"/etc/pam.d/{SERVICE}")
    equal(sources.login(server, SALLY, PASSWORD), "UNAVAILABLE", "no file of that service: \"other\" is not asked instead")
    service(UNIX)


@case
def conversation():
    """one password is answered and nothing else; what is said besides does not matter; another name is refused"""
    service("auth required pam_echo.so hello\n" + UNIX)
    equal(sources.login(server, SALLY, PASSWORD), "OK", "a greeting")
    unix = "auth required pam_unix.so nodelay\n"
    service(unix + "auth required pam_userdb.so db=/nonexistent/users\naccount required pam_permit.so\n")
    refused("asks for more than one password")
    service(f"auth required pam_ftp.so users=somebody-else,{SALLY}\naccount required pam_permit.so\n")
    refused('a PAM module changed the name of the user from')
    service(UNIX)


@case
def surroundings():
    """PAM's modules hear who comes from where; they start programs, and write nothing"""
    look = script("look", f"""
[ "$PAM_USER" = {SALLY} ] && [ "$PAM_RHOST" = 127.0.0.1 ] && [ "$PAM_TTY" = imap ] && [ "$PAM_SERVICE" = {SERVICE} ] &&
[ "$(cat)" = "{PASSWORD}" ]
""")
    service(f"auth required pam_exec.so expose_authtok quiet {look}\naccount required pam_permit.so\n")
    equal(sources.login(server, SALLY, PASSWORD), "OK", "user, address, service and password")
    equal(sources.login(server, SALLY, "wrong"), "UNAVAILABLE", "a program that ends with an error is PAM's trouble")
    free = os.path.join(place, "free")
    os.mkdir(free)
    os.chmod(free, 0o777)
    write = script("write", f"cat >/dev/null; if echo x 2>/dev/null > {free}/file; then exit 1; fi; exit 0\n")
    service(f"auth required pam_exec.so expose_authtok quiet {write}\naccount required pam_permit.so\n")
    equal(sources.login(server, SALLY, PASSWORD), "OK", "a file could not be written")
    equal(os.listdir(free), [], "files")
    service(UNIX)


@case
def delay():
    """PAM's own delays of failures do not add to auth's, and keep nobody waiting"""
    service("auth optional pam_faildelay.so delay=60000000\n" + UNIX)
    equal(sources.login(server, SALLY, "wrong"), "AUTHENTICATIONFAILED", "and not: no answer in time")
    service(UNIX)


@case
def granted():
    """the site must allow a module to start programs, and says which group it has"""
    result = server.cli("config", "check", "--set", "helpers.programs=()", check=False)
    equal(result.returncode != 0 and "helpers.programs = (" in result.stdout + result.stderr, True, result.stdout + result.stderr)
    result = server.cli("config", "check", "--set", 'helpers.programs=( { module = "pam"; group = "no-such-group"; } )', check=False)
    equal(result.returncode != 0 and "no-such-group" in result.stdout + result.stderr, True, result.stdout + result.stderr)
    equal("programs" in server.cli("module", "info", "pam").stdout, True, "the right is shown")
    other = Server(*options(programs='( { module = "pam"; } )'), users=1)
    equal(sources.login(other, SALLY, PASSWORD), "UNAVAILABLE", "without the group nobody can read the passwords")
    sources.others_are_well(other)
    other.stop()


@case
def file_users():
    """users of a file (pam_userdb, pam_listfile), who have no account"""
    load = next((p for p in ("/usr/bin/db5.3_load", "/usr/bin/db_load") if os.path.exists(p)), None)
    if load is None:
        raise Skip("db_load is missing (package db-util)")
    run(load, "-T", "-t", "hash", f"{place}/users.db", input=b"molly@example.org\nher word\nlou@example.net\nhis word\n")
    os.chmod(f"{place}/users.db", 0o644)
    with open(f"{place}/denied", "w") as f:
        f.write("lou@example.net\n")
    os.chmod(f"{place}/denied", 0o644)
    service(f"auth required pam_userdb.so db={place}/users crypt=none\n"
            f"account required pam_listfile.so onerr=fail item=user sense=deny file={place}/denied\n")
    other = whole_names()
    equal(sources.login(other, "molly@example.org", "her word"), "OK", "a user of the file")
    equal(sources.login(other, "molly@example.org", "his word"), "AUTHENTICATIONFAILED", "wrong password")
    equal(sources.login(other, "molly@example.net", "her word"), "AUTHENTICATIONFAILED", "the name in another domain")
    equal(sources.login(other, "lou@example.net", "his word"), "AUTHENTICATIONFAILED", "a user of the other file, who is denied")
    equal(sources.rcpt(other, "molly@example.org"), 550, "PAM does not say who gets mail")
    sources.others_are_well(other)
    other.stop()
    service(UNIX)


def whole_names():
    given = options(accounts="false")
    at = next(i for i, text in enumerate(given) if text.startswith("pam.domain="))
    return Server(*given[:at - 1], *given[at + 1:], users=1)


# ---- what hangs and dies ----

# Hangs for whom the file names, and not for others.
slow = os.path.join(place, "slow")
HANG = script("hang", f"cat >/dev/null; grep -qx \"$PAM_USER\" {slow} 2>/dev/null || exit 0\nwhile :; do sleep 1000 & wait; done\n")
MOLLY = f"sat-m{os.getpid()}"


def hangs_for(*names):
    with open(slow, "w") as f:
        f.write("".join(f"{name}\n" for name in names))
    os.chmod(slow, 0o644)


def children(pid):
    """Children of @pid: {pid: command}."""
    found = {}
    for line in subprocess.run(["ps", "-o", "pid=,comm=", "--ppid", str(pid)], capture_output=True, text=True, check=False).stdout.splitlines():
        child, _, name = line.strip().partition(" ")
        found[int(child)] = name.strip()
    return found


def launcher(of):
    return next(pid for pid, name in children(sources.helper_pid(of)).items() if name == "launcher")


def hanging():
    """Processes that hang."""
    return [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and is_hanging(pid)]


def is_hanging(pid):
    with contextlib.suppress(OSError):
        with open(f"/proc/{pid}/cmdline") as f:
            return HANG in f.read()
    return False


@contextlib.contextmanager
def in_mid_check(on, n=1):
    """@n logins whose programs hang; their answers are in the list afterwards."""
    got = []
    threads = [threading.Thread(target=lambda: got.append(sources.login(on, SALLY, PASSWORD))) for _ in range(n)]
    for thread in threads:
        thread.start()
    wait_for(lambda: len(hanging()) >= n, "the programs hang", seconds=120)
    yield got
    for thread in threads:
        thread.join(300)
    equal(len(got), n, "answers")


def well_again(on):
    hangs_for()
    sources.comes_back(on, SALLY, PASSWORD)
    wait_for(lambda: not hanging(), "nothing is left of what hung", seconds=120)


hung_server = Server(*options(seconds=10, processes="8"), users=2)


@case
def hung():
    """a module of PAM that hangs for one user: unavailable in time, and other users of PAM's are not harmed; nothing stays behind"""
    service(UNIX + f"auth required pam_exec.so expose_authtok quiet {HANG}\n")
    hangs_for(SALLY)
    run("useradd", "-M", "-N", "-s", "/usr/sbin/nologin", "-u", str(50001 + os.getpid() % 10000), MOLLY)
    run("chpasswd", input=f"{MOLLY}:{PASSWORD}\n".encode())
    with in_mid_check(hung_server, 3) as got:
        equal(sources.login(hung_server, MOLLY, PASSWORD), "OK", "another user of PAM's")
        sources.others_are_well(hung_server)
    equal(got, ["UNAVAILABLE"] * 3, "the logins")
    well_again(hung_server)


@case
def full():
    """more logins hang than checks may run: the rest waits, is told in time, and all is well afterwards"""
    hangs_for(SALLY, MOLLY)
    with in_mid_check(hung_server, 8) as got:
        equal(sources.login(hung_server, MOLLY, PASSWORD), "UNAVAILABLE", "who finds no room")
        sources.others_are_well(hung_server)
    equal(got, ["UNAVAILABLE"] * 8, "the logins")
    well_again(hung_server)


@case
def killed():
    """the process of one login is killed, or stopped, in the middle of it: that login is unavailable, and no other"""
    for number in (signal.SIGKILL, signal.SIGSTOP, signal.SIGSEGV):
        hangs_for(SALLY)
        with in_mid_check(hung_server) as got:
            checks = list(children(launcher(hung_server)))
            equal(len(checks), 1, "processes of logins")
            os.kill(checks[0], number)
            equal(sources.login(hung_server, MOLLY, PASSWORD), "OK", "another user")
        equal(got, ["UNAVAILABLE"], signal.Signals(number).name)
        well_again(hung_server)


@case
def given_up():
    """a client that goes away in the middle of a login takes the process with it"""
    import imaplib
    from tap import strict_context
    hangs_for(SALLY)
    c = imaplib.IMAP4_SSL("127.0.0.1", server.imaps, ssl_context=strict_context(server.ca_file), timeout=120)
    c.send(b"a LOGIN %s {%d}\r\n" % (SALLY.encode(), len(PASSWORD)))
    c.readline()
    c.send(PASSWORD.encode() + b"\r\n")
    wait_for(hanging, "the program hangs", seconds=120)
    c.shutdown()
    wait_for(lambda: not hanging(), "it has ended", seconds=120)
    hangs_for()


@case
def launchers():
    """the process that starts these is stopped, and killed, in the middle of a login"""
    with sources.stopped([launcher(hung_server)]):
        sources.expect_away(hung_server, SALLY, PASSWORD)
    well_again(hung_server)
    hangs_for(SALLY)
    with in_mid_check(hung_server) as got:
        left = hanging()
        os.kill(launcher(hung_server), signal.SIGKILL)
        sources.others_are_well(hung_server)
    equal(got, ["UNAVAILABLE"], "the login")
    for pid in left:  # nobody is left who would end programs that were started
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
    well_again(hung_server)


@case
def helper():
    """the helper is stopped, and killed in the middle of a login"""
    hangs_for()
    sources.expect_helper_faults(hung_server, SALLY, PASSWORD)
    hangs_for(SALLY)
    with in_mid_check(hung_server) as got:
        os.kill(sources.helper_pid(hung_server), signal.SIGKILL)
    equal(got, ["UNAVAILABLE"], "the login")
    well_again(hung_server)
    sources.passwords_stay(hung_server, PASSWORD)


main()
