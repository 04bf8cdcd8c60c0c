#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""kill -9 of any process while users move between mail processes and stacks, with clients connected and mail coming in: each user
is on one side or the other, with all mail that was acknowledged, once."""
import contextlib
import glob
import imaplib
import itertools
import json
import os
import random
import re
import signal
import smtplib
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from modules import Modules  # noqa: E402
from tap import LONG, TOP, Server, case, equal, has_ended, main, run_all, wait_for  # noqa: E402
from instance import Instance  # noqa: E402 - of tools/lib, whose path tap knows

KILLS = 50 if LONG else 5
VICTIMS = ("old owner", "auth", "new owner", "master")
MAILDIR, MEMORY = [f"u000{n}" for n in range(1, 5)], ["u0005", "u0006"]  # the second lose their mail with a process: of them only places count
modules = Modules()
modules.add("layers/memory.c", "memory", *sorted(glob.glob(os.path.join(TOP, "tests/layers/memory_*.c"))))
server = Server(*modules.options("memory"), "--set", "server.mail_processes=2", "--set", "server.gate_processes=1",
                "--set", 'storage.profiles=( { name = "quick"; driver = "memory"; layers = ( ); } )',
                "--set", 'storage.rules=( { name = "few"; users = ( "u0005@*", "u0006@*" ); profile = "quick"; volume = "v1"; } )',
                users=6 + KILLS + 4)
r = random.Random(47)
numbers = itertools.count(1)
is_up = threading.Event()  # but while the whole server is started again
is_up.set()


def satchel(*arguments):
    """A running command: started at once, without the tool of the tests in between."""
    command, environment = Instance(server.dir).command(arguments)
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def settled(user):
    """Where the user is, as soon as that is decided."""
    def look():
        out, err = satchel("user", "place", user, "--json").communicate(timeout=120)
        said.append(out + err)
        now = json.loads(out) if out.startswith("{") and '"state"' in out else {}
        return now.get("state") == "active" and now
    said = []
    return wait_for(look, f"{user} is in one place: {said[-1:]}\n{server.log()[-2000:]}", 60)


def process(role, slot=0):
    for pid, name in server.roles().items():
        if name == role:
            with open(f"/proc/{pid}/cmdline") as f:
                if f"--slot={slot}\0" in f.read():
                    return pid
    return None


def records():
    """Bytes of the file that grows with each step of a move."""
    try:
        return os.stat(os.path.join(os.path.dirname(server.mail_root), "state", "auth", "placements")).st_size
    except FileNotFoundError:
        return 0


class Traffic:
    """A client that appends, and an MTA, for one user; both go on over any loss of the connection."""

    def __init__(self, user):
        self.user, self.acknowledged, self.uids, self.n_lost = user, [], {}, 0

    def subject(self):
        return f"{self.user}-{next(numbers)}"

    def append(self, is_over):
        while not is_over.is_set():
            is_up.wait()
            try:
                client = server.imap(self.user)
                client.select()
                while not is_over.wait(0.02):
                    subject = self.subject()
                    answer = client.append("INBOX", None, None, text(subject))
                    if answer[0] == "OK":
                        self.acknowledged.append(subject)
                        self.uids[subject] = re.search(rb"APPENDUID (\d+ \d+)", answer[1][0]).group(1)
                client.logout()
            except (OSError, EOFError, imaplib.IMAP4.error):
                self.n_lost += 1
                is_over.wait(0.02)

    def deliver_one(self):
        subject = self.subject()
        is_up.wait()
        try:
            with smtplib.LMTP("127.0.0.1", server.lmtp, timeout=60) as c:
                c.sendmail("a@example.net", [f"{self.user}@{server.domain}"], text(subject))
            self.acknowledged.append(subject)
            return True
        except (OSError, smtplib.SMTPException):
            self.n_lost += 1
            return False

    def deliver(self, is_over):
        while not is_over.wait(0.02):
            self.deliver_one()


def text(subject):
    return b"Subject: %s\r\n\r\nx\r\n" % subject.encode()


def shown(user):
    """{subject: [UIDVALIDITY and UID of each copy]} as a new session sees it."""
    def attempt():
        try:
            return server.imap(user)
        except (OSError, imaplib.IMAP4.error):
            return None
    client = wait_for(attempt, f"a login of {user}\n{server.log()[-2000:]}", 60)
    equal(client.select(readonly=True)[0], "OK", f"SELECT of {user}")
    validity, found = client.response("UIDVALIDITY")[1][0], {}
    for x in client.fetch("1:*", "(UID BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]:
        if isinstance(x, tuple):
            found.setdefault(x[1].split()[1].decode(), []).append(validity + b" " + re.search(rb"UID (\d+)", x[0]).group(1))
    client.logout()
    return found


def check_mail(traffic):
    found = shown(traffic.user)
    equal({subject: uids for subject, uids in found.items() if len(uids) > 1}, {}, f"what {traffic.user} has twice")
    if traffic.user in MAILDIR:
        equal([subject for subject in traffic.acknowledged if subject not in found], [], f"what {traffic.user} has lost of {len(traffic.acknowledged)}")
        equal({subject: found[subject] for subject, uid in traffic.uids.items() if found[subject] != [uid]}, {}, f"other UIDs of {traffic.user}")
    return len(found)


def wait_for_moment(moves, size):
    """Somewhere within a move: a random time after its command began, or after the next lines were written down."""
    n_lines = r.randrange(6)
    while n_lines and records() <= size + 50 * (n_lines - 1) and any(move.poll() is None for move in moves):  # a line has some more bytes
        pass
    until = time.perf_counter() + r.random() * (0.001 if n_lines else 0.03)
    while time.perf_counter() < until:
        pass


def find_victim(name, old_slot):
    if name == "master":
        return server.pid
    found = (lambda: process("auth")) if name == "auth" else (lambda: process("mail", old_slot if name == "old owner" else 1 - old_slot))
    return wait_for(found, f"{name} is there", 60)


def start_again():
    is_up.clear()
    server.stop("--keep")
    server.start()
    is_up.set()


@case
def killed_while_moving():
    """a process dies in the middle of moves between slots, and from one driver to the other, again and again"""
    users = {user: Traffic(user) for user in MAILDIR + MEMORY}
    done, amid, is_over = {victim: [0, 0] for victim in VICTIMS}, [], threading.Event()

    def one_round(n):
        victim, user, fresh = VICTIMS[n % 4], (MAILDIR + MEMORY)[n % 6], Traffic(f"u{7 + n:04d}")
        before, size = settled(user), records()
        other = 1 - before["slot"]
        equal(settled(fresh.user)["profile"], "default", f"where {fresh.user} is at first")
        pid, delivery = find_victim(victim, before["slot"]), threading.Thread(target=fresh.deliver_one)
        move, change = satchel("user", "place", user, "--slot", str(other)), satchel("user", "place", fresh.user, "--profile", "quick", "--volume", "v2")
        delivery.start()
        wait_for_moment((move, change), size)
        os.kill(pid, signal.SIGKILL)
        amid.append(any(x.poll() is None for x in (move, change)))
        if victim == "master":
            start_again()
        outputs = [x.communicate(timeout=120) for x in (move, change)]
        delivery.join()
        for command, output in ((move, outputs[0]), (change, outputs[1])):
            equal(command.returncode == 0 or bool(output[1]), True, f"a move that was not made is explained: {output}")
        # Where the user is, who may have moved.
        now = settled(user)
        equal((now["profile"], now["driver"], now["volume"]), (before["profile"], before["driver"], before["volume"]), f"the stack of {user}")
        equal((now["slot"] == other) or move.returncode != 0, True, f"{user} was told to be at {other}: {outputs[0]} {now}")
        done[victim][now["slot"] == other] += 1
        # Where the new one is: where the command said, and the mail as well.
        now = settled(fresh.user)
        is_quick = now["profile"] == "quick"
        equal((now["driver"], now["volume"]), ("memory", "v2") if is_quick else ("maildir", ""), f"the stack of {fresh.user}")
        equal(is_quick or change.returncode != 0, True, f"{fresh.user} was told to be elsewhere: {outputs[1]} {now}")
        wait_for(fresh.deliver_one, f"mail comes to {fresh.user}", 60)
        found = shown(fresh.user)
        kept = fresh.acknowledged if victim == "auth" or not is_quick else fresh.acknowledged[-1:]
        equal({subject: len(found.get(subject, [])) for subject in kept}, {subject: 1 for subject in kept}, f"mail of {fresh.user}, who is at {now}")
        equal(os.path.isdir(os.path.join(server.mail_root, server.domain, fresh.user)), not is_quick, f"is there a Maildir of {fresh.user}, who is at {now}")

    def rounds():
        try:
            for n in range(KILLS):
                one_round(n)
        finally:
            is_over.set()
    run_all(rounds, *[lambda work=work: work(is_over) for traffic in users.values() for work in (traffic.append, traffic.deliver)], seconds=3600)
    n_found = sum(check_mail(traffic) for traffic in users.values())
    for user in MEMORY:
        wait_for(users[user].deliver_one, f"mail comes to {user}", 60)
        equal(len(shown(user)[users[user].acknowledged[-1]]), 1, f"new mail of {user}")
        equal(os.path.isdir(os.path.join(server.mail_root, server.domain, user)), False, f"a Maildir of {user}")
    n_acknowledged, n_lost = (sum(x) for x in zip(*[(len(users[user].acknowledged), users[user].n_lost) for user in MAILDIR]))
    print(f"# {KILLS} kills, {sum(amid)} of them in the middle of a move; users that stayed and that moved, by the process that died: {done}; {n_acknowledged} acknowledged messages of Maildir users, each once; "
          f"{n_lost} operations and logins cut off; {n_found} messages in all", flush=True)


def moving_epoch(user):
    """Of the last record of the user, if it says that a move has begun; None: it does not."""
    with open(os.path.join(os.path.dirname(server.mail_root), "state", "auth", "placements"), errors="replace") as f:
        lines = [line.rstrip("\n").split("\t") for line in f if f"\t{user}@{server.domain}" in line]
    found = re.search(r"\bmoving(?:-new)?$", lines[-1][0]) if lines else None
    return int(lines[-1][1]) if found else None


@case
def killed_when_written_down():
    """auth or the whole server dies when a move has been written down and nobody has let go of the user: he stays where he was"""
    fresh = [f"u{7 + KILLS + n:04d}" for n in range(4)]
    for n, (victim, target) in enumerate(itertools.product(("auth", "master"), ("slot", "stack"))):
        user = Traffic(fresh[n])
        equal(user.deliver_one(), True, f"mail comes to {user.user}") if target == "slot" else None
        before = settled(user.user)
        equal(before["profile"], "default", f"where {user.user} is at first")
        where = ("--slot", str(1 - before["slot"])) if target == "slot" else ("--profile", "quick", "--volume", "v3")
        pid, auth, owner = (find_victim(name, before["slot"]) for name in (victim, "auth", "old owner"))
        os.kill(owner, signal.SIGSTOP)  # it hears nothing, so the move goes no further than its record
        try:
            move = satchel("user", "place", user.user, *where)
            epoch = wait_for(lambda: moving_epoch(user.user), f"the move of {user.user} is written down", 60)
            os.kill(pid, signal.SIGKILL)
            for gone in {pid, auth}:  # before the old owner answers
                wait_for(lambda: has_ended(gone), f"{victim} and auth die", 60)
        finally:
            with contextlib.suppress(ProcessLookupError):  # master takes it along
                os.kill(owner, signal.SIGCONT)
        if victim == "master":
            start_again()
        output = move.communicate(timeout=120)
        equal(move.returncode != 0 and bool(output[1]), True, f"a move that was not made is explained: {output}")
        now = settled(user.user)
        what = f"{user.user}, whose move to another {target} began before {victim} died"
        equal({key: now[key] for key in ("profile", "driver", "volume", "slot")}, {key: before[key] for key in ("profile", "driver", "volume", "slot")}, f"the place of {what}")
        equal(now["epoch"] > epoch, True, f"what was told of {what} is outdated: epoch {epoch}, now {now['epoch']}")
        wait_for(user.deliver_one, f"mail comes to {what}", 60)
        equal({subject: len(found) for subject, found in shown(user.user).items()}, {subject: 1 for subject in user.acknowledged}, f"mail of {what}")
        # The next move is made.
        output = satchel("user", "place", user.user, "--slot", str(1 - now["slot"])).communicate(timeout=120)
        equal(settled(user.user)["slot"], 1 - now["slot"], f"another move of {what}: {output}")


if __name__ == "__main__":
    main()
