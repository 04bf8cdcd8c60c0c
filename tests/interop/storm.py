#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Twenty IMAP clients, a POP3 client, deliveries and a program that changes the files, all on one mailbox at once.

Each client keeps its view from untagged responses alone (tests/lib/tracker.py).  Every few seconds, and in the end, all views
are the same, no UID was ever another message, nothing is lost, nobody was dropped.  15 s; SATCHEL_LONG=1: a minute.
"""
import os
import poplib
import random
import re
import select
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import LONG, STORAGE, Server, case, equal, main, run_all, wait_for  # noqa: E402
from tracker import Refused, Tracker, ranges  # noqa: E402

BURSTS, SECONDS = 40 if LONG else 10, 1.5
KINDS = ["qresync"] * 8 + ["condstore"] * 5 + ["plain"] * 7
FLAGS = ("\\Seen", "\\Answered", "\\Flagged", "\\Draft", "$k1", "$k2", "$k3")
SEED = int(os.environ.get("SATCHEL_SEED") or (time.time_ns() if LONG else 7))
server = Server("--set", "imap.rest_after=200ms", users=1)
BASE = os.path.join(server.mail_root, server.domain, "u0001")


class Truth:
    """What the clients know together."""

    def __init__(self):
        self.lock = threading.Lock()
        self.added, self.removed, self.names, self.n = set(), set(), {}, 0

    def new(self, kind):
        with self.lock:
            self.n += 1
            name = f"{kind}{self.n}"
            self.added.add(name)
        return name

    def remove(self, names):
        """Said before it is done: who asked for it is not told whether it was still there."""
        with self.lock:
            self.removed.update(names)

    def saw(self, uid, name):
        with self.lock:
            if self.names.setdefault(uid, name) != name:
                raise AssertionError(f"UID {uid} was {self.names[uid]} and is {name}")


truth = Truth()
end = 0.0


def mail(name):
    return (f"From: {name}@storm.example\r\nSubject: {name}\r\nMessage-ID: <{name}@storm.example>\r\n\r\ntext of {name}\r\n").encode()


def name_of(content):
    found = re.search(rb"(?i)Message-ID: <([^@]+)@storm", content)
    return found[1].decode() if found else None


class Client:
    def __init__(self, number, kind):
        self.r = random.Random(f"{SEED} {number}")
        self.kind, self.number = kind, number
        self.is_idler = number % 5 == 0
        self.tracker = Tracker(server, mode=kind)
        self.tracker.select()
        self.n_done = 0

    def rows(self):
        return [row for row in self.tracker.rows if row.uid is not None and row.flags is not None]

    def some(self, most=5):
        rows = self.rows()
        return self.r.sample(rows, min(len(rows), self.r.randrange(1, most + 1)))

    def try_(self, command):
        """NO is an answer where messages went meanwhile, or a condition did not hold; nothing else is."""
        try:
            return self.tracker.ask(command)
        except Refused as why:
            if not re.match(r"NO \[(EXPUNGEISSUED|MODIFIED )", str(why)):
                raise AssertionError(f"{command[:200]!r}: {why}") from why
            return b""

    def names(self, rows):
        """Their Message-IDs, of those that are still there."""
        if not rows:
            return {}
        self.try_(b"UID FETCH %s (BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])" % ranges(row.uid for row in rows).encode())
        found = {}
        for uid, body in self.tracker.bodies.items():
            if uid and name_of(body):
                found[uid] = name_of(body)
                truth.saw(uid, found[uid])
        return found

    # ---- what clients do

    def store(self):
        rows = self.some()
        mode, flags = self.r.choice(("+", "-", "")), self.r.sample(FLAGS, self.r.randrange(1, 3))
        silent, by_number = self.r.random() < .6, self.r.random() < .6
        condition = ""
        if self.kind != "plain" and self.r.random() < .4:
            condition = f"(UNCHANGEDSINCE {max([row.modseq for row in rows] + [self.tracker.modseq])}) "
        if by_number:
            named = ranges(self.tracker.rows.index(row) + 1 for row in rows)
        else:
            named = ranges(row.uid for row in rows)
        if not rows:
            return
        if silent:  # a client's own change counts from when it is sent
            for row in rows:
                row.flags = {"+": row.flags | set(flags), "-": row.flags - set(flags), "": frozenset(flags)}[mode]
        self.try_(f"{'' if by_number else 'UID '}STORE {named} {condition}{mode}FLAGS{'.SILENT' if silent else ''} ({' '.join(flags)})".encode())

    def fetch(self):
        n = len(self.tracker.rows)
        if n:
            first = self.r.randrange(1, n + 1)
            last = min(n, first + self.r.randrange(20))
            self.try_(b"FETCH %d:%d (%s)" % (first, last, self.r.choice((b"UID", b"UID FLAGS", b"FLAGS", b"FLAGS UID RFC822.SIZE ENVELOPE"))))

    def read(self):
        rows = self.some(2)
        if rows:
            self.try_(b"UID FETCH %s (BODY[TEXT])" % ranges(row.uid for row in rows).encode())

    def search(self):
        n = len(self.tracker.rows)
        self.try_(self.r.choice((b"SEARCH UNSEEN", b"UID SEARCH FLAGGED", b"SEARCH 1:%d NOT SEEN" % max(n, 1) if n else b"SEARCH ALL", b"UID SEARCH KEYWORD $k1")))

    def append(self):
        name = truth.new("a")
        self.tracker.append(b"INBOX", mail(name), self.r.choice((b"", b"\\Seen", b"$k2")))

    def copy(self):
        rows = self.some(3)
        if rows:
            self.try_(b"UID COPY %s Archive" % ranges(row.uid for row in rows).encode())

    def move(self):
        rows = self.some(2)
        if rows:
            self.try_(b"UID MOVE %s Moved" % ranges(row.uid for row in rows).encode())

    def expunge(self):
        names = self.names(self.some(3))
        if not names:
            return
        truth.remove(names.values())
        uids = ranges(names).encode()
        for row in self.tracker.rows:
            if row.uid in names:
                row.flags = (row.flags or frozenset()) | {"\\Deleted"}
        self.try_(b"UID STORE %s +FLAGS.SILENT (\\Deleted)" % uids)
        self.try_(b"EXPUNGE" if self.r.random() < .3 else b"UID EXPUNGE " + uids)

    def noop(self):
        self.try_(self.r.choice((b"NOOP", b"CHECK", b"STATUS Archive (MESSAGES)")))

    def rest(self):
        time.sleep(self.r.uniform(.2, .6))  # quiet for long enough to keep UIDs only

    def come_back(self):
        known = self.tracker.known()
        self.tracker.look_at_new()
        known = self.tracker.known()
        if self.r.random() < .5:
            self.tracker.close()
        else:
            self.tracker.wire.close()
        time.sleep(self.r.uniform(0, .5))  # away for a while, in which others change things: what is resynchronised
        self.tracker = Tracker(server, mode=self.kind)
        self.tracker.select(known=known if self.kind == "qresync" else None)

    def again(self):
        known = self.tracker.known()
        if self.kind == "qresync" and self.r.random() < .8:
            self.tracker.look_at_new()
            known = self.tracker.known()
            self.tracker.select(known=known)
        else:
            self.tracker.select(b"INBOX")

    def idle(self):
        tracker = self.tracker
        tracker.send(b"IDLE")
        until = time.monotonic() + self.r.uniform(.1, 2)
        line = tracker.line()
        while not line.startswith(b"+"):
            tracker.untagged(line)
            line = tracker.line()
        while time.monotonic() < until:
            if tracker.wire.buffer or select.select([tracker.wire.s], [], [], .05)[0]:
                tracker.untagged(tracker.line())
        tracker.wire.send(b"DONE\r\n")
        tracker.finish()

    def work(self):
        plain = [(self.store, 8), (self.fetch, 3), (self.read, 1), (self.search, 1), (self.append, 1), (self.copy, .5), (self.move, .5),
                 (self.expunge, 1.5), (self.noop, 1), (self.rest, .6), (self.again, .1), (self.come_back, .15),
                 (self.idle, 6 if self.is_idler else .2)]
        functions, weights = zip(*plain)
        while time.monotonic() < end:
            self.r.choices(functions, weights)[0]()
            self.n_done += 1
            if self.r.random() < .4:
                self.tracker.look_at_new()


def deliveries():
    while time.monotonic() < end:
        server.deliver(mail(truth.new("d")))
        time.sleep(.02)  # the rate of the load: so that clients are the busier side


def pop3_client():
    r = random.Random(f"{SEED} pop3 {end}")
    while time.monotonic() < end:
        try:
            p = server.pop3_session()
            for k in sorted(r.sample(range(1, p.stat()[0] + 1), min(3, p.stat()[0]))):
                name = name_of(b"\r\n".join(p.retr(k)[1]))
                if r.random() < .5:
                    truth.remove([name])
                    p.dele(k)
            p.quit()
        except poplib.error_proto as e:
            if b"removed by another" not in e.args[0] and b"[IN-USE]" not in e.args[0]:
                raise


def outside_program():
    """Delivers, marks and removes as another program would, with file names alone."""
    if STORAGE != "maildir":
        return
    r = random.Random(f"{SEED} outside {end}")
    owner = os.stat(BASE)
    while time.monotonic() < end:
        time.sleep(r.uniform(0, .05))  # the rate of the load, as above
        what = r.random()
        folder = os.path.join(BASE, r.choice(("new", "cur")))
        if what < .3:
            name = truth.new("o")
            file = f"{int(time.time())}.{name}.outside"
            path = os.path.join(BASE, "tmp", file)
            with open(path, "wb") as f:
                f.write(mail(name).replace(b"\r", b""))
            os.chown(path, owner.st_uid, owner.st_gid)
            os.rename(path, os.path.join(BASE, "new", file) if r.random() < .7 else os.path.join(BASE, "cur", file + ":2,S"))
            continue
        files = os.listdir(folder)
        if not files:
            continue
        path = os.path.join(folder, r.choice(files))
        try:
            if what < .45:
                with open(path, "rb") as f:
                    name = name_of(f.read())
                truth.remove([name])
                os.unlink(path)
            else:
                base, _, flags = os.path.basename(path).partition(":2,")
                letters = set(flags) ^ set(r.sample("FRS", r.randrange(1, 3)))
                os.rename(path, os.path.join(BASE, "cur", base + ":2," + "".join(sorted(letters))))
        except FileNotFoundError:
            pass  # somebody was faster


def all_names(mailbox):
    t = Tracker(server)
    try:
        t.select(mailbox, b"EXAMINE")
    except Refused:
        return {}
    if t.rows:
        t.ask(b"UID FETCH 1:* (FLAGS BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])")
    found = {uid: name_of(body) for uid, body in t.bodies.items()}
    equal(len(found), len(t.rows), f"messages of {mailbox!r}")
    view = t.view()
    t.close()
    return found, view


def settle(watcher):
    """What the program outside did last is taken in when somebody looks."""
    def is_settled():
        watcher.ask(b"NOOP")
        if STORAGE != "maildir":   # where no other program comes
            return True
        files = os.listdir(os.path.join(BASE, "new")) + os.listdir(os.path.join(BASE, "cur"))
        return len(files) == len(watcher.rows)
    wait_for(is_settled, "as many messages as files")


def compare(clients):
    """Every client's own view with that of one who has just come; returns {uid: Message-ID}."""
    found, view = all_names(b"INBOX")
    for client in clients:
        client.tracker.ask(b"NOOP")
        client.tracker.look_at_new()
        mine = client.tracker.view()
        if mine != view:
            lost, extra = sorted(set(view) - set(mine)), sorted(set(mine) - set(view))
            raise AssertionError(f"client {client.number} ({client.kind}) sees {extra[:5]} where there is {lost[:5]}; {len(mine)} and {len(view)} messages")
    for uid, name in found.items():
        truth.saw(uid, name)
    equal(len(set(found.values())), len(found), "no mail twice in INBOX")
    return found


