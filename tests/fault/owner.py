#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""kill -9 of the process that owns a user, again and again while clients of IMAP, POP3 and LMTP are at work on his INBOX: nothing
acknowledged is lost, nothing comes back, nothing hangs.  How long it takes until the mailbox is there again is printed."""
import contextlib
import imaplib
import os
import poplib
import random
import re
import signal
import smtplib
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import LONG, Server, awaiting, case, equal, main, wait_for  # noqa: E402
from wire import Wire  # noqa: E402

N_KILLS, N_MAIL = (200, 25000) if LONG else (6, 400)
HANG_S = 60   # far beyond what any recovery takes
USER, DATE = "u0001", "01-Feb-2021 21:52:25 -0800"
FLAGS = ("\\Flagged", "\\Answered", "$Forwarded", "one", "two")
OF_IMAP = ("APPEND", "STORE", "EXPUNGE")
server = Server("--set", "server.mail_processes=1", users=1)
random.seed(1)


def mail(n):
    return b"Message-ID: <%d@owner.example>\r\nSubject: owner\r\n\r\n%s\r\n" % (n, b"number %d " % n * (n % 60))


def number_of(header):
    return int(re.search(rb"<(\d+)@owner", header)[1])


class Load:
    """Clients at work, and what the server has acknowledged to them.  A number stands for one attempt to add a message."""

    def __init__(self):
        self.lock, self.ends = threading.Lock(), threading.Event()
        self.next = N_MAIL
        self.added = {n: None for n in range(N_MAIL)}   # the UID, where the client was told
        self.flags, self.own = {}, []                   # own: what the client of IMAP added last
        self.removed, self.doubtful = set(), set()      # doubtful: the answer may have been lost
        self.counts = dict.fromkeys(("LMTP", "APPEND", "STORE", "EXPUNGE", "POP3"), 0)
        self.threads = [threading.Thread(target=self.run, args=(work,), daemon=True) for work in (self.deliver, self.work_by_imap, self.work_by_pop3)]
        for t in self.threads:
            t.start()

    def run(self, work):
        """A client that is cut off comes back."""
        while not self.ends.is_set():
            with contextlib.suppress(OSError, EOFError, smtplib.SMTPException, imaplib.IMAP4.error, poplib.error_proto):
                work()
            self.ends.wait(0.02)   # the server may be away, and refuses at once

    def n_done(self, *kinds):
        with self.lock:
            return sum(self.counts[kind] for kind in kinds or self.counts)

    def take_number(self):
        with self.lock:
            self.next += 1
            return self.next

    def note_added(self, kind, n, uid=None):
        with self.lock:
            self.added[n] = uid
            self.counts[kind] += 1

    def note_removed(self, kind, n):
        with self.lock:
            self.removed.add(n)
            self.counts[kind] += 1

    def deliver(self):
        with smtplib.LMTP("127.0.0.1", server.lmtp, timeout=HANG_S) as c:
            while not self.ends.is_set():
                n = self.take_number()
                c.sendmail("a@example.net", [f"{USER}@{server.domain}"], mail(n))
                self.note_added("LMTP", n)

    def work_by_imap(self):
        c = server.imap(USER, tls=False)
        c.select()
        while not self.ends.is_set():
            n = self.take_number()
            kind, data = c.append("INBOX", None, None, mail(n))
            if kind != "OK":
                return
            uid = int(re.search(rb"APPENDUID \d+ (\d+)", data[0])[1])
            self.note_added("APPEND", n, uid)
            self.own.append((n, uid))
            self.set_flag(c, *random.choice(self.own))
            if len(self.own) > 5:
                self.expunge(c, *self.own.pop(0))

    def set_flag(self, c, n, uid):
        flag = random.choice(FLAGS)
        if c.uid("STORE", str(uid), "+FLAGS.SILENT", f"({flag})")[0] == "OK":
            with self.lock:
                self.flags.setdefault(n, set()).add(flag)
                self.counts["STORE"] += 1

    def expunge(self, c, n, uid):
        self.doubtful.add(n)
        if c.uid("STORE", str(uid), "+FLAGS.SILENT", "(\\Deleted)")[0] == "OK" and c.uid("EXPUNGE", str(uid))[0] == "OK":
            self.note_removed("EXPUNGE", n)

    def work_by_pop3(self):
        """Takes the newest message away; QUIT is what acknowledges that."""
        p = poplib.POP3("127.0.0.1", server.ports["pop3"], timeout=HANG_S)
        p.user(USER)
        p.pass_(server.password)
        which = p.stat()[0]
        n = number_of(b"\n".join(p.retr(which)[1]))
        p.dele(which)
        self.doubtful.add(n)
        p.quit()
        self.note_removed("POP3", n)

    def stop(self):
        self.ends.set()
        for t in self.threads:
            with awaiting("the end of a client"):
                t.join(2 * HANG_S)
            equal(t.is_alive(), False, "a client hangs")


def owner():
    return next((pid for pid, role in server.roles().items() if role == "mail"), None)


def open_inbox():
    """How many messages there are, once all is there; None while the server is not."""
    with contextlib.suppress(OSError, imaplib.IMAP4.error):
        c = server.imap(USER, tls=False)
        kind, data = c.select()
        if kind == "OK" and c.fetch("*", "(FLAGS)")[0] == "OK":
            c.shutdown()
            return int(data[0])
    return None


def started_s(pid):
    """When a process began, on the clock CLOCK_BOOTTIME."""
    with open(f"/proc/{pid}/stat") as f:
        return int(f.read().rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")


def kill_owner():
    """Seconds until the mailbox was there again, counted from the kill, and from the start of the new process (which waits longer the
    more often it has died)."""
    pid = wait_for(owner, "the owner")
    os.kill(pid, signal.SIGKILL)
    killed_s = time.clock_gettime(time.CLOCK_BOOTTIME)
    wait_for(open_inbox, "the mailbox after a kill", HANG_S)
    now_s = time.clock_gettime(time.CLOCK_BOOTTIME)
    return now_s - killed_s, now_s - started_s(wait_for(owner, "the owner"))


def show(what, times):
    times = sorted(times)
    print(f"# {what}: half within {times[len(times) // 2]:.2f} s, 19 of 20 within {times[len(times) * 19 // 20]:.2f} s, all within "
          f"{times[-1]:.2f} s", flush=True)


def fetch_all():
    """By number: UID and flags; a number twice is told."""
    c = server.imap(USER)
    c.select(readonly=True)
    found = {}
    for part in c.uid("FETCH", "1:*", "(FLAGS BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])")[1]:
        if isinstance(part, tuple):
            n, uid = number_of(part[1]), int(re.search(rb"UID (\d+)", part[0])[1])
            equal(n in found, False, f"number {n} twice")
            found[n] = uid, set(re.search(rb"FLAGS \(([^)]*)\)", part[0])[1].decode().split())
    c.logout()
    return found


@case
def fill():
    """INBOX has as many messages as a user keeps"""
    w = Wire(server, "imap")
    w.line()
    w.ask(b"l LOGIN %s %s" % (USER.encode(), server.password.encode()), b"l OK")
    w.append_many("INBOX", (("", DATE, mail(n)) for n in range(N_MAIL)), at_once=500)
    w.close()
    equal(open_inbox(), N_MAIL, "messages")


@case
def killed_under_load():
    """All that was acknowledged while the owner was killed is there, with its UID and flags, and what was removed is not"""
    load = Load()
    times = []
    for _ in range(N_KILLS):
        goals = [(load.n_done(*kinds) + random.randint(1, most), kinds) for kinds, most in (((), 12), (OF_IMAP, 4), (("POP3",), 2))]
        wait_for(lambda: all(load.n_done(*kinds) >= goal for goal, kinds in goals), lambda: f"clients go on: {goals}, {load.counts}", HANG_S)
        times.append(kill_owner())
    load.stop()
    print(f"# {N_KILLS} kills; acknowledged: {load.counts}; recoveries over a second: {sum(t[1] > 1 for t in times)}", flush=True)
    show("from the kill", [t[0] for t in times])
    show("from the start of the new process", [t[1] for t in times])
    found = fetch_all()
    gone = load.removed | load.doubtful
    equal(sorted(set(load.added) - gone - set(found)), [], "acknowledged and not there")
    equal(sorted(load.removed & set(found)), [], "removed and there again")
    for n, uid in load.added.items():
        if uid is not None and n in found:
            equal(found[n][0], uid, f"UID of number {n}")
    for n, flags in load.flags.items():
        if n in found:
            equal(flags - found[n][1], set(), f"flags of number {n} that were acknowledged and are not there")
    equal(min(load.counts.values()) > 0, True, f"each kind of client got on: {load.counts}")


main()
