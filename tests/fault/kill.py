#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""kill -9 of every process: the rest goes on, it comes back, and everything acknowledged is there."""
import json
import os
import random
import re
import signal
import smtplib
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import LONG, TOP, Server, case, equal, has_ended, main, two_volumes, wait_for  # noqa: E402

VOLUMES = two_volumes(("u0001", "u0002", "u0004"), ("u0003", "u0005", "u0006"))
server = Server("--set", "server.mail_processes=2", "--set", "server.gate_processes=2", *VOLUMES, users=6)
ROUNDS = 200 if LONG else 8


def mail(n):
    return b"Message-ID: <%d@kill.example>\r\nSubject: kill\r\n\r\nnumber %d\r\n" % (n, n)


def pids(role):
    return sorted(pid for pid, name in server.roles().items() if name == role)


@case
def each_role():
    """each role comes back, and logins work again"""
    for role in ("gate", "auth", "mail"):
        for pid in pids(role):
            before = pids(role)
            os.kill(pid, signal.SIGKILL)
            wait_for(lambda: pid not in pids(role) and len(pids(role)) == len(before), f"{role} is back")
            for user in ("u0001", "u0002", "u0003"):
                server.imap_when_back(user).logout()


def ready(role):
    rows = [line.split() for line in server.cli("status").stdout.splitlines()]
    return sorted(int(r[2]) for r in rows if r[:1] == [role] and r[3:4] == ["ready"])


def waits(role, log):
    return [int(x) for x in re.findall(rf"{role}\[\d\] starts again in (\d+) ms: it died \d+ times", log)]


@case
def at_work_again():
    """a role that was at work each time it was killed is back after the same short while, however often that is"""
    for role in ("gate", "auth", "mail"):
        told = len(server.log())
        for _ in range(6):
            server.imap_when_back("u0001").logout()  # perhaps by another of the role
            pid = wait_for(lambda: next(iter(ready(role)), None), f"a {role} is ready")
            os.kill(pid, signal.SIGKILL)
            wait_for(lambda: pid not in pids(role), f"{role} is gone")
        wait_for(lambda: len(waits(role, server.log()[told:])) >= 4, f"{role} starts again")
        equal(max(waits(role, server.log()[told:])) <= 250, True, f"how long {role} stays away: {waits(role, server.log()[told:])}")


@case
def again_and_again():
    """a role that is killed eight times, also before it is ready, waits two seconds at most, and logins work"""
    for role in ("gate", "auth", "mail"):
        told = len(server.log())
        for _ in range(8):
            pid = wait_for(lambda: next(iter(pids(role)), None), f"{role} is back")
            os.kill(pid, signal.SIGKILL)
            wait_for(lambda: pid not in pids(role), f"{role} is gone")
        server.imap_when_back("u0001").logout()
        away = waits(role, server.log()[told:])
        equal(len(away) > 0 and max(away) <= 2000, True, f"how long {role} stays away: {away}")
        equal(min(away) >= 200, True, f"one that dies at once does not spin: {away}")


@case
def nothing_outlives_an_exec():
    """no descriptor of any process would go to a program that it runs, but for standard input, output and error"""
    c = server.imap()
    c.select()
    n_seen = {}
    for pid, role in [(server.pid, "master"), *server.roles().items()]:
        for fd in os.listdir(f"/proc/{pid}/fdinfo"):
            try:
                what = os.readlink(f"/proc/{pid}/fd/{fd}")
                with open(f"/proc/{pid}/fdinfo/{fd}") as f:
                    flags = int(next(line.split()[1] for line in f if line.startswith("flags:")), 8)
            except FileNotFoundError:
                continue  # the process goes on working, and has closed it since
            if int(fd) > 2:
                equal(bool(flags & os.O_CLOEXEC), True, f"close-on-exec of {role}'s descriptor {fd}: {what}")
                n_seen[role] = n_seen.get(role, 0) + 1
    equal(sorted({"master", *server.roles().values()} - set(n_seen)), [], "roles of which no descriptor was seen")
    c.logout()


