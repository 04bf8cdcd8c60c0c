#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A durable listener under kill -9 of its mail process: it hears each change at least once, in order, as whoever did it did it.  One that
crashes at its work is left out for the user, not for others."""
import imaplib
import json
import os
import random
import re
import shutil
import signal
import smtplib
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from modules import Modules  # noqa: E402
from tap import LONG, Server, case, equal, main, scratch, wait_for  # noqa: E402

OPERATIONS, KILLS = (20000, 200) if LONG else (1000, 10)
imaplib.Commands["MOVE"] = ("SELECTED",)
place = os.path.join(scratch(), "heard")
os.makedirs(place)
os.chmod(os.path.dirname(place), 0o755)
os.chmod(place, 0o777)
modules = Modules()
modules.add("helpers/hears.c", "hears")
server = Server(*modules.options("hears"), "--set", f'hears.path="{place}/lines"', "--set", "server.mail_processes=1",
                "--set", "server.gate_processes=1", "--set", "limits.connections_per_user=100", users=4)


def heard(user):
    """Lines of the user, in the order in which they were written; one that a kill cut off is not heard yet."""
    found = []
    if os.path.exists(place + "/lines"):
        with open(place + "/lines", errors="replace") as f:
            for line in f:
                try:
                    row = json.loads(line)
                except ValueError:
                    continue
                if row["user"] == f"{user}@{server.domain}":
                    found.append(row)
    return found


def status():
    line = next((x for x in server.cli("status", check=False).stdout.splitlines() if x.startswith("listener:")), "")
    return line


def wait_told():
    """Nothing is left to tell."""
    wait_for(lambda: "waiting=0 " in status(), f"all is told\n{server.log()[-2000:]}", 120)


def once(rows):
    """Each change once, in order: what is heard again is what was heard, and begins no earlier than a kill explains."""
    unique, last = {}, None
    for row in rows:
        if row["seq"] in unique:
            equal(row, unique[row["seq"]], "what is heard again")
            continue
        if last is not None:
            equal(row["seq"], last + 1, f"the next place in the log: {row}")
        unique[row["seq"]] = row
        last = row["seq"]
    return list(unique.values())


class Replay:
    """The store as a listener knows it that believes what it hears."""

    def __init__(self, rows):
        self.boxes, self.subscribed = {"INBOX": {}}, set()
        equal(rows[0]["kind"], "RESYNC", "what is heard first")
        for row in rows[1:]:
            getattr(self, row["kind"].lower())(row)

    def before(self, row, uid, before):
        known = self.boxes[row["mailbox"]][uid]
        if before is not None:
            equal(before, known, f"what it was like before {row}")

    def resync(self, row):
        raise AssertionError(f"something was not told: {row}")

    def create(self, row):
        equal(row["mailbox"] in self.boxes, False, f"a mailbox that is there: {row}")
        self.boxes[row["mailbox"]] = {}

    def delete(self, row):
        del self.boxes[row["mailbox"]]

    def rename(self, row):
        for name in [x for x in self.boxes if (x + "/").startswith(row["mailbox"] + "/")]:
            to = row["destination"] + name[len(row["mailbox"]):]
            equal(to in self.boxes, False, f"the new name is free: {row}")
            self.boxes[to] = self.boxes.pop(name)
        for name in [x for x in self.subscribed if (x + "/").startswith(row["mailbox"] + "/")]:
            self.subscribed.remove(name)
            self.subscribed.add(row["destination"] + name[len(row["mailbox"]):])

    def subscribe(self, row):
        self.subscribed.add(row["mailbox"])

    def unsubscribe(self, row):
        self.subscribed.remove(row["mailbox"])

    def special_use(self, row):
        pass

    def append(self, row):
        for uid, _, _, flags in row["messages"]:
            equal(uid in self.boxes[row["mailbox"]], False, f"a message that is there: {row}")
            self.boxes[row["mailbox"]][uid] = flags

    def flags(self, row):
        for uid, _, before, flags in row["messages"]:
            self.before(row, uid, before)
            equal(self.boxes[row["mailbox"]][uid] == flags, False, f"a change: {row}")
            self.boxes[row["mailbox"]][uid] = flags

    def copy(self, row):
        for uid, new_uid, before, flags in row["messages"]:
            self.before(row, uid, before)
            equal(new_uid in self.boxes[row["destination"]], False, f"a message that is there: {row}")
            self.boxes[row["destination"]][new_uid] = flags

    def move(self, row):
        self.copy(row)
        for uid, *_ in row["messages"]:
            del self.boxes[row["mailbox"]][uid]

    def expunge(self, row):
        for uid, _, before, _ in row["messages"]:
            self.before(row, uid, before)
            del self.boxes[row["mailbox"]][uid]


LETTERS = {"\\Seen": "S", "\\Answered": "A", "\\Flagged": "F", "\\Deleted": "T", "\\Draft": "D"}


def flags_text(names):
    system = "".join(letter for name, letter in LETTERS.items() if name in names)
    return " ".join([system, *sorted((x for x in names if not x.startswith("\\")), key=str.lower)])


def names_of(answer):
    return {re.search(rb'"?([^" ]+)"?$', x).group(1).decode() for x in answer[1] if x}


def look(user):
    """The store as IMAP shows it: {name: {uid: flags}}, subscribed names."""
    client, boxes = server.imap(user), {}
    for name in names_of(client.list()):
        if client.select(name, readonly=True)[0] != "OK":
            continue
        boxes[name] = {}
        for line in client.uid("FETCH", "1:*", "(FLAGS)")[1]:
            m = re.search(rb"UID (\d+)", line or b"")
            if m:
                boxes[name][int(m.group(1))] = flags_text(re.search(rb"FLAGS \(([^)]*)\)", line).group(1).decode().split())
    subscribed = names_of(client.lsub())
    client.logout()
    return boxes, subscribed


def agree(user):
    """What was heard, once each; it makes up what is there."""
    wait_told()
    rows = once(heard(user))
    replay = Replay(rows)
    boxes, subscribed = look(user)
    equal(sorted(replay.boxes), sorted(boxes), "mailboxes")
    for name in boxes:
        equal(replay.boxes[name], boxes[name], f"messages of {name}")
    equal(sorted(replay.subscribed), sorted(subscribed), "subscriptions")
    return rows


def set_of(text):
    """b"1:3,7" as a list."""
    uids = []
    for part in text.split(b","):
        first, _, last = part.partition(b":")
        uids += range(int(first), int(last or first) + 1)
    return uids


class Outside:
    """Another program at work on the Maildir."""

    def __init__(self, user):
        self.dir = os.path.join(server.mail_root, server.domain, user)
        self.n, self.did = 0, {"APPEND": 0, "FLAGS": 0, "EXPUNGE": 0}

    def folder(self, name):
        return self.dir if name == "INBOX" else os.path.join(self.dir, "." + name)

    def files(self, name):
        return [os.path.join(self.folder(name), sub, x) for sub in ("cur", "new") for x in sorted(os.listdir(os.path.join(self.folder(name), sub)))]

    def append(self, name):
        self.n += 1
        file = f"{int(time.time())}.outside{self.n}.host"
        tmp = os.path.join(self.folder(name), "tmp", file)
        owner = os.stat(self.folder(name))
        with open(tmp, "w") as f:
            f.write(f"Subject: outside {self.n}\n\nx\n")
        os.chown(tmp, owner.st_uid, owner.st_gid)
        self.did["APPEND"] += 1
        os.rename(tmp, os.path.join(self.folder(name), "new", file))

    def flag(self, name, r):
        """Adds F or takes it away."""
        files = self.files(name)
        if not files:
            return
        old = r.choice(files)
        base, _, letters = os.path.basename(old).partition(":2,")
        letters = letters.replace("F", "") if "F" in letters else "".join(sorted(letters + "F"))
        self.did["FLAGS"] += 1
        os.rename(old, os.path.join(self.folder(name), "cur", f"{base}:2,{letters}"))

    def remove(self, name, r):
        files = self.files(name)
        if files:
            self.did["EXPUNGE"] += 1
            os.unlink(r.choice(files))


class Driver:
    """Does one thing after the other, from everywhere.  What is acknowledged is noted with what is to be heard of it."""

    def __init__(self, user, seed):
        self.user, self.r, self.outside = user, random.Random(seed), Outside(user)
        self.client, self.box, self.n, self.n_lost = None, None, 0, 0
        self.acknowledged, self.n_delivered, self.n_tried = [], 0, 0
        self.names = ["INBOX", "one", "two"]

    def connect(self, box=None):
        def attempt():
            try:
                if self.client is None:
                    self.client, self.box = server.imap(self.user), None
                if box and box != self.box:
                    equal(self.client.select(box)[0], "OK", "SELECT")
                    self.box = box
                return True
            except (OSError, imaplib.IMAP4.error, AssertionError):
                self.client = None
                return False
        wait_for(attempt, f"a login, and {box}\n{server.log()[-2000:]}", 60)

    def uids(self):
        data = self.client.uid("SEARCH", "ALL")[1]
        return data[0].split() if data and data[0] else []

    def some(self, most=3):
        uids = self.uids()
        if not uids:
            return None
        first = self.r.randrange(len(uids))
        return b",".join(uids[first:first + self.r.randint(1, most)])

    def ok(self, answer):
        if answer[0] != "OK":
            raise imaplib.IMAP4.error(answer)
        return answer

    def code(self, name):
        data = self.client.untagged_responses.pop(name, None)
        return data[-1] if data else None

    def append(self):
        box = self.r.choice(self.names)
        self.n += 1
        flags = self.r.choice(("", "(\\Seen)", "(\\Flagged label)"))
        data = self.ok(self.client.append(box, flags, None, b"Subject: %d\r\n\r\n%d\r\n" % (self.n, self.n)))[1]
        uid = int(re.search(rb"APPENDUID \d+ (\d+)", data[0]).group(1))
        self.acknowledged.append(("APPEND", box, [uid], "imap"))

    def flags(self):
        uids = self.some()
        if uids is None:
            return
        self.ok(self.client.uid("STORE", uids, self.r.choice(("+FLAGS.SILENT", "-FLAGS.SILENT", "FLAGS.SILENT")),
                                self.r.choice(("(\\Seen)", "(\\Answered label)", "(\\Flagged other)"))))

    def copy_or_move(self, command):
        uids, to = self.some(), self.r.choice([x for x in self.names if x != self.box])
        if uids is None:
            return
        self.code("COPYUID")
        answer = self.ok(self.client.uid(command, uids, to))
        code = self.code("COPYUID") or b" ".join(x for x in answer[1] if x)
        m = re.search(rb"\d+ ([\d:,]+) ([\d:,]+)", code)
        if m:
            self.acknowledged.append((command, self.box, set_of(m.group(1)), "imap", to, set_of(m.group(2))))

    def expunge(self):
        uids = self.some(1)
        if uids is None:
            return
        self.ok(self.client.uid("STORE", uids, "+FLAGS.SILENT", "(\\Deleted)"))
        self.ok(self.client.uid("EXPUNGE", uids))
        self.acknowledged.append(("EXPUNGE", self.box, set_of(uids), "imap"))

    def name(self):
        name = self.r.choice(("a", "b", "a/x"))
        if self.r.random() < 0.4:
            self.client.create(name)
        elif self.r.random() < 0.5:
            self.client.rename(name, self.r.choice(("c", "a", "b/y")))
        elif self.r.random() < 0.5:
            self.client.subscribe(name)
        else:
            self.client.unsubscribe(name)
            self.client.delete(name)
            self.client.delete("c")

    def deliver(self):
        self.n_tried += 1
        with smtplib.LMTP("127.0.0.1", server.lmtp, timeout=60) as c:
            c.sendmail("a@example.net", [f"{self.user}@{server.domain}"], b"Subject: delivered %d\r\n\r\nx\r\n" % self.n_tried)
        self.n_delivered += 1

    def pop(self):
        session = server.pop3_session(self.user)
        listed = session.list()[1]
        if listed:
            session.dele(int(listed[0].split()[0]))
        session.quit()

    def outside_work(self):
        box = self.r.choice(self.names)
        self.r.choice((lambda: self.outside.append(box), lambda: self.outside.flag(box, self.r), lambda: self.outside.remove(box, self.r)))()
        self.client.noop() if box == self.box else self.client.status(box, "(MESSAGES)")

    def step(self):
        """One operation; FALSE: the connection is gone, and nobody knows whether it was done."""
        work = self.r.choices((self.append, self.flags, lambda: self.copy_or_move("COPY"), lambda: self.copy_or_move("MOVE"), self.expunge, self.name,
                               self.deliver, self.pop, self.outside_work), (20, 25, 6, 14, 8, 8, 10, 1, 8))[0]
        self.connect(self.r.choice(self.names) if self.r.random() < 0.1 or self.box is None else None)
        try:
            work()
            return True
        except (OSError, EOFError, imaplib.IMAP4.error, smtplib.SMTPException, Exception) as e:  # noqa: B902 - poplib has its own
            if isinstance(e, AssertionError):
                raise
            self.client = self.box = None
            self.n_lost += 1
            return False


def check_acknowledged(driver, rows):
    """Each acknowledged operation is heard as it was done, and nothing that clients did as another program's."""
    index = {}
    for row in rows:
        for uid, new_uid, _, _ in row["messages"]:
            index.setdefault((row["kind"], row["mailbox"], uid, row["destination"], new_uid), []).append(row)
    for kind, box, uids, service, *to in driver.acknowledged:
        for i, uid in enumerate(uids):
            key = (kind, box, uid, to[0] if to else "", to[1][i] if to else 0)
            found = index.get(key, [])
            equal([(x["service"], x["cause"], x["by"]) for x in found][-1:], [(service, "session", f"{driver.user}@{server.domain}")], f"heard of {key}")
    delivered = sum(len(x["messages"]) for x in rows if x["kind"] == "APPEND" and x["cause"] == "delivery")
    equal(driver.n_delivered <= delivered <= driver.n_tried, True, f"deliveries: {driver.n_delivered} <= {delivered} <= {driver.n_tried}")
    outside = {kind: sum(len(x["messages"]) for x in rows if x["kind"] == kind and x["cause"] == "outside") for kind in ("APPEND", "FLAGS", "EXPUNGE")}
    for kind, n in outside.items():
        equal(n <= driver.outside.did[kind], True, f"{kind} told of another program: {n} of {driver.outside.did[kind]}")
    equal([x for x in rows if x["cause"] == "outside" and x["kind"] not in outside], [], "names that another program is to have changed")
    print(f"# {len(rows)} changes: {len(driver.acknowledged)} acknowledged operations and {delivered} deliveries are among them, {outside} of another program", flush=True)


