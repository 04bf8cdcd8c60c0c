#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""One-time codes while the server's time passes: real clients that reconnect with the string that they stored, clients that poll with
old strings for a day, the edges of the window, and clocks that are set."""
import os
import poplib
import re
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from clock import Clock  # noqa: E402
from factor import AWAY, HOME, FactorServer, Relay  # noqa: E402
from programs import MAIL, POP3, PROGRAMS, Place  # noqa: E402
from tap import case, equal, main, need, run_all, wait_for  # noqa: E402

need("oathtool")
clock = Clock()
totp = FactorServer("--set", 'auth.explain="always"', "--set", 'totp.policies=({name="u0009@example.org";policy="required-unknown"},'
                    '{name="u0010@example.org";policy="required-unknown"})', users=10, clock=clock)
server = totp.server
PASSWORD = server.password
HOUR_S, DAY_S = 3600.5, 86400  # the log cuts fractions of seconds off


def places(imaps, pop3s, n):
    """@n of each program, with the string that it stored."""
    return {user: [Place(server.ca_file, imaps, pop3s, user, stored[user]) for _ in range(n)] for user in PROGRAMS}


def run_in(where, n, want, what):
    """All programs at once, each @n times: those of IMAP at once as well, of POP3, which locks the maildrop, one after the other."""
    def work_in(user, places):
        program, name = PROGRAMS[user]
        for place in places:
            equal(program(place), want, f"{name} {what}")
    groups = [(user, group) for user, (program, _) in PROGRAMS.items()
              for group in ([where[user][:n]] if program in POP3 else [[place] for place in where[user][:n]])]
    run_all(*(lambda user=user, group=group: work_in(user, group) for user, group in groups))


stored = {}


@case
def programs_reconnect():
    """curl, poplib, mbsync, fetchmail, mpop and mutt with password and code: every minute for ten minutes, five at once"""
    for _, program in PROGRAMS.values():
        need(program)
    server.deliver(MAIL, *PROGRAMS)
    for user in PROGRAMS:
        stored[user] = PASSWORD + totp.code(totp.enrol(user))
    home = places(server.imaps, server.pop3s, 5)
    for minute in range(11):
        run_in(home, 5 if minute in (0, 10) else 1, True, f"in minute {minute}")
        clock.passes(60)
    away = places(Relay(server.imaps, AWAY).port, Relay(server.pop3s, AWAY).port, 1)
    run_in(away, 1, False, "from another network")
    log = server.log()
    for user, (_, program) in PROGRAMS.items():
        equal([g["network"] for g in totp.grants(user)], [HOME], f"grants of {program}")
        equal(set(re.findall(rf'auth failed: rip={AWAY} .*reason=(\S+) user="{user}"', log)), {"code-stale"}, f"{program} from another network")
    run_in(home, 1, True, "at home afterwards")


@case
def polling_for_a_day():
    """three clients that poll with old strings from a new network for 24 hours lock nobody out: a fresh code gets in from there"""
    new, third = "198.51.100.7", "203.0.113.99"
    secret = totp.enrol("u0007")
    old = [PASSWORD + totp.code(secret, later_s) for later_s in (-30, 0, 30)]
    for string in old:
        equal(totp.imap("u0007", string), "OK", "at home")
    n = 0
    for hour in range(24):
        for _ in range(6):
            for string in old:
                said = totp.imap_from(new, "u0007", string)
                n += 1
                equal("AUTHENTICATIONFAILED" in said, True, f"the {n}th try: {said}")
            clock.passes(600)
        if hour % 6 == 5:
            address = new if hour == 23 else third
            equal(totp.imap_from(address, "u0007", PASSWORD + totp.code(secret)), "OK", f"a fresh code after {hour + 1} hours, from {address}")
    equal(n, 432, "tries")
    equal(totp.imap("u0007", old[1]), "OK", "at home")
    reasons = re.findall(r'auth failed: .*reason=(\S+) user="u0007"', server.log())
    equal(set(reasons), {"code-stale"}, "reasons in the log")
    equal("wrong_codes=0" in server.cli("totp", "status", "u0007").stdout, True, "they count as no wrong codes")


def at_step(second):
    """Lets time pass until a step of 30 s is @second old."""
    clock.passes(30 - clock.now() % 30 + second)


def is_let_in(user, later_s):
    """Is the code let in that an app shows whose clock is @later_s ahead, at the beginning and at the end of the server's step?"""
    found = []
    for second in (0, 29):
        while True:
            server.cli("totp", "reset", user, check=False)
            secret = totp.enrol(user)
            at_step(1)
            step = int(clock.now()) // 30
            # The server knows steps only, so that it need not be at the same second.
            code = totp.code_at(secret, step * 30 + second + later_s)
            said = totp.imap(user, PASSWORD + code)
            if int(clock.now()) // 30 == step:
                break
        found.append(said == "OK")
        equal(said == "OK" or "AUTHENTICATIONFAILED" in said, True, said)
    return tuple(found)