@case
def others_go_on():
    """sessions of another mail process notice nothing when one is killed"""
    sessions = {}
    for n in range(1, 7):
        sessions[n] = server.imap_when_back(f"u{n:04d}")
        sessions[n].select()
    victim = pids("mail")[0]
    os.kill(victim, signal.SIGKILL)
    wait_for(lambda: victim not in pids("mail") and len(pids("mail")) == 2, "the mail process is back")
    alive = 0
    for c in sessions.values():
        try:
            equal(c.noop()[0], "OK", "NOOP")
            alive += 1
            c.logout()
        except Exception:  # noqa: B902
            pass
    equal(0 < alive < 6, True, f"sessions that went on: {alive} of 6, owned by two processes")


@case
def nothing_acknowledged_is_lost():
    """what LMTP and APPEND acknowledged while processes are killed is there exactly once, or twice where the answer was lost"""
    acknowledged, lock, stop = set(), threading.Lock(), threading.Event()
    counter = iter(range(1, 10 ** 6))

    def deliver():
        while not stop.is_set():
            n = next(counter)
            try:
                with smtplib.LMTP("127.0.0.1", server.lmtp, timeout=30) as c:
                    c.sendmail("a@example.net", [f"u0004@{server.domain}"], mail(n))
            except (OSError, smtplib.SMTPException):
                continue
            with lock:
                acknowledged.add(n)

    def append():
        while not stop.is_set():
            try:
                c = server.imap("u0004")
                while not stop.is_set():
                    n = next(counter)
                    if c.append("INBOX", None, None, mail(n))[0] == "OK":
                        with lock:
                            acknowledged.add(n)
            except Exception:  # noqa: B902
                continue
    threads = [threading.Thread(target=deliver), threading.Thread(target=append)]
    for t in threads:
        t.start()
    r = random.Random(1)
    for _ in range(ROUNDS):
        goal = len(acknowledged) + 5
        wait_for(lambda: len(acknowledged) >= goal, "deliveries go on", 60)
        victim = r.choice(pids(r.choice(("mail", "mail", "auth", "gate"))) or [None])
        if victim:
            os.kill(victim, signal.SIGKILL)
    stop.set()
    for t in threads:
        t.join(60)
    c = server.imap_when_back("u0004")
    c.select()
    data = c.uid("FETCH", "1:*", "(BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])")[1]
    found = [int(x[1].split(b"<")[1].split(b"@")[0]) for x in data if isinstance(x, tuple)]
    equal(acknowledged - set(found), set(), "acknowledged and not there")
    equal(max(found.count(n) for n in found) <= 2, True, "more than twice")
    uids = [x[0].split(b"UID ")[1].split()[0] for x in data if isinstance(x, tuple)]
    equal(len(set(uids)), len(uids), "UIDs are unique")
    c.logout()


@case
def second_server_refuses():
    """a second server on the same mail root refuses and names the first"""
    inside = os.path.join(os.path.dirname(server.dir), "second")
    with open(os.path.join(server.dir, "devserver.json")) as f:
        uids = json.load(f)["uids"]
    same_user = ["--set", f"server.mail_user={uids['mail']}"] if uids else []
    r = subprocess.run([os.path.join(TOP, "tools/devserver"), "start", "--dir", inside, "--set", f"server.mail_root={server.mail_root}",
                        *same_user], capture_output=True, text=True)
    equal(r.returncode != 0 and str(server.pid) in r.stderr.splitlines()[-1] + r.stderr, True, f"second server: {r.stderr[-500:]}")
    server.imap_when_back("u0001").logout()


@case
def master_killed():
    """when master is killed nothing of it stays, and a start on what it left finds all mail"""
    global server
    server.imap_when_back("u0005").logout()   # whose process may have been killed before
    server.deliver(mail(1), "u0005")
    everyone = list(server.roles())
    os.kill(server.pid, signal.SIGKILL)
    wait_for(lambda: all(map(has_ended, everyone)), "the roles end with master")
    server = Server(directory=server.dir, users=6)
    c = server.imap("u0005")
    equal(c.select()[1], [b"1"], "EXISTS")
    c.logout()


@case
def graceful_stop():
    """a stop says goodbye to sessions"""
    c = server.imap("u0006")
    c.select()
    os.kill(server.pid, signal.SIGTERM)
    equal(c.readline()[:5], b"* BYE", "goodbye")


main()