@case
def each_kind():
    """each kind of change is heard with who did it, from IMAP, POP3, LMTP and another program"""
    user = "u0001"
    driver = Driver(user, 1)
    driver.connect("INBOX")
    for command in (("create", "one"), ("create", "two"), ("subscribe", "one")):
        driver.ok(getattr(driver.client, command[0])(*command[1:]))
    driver.deliver()
    driver.ok(driver.client.noop())
    driver.ok(driver.client.uid("STORE", "1", "+FLAGS", "(\\Seen label)"))
    driver.ok(driver.client.uid("MOVE", "1", "one"))
    driver.ok(driver.client.select("one"))
    driver.ok(driver.client.uid("COPY", "1", "INBOX"))
    driver.ok(driver.client.rename("two", "three"))
    driver.ok(driver.client.delete("three"))
    driver.client.logout()
    driver.pop()
    driver.outside.append("INBOX")
    driver.client, driver.box = None, None
    driver.connect("INBOX")
    driver.outside.flag("INBOX", driver.r)
    driver.ok(driver.client.noop())
    driver.outside.remove("INBOX", driver.r)
    driver.ok(driver.client.noop())
    driver.client.logout()
    rows = agree(user)
    told = [(x["kind"], x["mailbox"], x["destination"], x["messages"], x["cause"], x["service"]) for x in rows if x["cause"] != "background"]
    equal(told, [
        ("CREATE", "one", "", [], "session", "imap"), ("CREATE", "two", "", [], "session", "imap"), ("SUBSCRIBE", "one", "", [], "session", "imap"),
        ("APPEND", "INBOX", "", [[1, 0, None, ""]], "delivery", ""),
        ("FLAGS", "INBOX", "", [[1, 0, "", "S label"]], "session", "imap"),
        ("MOVE", "INBOX", "one", [[1, 1, "S label", "S label"]], "session", "imap"),
        ("COPY", "one", "INBOX", [[1, 2, "S label", "S label"]], "session", "imap"),
        ("RENAME", "two", "three", [], "session", "imap"), ("DELETE", "three", "", [], "session", "imap"),
        ("EXPUNGE", "INBOX", "", [[2, 0, "S label", ""]], "session", "pop3"),
        ("APPEND", "INBOX", "", [[3, 0, None, ""]], "outside", ""), ("FLAGS", "INBOX", "", [[3, 0, "", "F"]], "outside", ""),
        ("EXPUNGE", "INBOX", "", [[3, 0, "F", ""]], "outside", "")], "what is heard")
    equal([x["use"] for x in rows if x["kind"] == "CREATE" and x["mailbox"] == "Junk"], [16], "special use")
    equal(all(x["session"] for x in rows if x["cause"] in ("session", "delivery")), True, "sessions have ids")