@case
def edges_of_the_window():
    """codes of clocks that are wrong by up to one step are taken, and no others, to the second"""
    want = {-61: (False, False), -60: (False, False), -31: (False, True), -30: (True, True), 0: (True, True), 30: (True, True), 31: (True, False),
            59: (True, False), 60: (False, False)}
    equal({later_s: is_let_in("u0008", later_s) for later_s in want}, want, "by the seconds that the app's clock is ahead")


@case
def clocks_are_set():
    """a clock that is set forward and back lets no code in twice and shuts nobody out, and the log says so loudly"""
    server.cli("totp", "reset", "u0008", check=False)
    secret = totp.enrol("u0008")
    at_step(1)
    first = PASSWORD + totp.code(secret)
    equal(totp.imap("u0008", first), "OK", "before")
    used = [first]

    def check(said):
        for string in used:
            equal("used already" in totp.pop3("u0008", string, AWAY), True, "a code that was used, from elsewhere")
            equal(totp.imap("u0008", string), "OK", "and at home")
        wait_for(lambda: f"the clock was set {said} s" in server.log(), f"the log says {said}")
        equal(totp.imap("u0001", stored["u0001"]) if stored else "OK", "OK", "another user's grant")
        equal(totp.imap("u0009", PASSWORD) != "OK", True, "who needs a code")
    clock.is_set(HOUR_S)
    string = PASSWORD + totp.code(secret)
    equal(totp.imap("u0008", string), "OK", "a code of an hour later")
    used.append(string)
    check("forward by 3600")
    clock.is_set(-HOUR_S)
    check("back by 3600")
    string = PASSWORD + totp.code(secret, 30)
    equal(totp.imap("u0008", string, AWAY), "OK", "a new code, of the old time")
    used.append(string)
    clock.is_set(-HOUR_S)
    string = PASSWORD + totp.code(secret)
    equal(totp.imap("u0008", string, AWAY), "OK", "a code of an hour before")
    clock.is_set(HOUR_S)
    equal(sum("error: totp: the clock was set" in line for line in server.log().splitlines()) >= 3, True, "as errors")


def restart_later(seconds):
    """Time passes while the server is stopped: more at once than one that runs would bear."""
    server.stop("--keep")
    clock.passes(seconds)
    server.start(*totp.options)


@case
def unknown_networks():
    """with required-unknown a code is asked from networks that the user has not logged in from within 90 days, loopback always"""
    home, other, third = "203.0.113.7", "2001:db8:7::1", "198.51.100.50"
    password_alone = lambda address: totp.imap_from(address, "u0009", PASSWORD)  # noqa: E731
    equal("code required" in password_alone(home), True, "who is not enrolled")
    secret = totp.enrol("u0009")
    equal("code required" in password_alone(home), True, "a new network")
    equal(totp.imap_from(home, "u0009", PASSWORD + totp.code(secret)), "OK", "with a code")
    equal(password_alone(home), "OK", "the password alone, from there")
    equal("AUTHENTICATIONFAILED" in totp.imap_from(home, "u0009", "wrong"), True, "a wrong password, from there")
    equal("code required" in password_alone(other), True, "another network")
    equal(totp.imap_from(other, "u0009", PASSWORD + totp.code(secret, 30)), "OK", "with a code")
    equal(totp.imap_from("2001:db8:7::2", "u0009", PASSWORD), "OK", "the same /64")
    equal("code required" in totp.imap_from("2001:db8:7:1::1", "u0009", PASSWORD), True, "the next /64")
    equal(totp.imap("u0009", PASSWORD + totp.code(secret, -30)), "OK", "loopback, with a code")
    equal("code required" in totp.imap("u0009", PASSWORD), True, "loopback is never known")
    said = server.cli("auth", "test", "u0009", "--stdin", "--from", third, input=PASSWORD + "\n", check=False).stdout
    equal("code-missing" in said, True, said)
    equal("code required" in password_alone(third), True, "a test makes no network known")
    # Who is not enrolled gets in from where he was before that was asked, and from nowhere else.
    equal("code required" in totp.imap_from(home, "u0010", PASSWORD), True, "not enrolled")
    restart_later(60 * DAY_S)
    equal(password_alone(home), "OK", "after 60 days and a restart")
    restart_later(40 * DAY_S)
    equal("code required" in password_alone(other), True, "after 100 days")
    equal(password_alone(home), "OK", "40 days after the last use")
    server.cli("auth", "throttle", "clear", "--networks", "u0009")
    equal("code required" in password_alone(home), True, "once it was forgotten")


main()