@case
def storm():
    """all end with the same view, no UID twice, nothing lost, no session dropped"""
    global end
    print(f"# seed {SEED}")
    watcher = Tracker(server)
    for mailbox in (b"Archive", b"Moved"):
        try:
            watcher.ask(b"CREATE " + mailbox)
        except Refused as why:
            equal("ALREADYEXISTS" in str(why), True, f"CREATE: {why}")
    for _ in range(200):
        watcher.append(b"INBOX", mail(truth.new("a")))
    watcher.select()
    clients = [Client(n, kind) for n, kind in enumerate(KINDS)]
    for _ in range(BURSTS):
        end = time.monotonic() + SECONDS
        run_all(deliveries, pop3_client, outside_program, *(client.work for client in clients))
        settle(watcher)
        found = compare(clients)
    print(f"# {sum(c.n_done for c in clients)} things done by clients, {len(truth.added)} messages came, {len(truth.removed)} were removed")
    moved, _ = all_names(b"Moved")
    equal(len(set(moved.values())), len(moved), "no mail moved twice")
    equal(set(moved.values()) & set(found.values()), set(), "moved and still there")
    here = set(found.values()) | set(moved.values())
    equal(truth.added - truth.removed - here, set(), "mails that nobody removed and are gone")
    p = server.pop3_session()
    equal(p.stat()[0], len(found), "POP3 sees as many")
    p.quit()
    equal(re.findall(r"(?m)^.*(?:CRITICAL|assertion|crash|damaged|failed:).*$", server.log()), [], "complaints in the log")


main()