@case
def behind():
    """a listener that fails, or hangs, holds up nobody, is told of, and hears everything later"""
    user = "u0002"
    driver = Driver(user, 2)
    driver.connect("INBOX")
    wait_told()
    for how in ("hang", "fail"):
        open(os.path.join(place, how), "w").close()
        for _ in range(50):
            driver.append_to_inbox = driver.ok(driver.client.append("INBOX", None, None, b"Subject: x\r\n\r\nx\r\n"))
            driver.deliver()
        line = wait_for(lambda: re.search(r"listener: name=hears waiting=[12] .*" + ("call=" if how == "hang" else "failing?=1"), status())
                        or (how == "fail" and re.search(r"failing=1 .*error=\"told to \\\"fail\\\"\"", status())), "status tells of it")
        equal(bool(line), True, "the line of status")
        os.unlink(os.path.join(place, how))
        rows = agree(user)
    equal(len([x for x in rows if x["kind"] == "APPEND"]), 200, "appends")
    equal(bool(re.search(r'listener=hears user=u0002@\S+ failed 1 times, is called again in 1 s: told to "fail"', server.log())), True, "the log")
    driver.client.logout()


@case
def killed():
    """kill -9 of the mail process at random moments, under operations from everywhere: each change at least once, in order"""
    user = "u0003"
    driver = Driver(user, 3)
    driver.connect()
    for name in ("one", "two"):
        driver.ok(driver.client.create(name))
    r, begun, is_over = random.Random(4), [0], threading.Event()
    more = threading.Condition()

    def kill_some():
        for k in range(KILLS):
            goal = (k + r.random()) * OPERATIONS / KILLS
            with more:
                more.wait_for(lambda: begun[0] >= goal or is_over.is_set(), 600)
            until = time.perf_counter() + r.random() * 0.003  # somewhere within an operation
            while time.perf_counter() < until:
                pass
            for pid, role in server.roles().items():
                if role == "mail":
                    os.kill(pid, signal.SIGKILL)
                    kills.append(pid)
    kills = []
    killer = threading.Thread(target=kill_some, daemon=True)
    killer.start()
    while begun[0] < OPERATIONS:
        with more:
            begun[0] += 1
            more.notify_all()
        driver.step()
    is_over.set()
    killer.join(60)
    driver.connect()
    driver.client.logout()
    rows = agree(user)
    check_acknowledged(driver, rows)
    n = len(heard(user))
    print(f"# {OPERATIONS} operations, {len(kills)} kills, {driver.n_lost} operations cut off; {n - len(rows)} changes heard again", flush=True)
    equal(len(kills) >= KILLS * 3 // 4, True, "kills that hit a process")


@case
def crashing():
    """a listener that crashes the process each time that it works for a user is not called for that user any more, and told of"""
    user = f"u0004@{server.domain}"
    # The account is there before: if the process crashed while it is made, the listener would rightly be told to begin anew.
    server.deliver(b"Subject: x\n\nx\n", "u0004")
    wait_told()
    n_deaths, crash = server.log().count("mail[0] died"), os.path.join(place, "crash-" + user)
    open(crash, "w").close()

    def deliver():
        try:
            server.deliver(b"Subject: x\n\nx\n", "u0004")
            return True
        except (OSError, AssertionError):  # the process is gone
            return False
    wait_for(lambda: (deliver(), f"listener=hears user={user} is not called any more" in server.log())[1], f"it is left out\n{server.log()[-3000:]}", 120)
    log = server.log()
    equal(log.count("mail[0] died") - n_deaths, 3, "crashes")
    equal(f'mail[0] was busy with: operation="listener hears" user={user} module=hears call=WORK' in log, True, "the line of a crash")
    equal("a listener is not called for that user" in log, True, "the line of what is set aside")
    n = len(heard("u0004"))
    equal([deliver() for _ in range(5)], [True] * 5, "deliveries to the user")
    driver = Driver("u0001", 6)
    driver.connect("INBOX")
    driver.ok(driver.client.append("INBOX", None, None, b"Subject: x\r\n\r\nx\r\n"))
    agree("u0001")
    equal((" skipped=1" in status(), len(heard("u0004")), server.log().count("mail[0] died") - n_deaths), (True, n, 3), "who is called")
    os.unlink(crash)
    server.stop("--keep")
    server.start(*modules.options("hears"))
    wait_for(deliver, "a delivery")
    equal(len(agree("u0004")) > n, True, "it hears what it missed when the server was restarted")


@case
def off_and_on():
    """what happened while the module was switched off is told when it is back"""
    user = "u0003"
    n = len(heard(user))
    server.stop("--keep")
    shutil.copy(os.path.join(place, "lines"), os.path.join(place, "kept"))
    server.start(*modules.options(), "--set", "hears.enabled=false")
    driver = Driver(user, 5)
    driver.connect("INBOX")
    driver.append()
    driver.flags()
    driver.client.logout()
    server.stop("--keep")
    equal(len(heard(user)), n, "nothing is heard meanwhile")
    server.start(*modules.options("hears"))
    driver.client = None
    driver.connect("INBOX")
    driver.client.logout()
    agree(user)
    equal(len(heard(user)) > n, True, "it is told now")


if __name__ == "__main__":
    main()
