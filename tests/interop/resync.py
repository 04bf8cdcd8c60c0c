#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Disconnected clients that come back with QRESYNC (RFC 7162): through restarts, lost indexes and changes by anybody, what a
client remembers plus what it is told is what is there."""
import os
import random
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import LONG, STORAGE, Server, case, equal, main, wait_for  # noqa: E402
from tracker import Refused, Tracker, ranges  # noqa: E402

ROUNDS = 400 if LONG else 60
SEED = int(os.environ.get("SATCHEL_SEED") or (time.time_ns() if LONG else 11))
FLAGS = ("\\Seen", "\\Answered", "\\Flagged", "\\Draft", "$k1", "$k2")
r = random.Random(SEED)
server = Server("--set", "imap.rest_after=200ms", users=2)
old_indexes = []
BASE = os.path.join(server.mail_root, server.domain, "u0001")


def mail(n):
    return b"From: a@b.example\r\nSubject: %d\r\nMessage-ID: <%d@resync.example>\r\n\r\ntext %d\r\n" % (n, n, n)


class Sleeper:
    """A client and what it remembers of INBOX while it is away: UIDVALIDITY, mod-sequence, {uid: flags}."""

    def __init__(self):
        self.memory = None
        self.visit()

    def visit(self):
        t = Tracker(server, mode="qresync")
        t.select(known=self.memory)
        if self.memory:
            equal(t.uidvalidity, self.memory[0], "UIDVALIDITY")
            equal(t.modseq >= self.memory[1], True, f"HIGHESTMODSEQ {t.modseq} after {self.memory[1]}")
        self.told = len(t.gone) + sum(1 for row in t.rows if row.modseq)
        # What was known is right at once; only what is new has to be looked at.
        truth = Tracker(server)
        truth.select(command=b"EXAMINE")
        if truth.rows:
            truth.ask(b"FETCH 1:* (UID FLAGS)")
        known = [(row.uid, tuple(sorted(row.flags))) for row in t.rows if row.uid]
        there = truth.view()
        if known != there[:len(known)]:
            raise AssertionError(f"remembers {sorted(set(known) - set(there))[:5]} of {sorted(set(there) - set(known))[:5]}; asked with {self.memory[:2] if self.memory else None}")
        t.look_at_new()
        equal(t.view(), there, "after a look at what is new")
        truth.close()
        self.memory = t.known()
        t.close()


def change(n):
    """One thing that somebody does meanwhile."""
    what = r.random()
    if what < .25:
        server.deliver(mail(n))
        return
    if what < .45 and STORAGE == "maildir":
        outside(n)
        return
    t = Tracker(server)
    t.select()
    if t.rows:
        t.ask(b"FETCH 1:* UID")
        uids = ranges(row.uid for row in r.sample(t.rows, min(len(t.rows), r.randrange(1, 4)))).encode()
        if what < .75:
            flags = " ".join(r.sample(FLAGS, r.randrange(1, 3))).encode()
            t.ask(b"UID STORE %s %sFLAGS.SILENT (%s)" % (uids, r.choice((b"+", b"-", b"")), flags))
        elif what < .85:
            t.ask(b"UID MOVE %s Moved" % uids)
        else:
            t.ask(b"UID STORE %s +FLAGS.SILENT (\\Deleted)" % uids)
            t.ask(r.choice((b"UID EXPUNGE " + uids, b"CLOSE")))
    t.close()


def outside(n):
    """Another program at the files, the server running or not."""
    files = [os.path.join(BASE, d, x) for d in ("new", "cur") for x in os.listdir(os.path.join(BASE, d))]
    what = r.random()
    if what < .4 or not files:
        owner, path = os.stat(BASE), os.path.join(BASE, "tmp", f"{1600000000 + n}.M{n}P2.outside")
        with open(path, "wb") as f:
            f.write(mail(n).replace(b"\r", b""))
        os.chown(path, owner.st_uid, owner.st_gid)
        os.rename(path, os.path.join(BASE, "new", os.path.basename(path)))
        return
    path = r.choice(files)
    if what < .6:
        os.unlink(path)
        return
    base, _, flags = os.path.basename(path).partition(":2,")
    letters = set(flags) ^ set(r.sample("FRS", r.randrange(1, 3)))
    os.rename(path, os.path.join(BASE, "cur", base + ":2," + "".join(sorted(letters))))


def restart(how):
    """A clean stop, or all mail processes killed; and maybe the index is gone afterwards, cut off, or an older one."""
    global server
    index = os.path.join(BASE, "satchel-index")
    if how == "kill":
        for pid, role in server.roles().items():
            if role == "mail":
                os.kill(pid, signal.SIGKILL)
        wait_for(reachable, "the server is back")
        return
    server.stop("--keep")
    if STORAGE == "maildir":
        damage(how, index)
    server = Server("--set", "imap.rest_after=200ms", users=2, directory=server.dir)


def damage(how, index):
    if how == "lost" and os.path.exists(index):
        os.unlink(index)
    if how == "cut" and os.path.exists(index):
        os.truncate(index, max(0, os.path.getsize(index) - r.randrange(1, 2000)))
    if how == "old" and old_indexes:
        with open(index, "wb") as f:
            f.write(r.choice(old_indexes))
    with open(index, "rb") if os.path.exists(index) else open(os.devnull, "rb") as f:
        old_indexes.append(f.read())
    if how == "outside":
        outside(100000 + r.randrange(10 ** 6))


def reachable():
    try:
        t = Tracker(server)
        t.select()
        t.close()
        return True
    except (AssertionError, OSError, Refused):
        return False


@case
def sleepers():
    """what is remembered and what is told make what is there, through random changes, restarts and lost indexes"""
    print(f"# seed {SEED}")
    t = Tracker(server)
    t.ask(b"CREATE Moved")
    t.close()
    for n in range(30):
        server.deliver(mail(n))
    clients = [Sleeper() for _ in range(4)]
    for n in range(100, 100 + ROUNDS):
        for k in range(r.randrange(1, 5)):
            change(n * 10 + k)
        if r.random() < .12:
            restart(r.choice(("clean", "lost", "cut", "old", "outside", "kill") if STORAGE == "maildir" else ("clean", "kill")))
        r.choice(clients).visit()
    for client in clients:
        client.visit()
        client.visit()
        equal(client.told, 0, "told to one who has missed nothing")


@case
def exact_after_restart():
    """after a clean restart just what was missed is told; after a lost index all that is not there"""
    t = Tracker(server, "u0002", "qresync")
    for n in range(20):
        t.append(b"INBOX", mail(n))
    t.select()
    t.look_at_new()
    before = t.modseq
    t.ask(b"UID STORE 3,7 +FLAGS.SILENT (\\Deleted)")
    t.ask(b"EXPUNGE")
    middle = t.modseq
    equal(middle > before, True, "HIGHESTMODSEQ of EXPUNGE")
    t.ask(b"UID STORE 12 +FLAGS.SILENT (\\Deleted)")
    t.ask(b"EXPUNGE")
    t.ask(b"UID STORE 5 +FLAGS.SILENT (\\Flagged)")
    last, uidvalidity, uidnext = t.modseq, t.uidvalidity, t.uidnext
    t.close()
    server.stop("--keep")
    start_again()
    equal(asked(uidvalidity, before), ([3, 7, 12], [5], last, uidnext), "since the first")
    equal(asked(uidvalidity, middle), ([12], [5], last, uidnext), "since the second")
    equal(asked(uidvalidity, last), ([], [], last, uidnext), "since the last")
    if STORAGE != "maildir":   # which has an index that can be lost
        return
    server.stop("--keep")
    os.unlink(os.path.join(server.mail_root, server.domain, "u0002", "satchel-index"))
    start_again()
    gone, changed, modseq, next_uid = asked(uidvalidity, middle)
    equal([uid for uid in gone if uid < uidnext], [3, 7, 12], "UIDs that are not there")
    equal(changed, [uid for uid in range(1, uidnext) if uid not in (3, 7, 12)], "messages that are")
    equal(modseq > last and next_uid >= uidnext, True, "numbers go on")


def start_again():
    global server
    server = Server("--set", "imap.rest_after=200ms", users=2, directory=server.dir)


def asked(uidvalidity, modseq):
    """(vanished, changed, HIGHESTMODSEQ, UIDNEXT) of SELECT with QRESYNC."""
    t = Tracker(server, "u0002", "qresync")
    t.select(known=(uidvalidity, modseq, {}))
    equal(t.uidvalidity, uidvalidity, "UIDVALIDITY")
    result = sorted(t.gone), [row.uid for row in t.rows if row.modseq], t.modseq, t.uidnext
    t.close()
    return result


main()
