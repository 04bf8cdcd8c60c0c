#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Module spam with a scanner that does as it is told: what it says decides; silent, gone or talking rubbish, mail arrives in time; what users do
with spam is learnt once, whatever ends the process in between."""
import imaplib
import json
import os
import re
import signal
import socketserver
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import LONG, Server, case, equal, free_port, main, of_maildir, scratch, wait_for  # noqa: E402
from wire import Wire  # noqa: E402

imaplib.Commands["MOVE"] = ("SELECTED",)
MANY = 10000 if LONG else 300


class Scanner(socketserver.ThreadingTCPServer):
    """Speaks HTTP as rspamd does.  `mood`: what it does with a connection; `learnt`: [(command, subject)], in order."""
    allow_reuse_address = daemon_threads = True

    def __init__(self, port):
        self.mood, self.learnt, self.taught, self.scanned, self.released = "well", [], [], [], threading.Event()
        super().__init__(("127.0.0.1", port), Connection)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def names(self, command):
        return sorted(name for what, name in self.learnt if what == command)


class Connection(socketserver.StreamRequestHandler):
    def answer(self, status, body):
        self.wfile.write(f"HTTP/1.1 {status} x\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())

    def handle(self):
        path = self.rfile.readline().split()[1].decode()
        fields = {}
        while (line := self.rfile.readline().decode().rstrip("\r\n")):
            name, _, value = line.partition(": ")
            fields.setdefault(name.lower(), []).append(value)
        message = self.rfile.read(int(fields["content-length"][0]))
        if scanner.mood == "silent":
            scanner.released.wait(60)
        elif scanner.mood == "rubbish":
            self.wfile.write(b"\0\xff" * 50000)
        elif scanner.mood == "cut":
            self.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"score":')
        elif scanner.mood == "endless":
            while not scanner.released.wait(0):
                self.wfile.write(b"X: y\r\n" * 1000)
        elif scanner.mood == "refuses":
            self.answer(401, '{"error":"Unauthorized"}')
        elif scanner.mood == "declines":
            self.answer(400, '{"error":"all learn conditions denied learning spam in default classifier"}')
        elif path == "/checkv2":
            scanner.scanned.append((fields, message))
            score = float((re.search(rb"(?m)^X-Score: (\S+)", message) or [0, 0])[1])
            self.answer(200, json.dumps({"score": score, "required_score": 15, "action": "add header" if score >= 6 else "no action"}))
        else:
            subject = re.search(rb"(?m)^Subject: (\S+)", message)[1].decode()
            what = path.removeprefix("/learn")
            scanner.taught.append((what, subject, fields.get("deliver-to", [None])[0]))
            known = (what, subject) in scanner.learnt
            scanner.learnt.append((what, subject) if fields.get("password") == ["secret"] and b"X-Satchel-Spam" not in message else ("wrong", subject))
            self.answer(*(404, '{"error":"has been already learned as spam, ignore it"}') if known else (200, '{"success":true}'))


class Controller(socketserver.ThreadingUnixStreamServer):
    """The same scanner, at another place."""
    daemon_threads = True

    def __init__(self, path):
        super().__init__(path, Connection)
        os.chmod(path, 0o777)
        threading.Thread(target=self.serve_forever, daemon=True).start()


scanner = Scanner(free_port())
PORT = scanner.server_address[1]
CONTROLLER = os.path.join(scratch(), "controller")
os.chmod(os.path.dirname(CONTROLLER), 0o755)
Controller(CONTROLLER)
server = Server("--set", "spam.enabled=true", "--set", 'spam.scanner="rspamd"', "--set", f'spam.server="127.0.0.1:{PORT}"', "--set", f'spam.learn_server="unix:{CONTROLLER}"',
                "--set", 'spam.password="secret"', "--set", 'spam.timeout="5s"', "--set", 'spam.alarm_after="1s"', "--set", "server.mail_processes=1",
                "--set", "server.gate_processes=1", users=9)


def mail(subject, score=0.0):
    return f"Message-ID: <{subject}@example.net>\r\nFrom: a@example.net\r\nSubject: {subject}\r\nX-Score: {score}\r\n\r\ntext\r\n".encode()


def send(users, content):
    w = Wire(server, "lmtp")
    w.line()
    w.send(b"LHLO mta.example\r\n")
    w.reply()
    w.ask(b"MAIL FROM:<a@example.net>", b"250")
    for user in users.split(","):
        w.ask(b"RCPT TO:<%s@example.org>" % user.encode(), b"250")
    w.ask(b"DATA", b"354")
    w.send(content + b".\r\n")
    equal([line[:3] for line in w.lines(users.count(",") + 1)], [b"250"] * (users.count(",") + 1), "replies")
    w.close()


class Mailboxes:
    """A session; `do` puts messages by subject somewhere."""

    def __init__(self, user, log_in=None):
        self.c = (log_in or server.imap)(user)

    def select(self, name):
        equal(self.c.select(name)[0], "OK", f"SELECT {name}")

    def find(self, subject):
        return self.c.uid("SEARCH", "SUBJECT", subject)[1][0].decode().replace(" ", ",")

    def append_all(self, name, contents):
        """One MULTIAPPEND."""
        literals = b"".join(b" {%d+}\r\n%s" % (len(content), content) for content in contents)
        self.c.send(b"all APPEND %s%s\r\n" % (name.encode(), literals))
        while not (line := self.c.readline()).startswith(b"all "):
            pass
        equal(line[:6], b"all OK", line)

    def ok(self, answer):
        equal(answer[0], "OK", answer)


def count(name, **labels):
    """A counter, summed over what @labels leave open."""
    wanted = {f"{k}:{v}" for k, v in labels.items()}
    rows = re.findall(rf"(?m)^{name} +(\S+) +(\d+)$", server.cli("status", "--counters").stdout)
    return sum(int(value) for found, value in rows if wanted <= set(found.split(",")))


def stats(user):
    """What was learnt today, and what waits."""
    rows = {row["span"]: row for row in map(json.loads, server.cli("spam", "stats", "--json", f"{user}@{server.domain}").stdout.splitlines()) if "span" in row}
    return {**{key: value for key, value in rows["today"].items() if value and key != "span"}, "waiting": rows["now"]["waiting"]}


def wait_learnt(user, **counts):
    """The queue hears of a change after the client has its answer: that it is empty says little before the counts are there."""
    wait_for(lambda: stats(user) == {**counts, "waiting": 0}, lambda: f"all of {user} is learnt, {stats(user)}")


def where(user, subject):
    """The mailbox that has the message."""
    m = Mailboxes(user)
    found = []
    for name in ("INBOX", "Junk"):
        m.select(name)
        found += [name] * len(m.find(subject).split(",")) if m.find(subject) else []
    m.c.logout()
    return found


@case
def scanned():
    """what the scanner says decides, and it hears the envelope"""
    send("u0001", mail("good", 1.5))
    send("u0001", mail("bad", 7.25))
    equal((where("u0001", "good"), where("u0001", "bad")), (["INBOX"], ["Junk"]), "where they are")
    fields = scanner.scanned[-1][0]
    equal((fields["from"], fields["rcpt"], fields.get("deliver-to")), (["a@example.net"], ["u0001@example.org"], None), "the envelope")


@case
def troubled():
    """whatever the scanner does instead, mail is in INBOX within the time that it has, with a line and a count"""
    for mood in ("silent", "rubbish", "cut", "endless", "refuses"):
        before, scanner.mood = count("satchel_spam_scans_total", result="failed") + count("satchel_spam_scans_total", result="skipped"), mood
        send("u0002", mail(mood, 9))
        scanner.released.set()
        equal(where("u0002", mood), ["INBOX"], mood)
        equal(count("satchel_spam_scans_total", result="failed") + count("satchel_spam_scans_total", result="skipped"), before + 1, f"failures, {mood}")
        scanner.released.clear()
        scanner.mood = "well"
    lines = [line for line in server.log().splitlines() if "not scanned: " in line]
    equal(len(lines), 5, lines)
    equal("it did not answer in time" in lines[0], True, lines[0])
    # It is tried again when some time has passed.
    wait_for(lambda: (send("u0002", mail("again", 9)), "Junk" in where("u0002", "again"))[1], "the scanner is asked again", 60)


@case
def learnt():
    """MOVE, COPY, APPEND and STORE are learnt, each message once for a verdict; what goes to Trash is not"""
    user = "u0003"
    for name in ("move", "copy", "store", "trash", "back"):
        send(user, mail(name))
    m = Mailboxes(user)
    m.select("INBOX")
    m.ok(m.c.uid("MOVE", m.find("move"), "Junk"))
    m.ok(m.c.uid("COPY", m.find("copy"), "Junk"))
    m.ok(m.c.uid("STORE", m.find("store"), "+FLAGS", "($Junk)"))
    m.ok(m.c.uid("MOVE", m.find("trash"), "Junk"))
    m.ok(m.c.uid("MOVE", m.find("back"), "Junk"))
    m.ok(m.c.append("Junk", None, None, mail("append")))
    wait_learnt(user, spam=6)
    equal(scanner.names("spam"), ["append", "back", "copy", "move", "store", "trash"], "learnt as spam")
    m.select("Junk")
    m.ok(m.c.uid("MOVE", m.find("trash"), "Trash"))
    m.ok(m.c.uid("MOVE", m.find("back"), "INBOX"))
    m.ok(m.c.uid("STORE", m.find("copy"), "+FLAGS", "($NotJunk)"))
    # A client without MOVE between two stores uploads a copy with a field of its own, in any order.
    m.ok(m.c.append("INBOX", None, None, b"X-TUID: 0123456789ab\r\n" + mail("move")))
    m.ok(m.c.append("INBOX", None, None, mail("other")))
    wait_learnt(user, spam=6, ham=3)
    equal(scanner.names("ham"), ["back", "copy", "move"], "learnt as ham")
    # Once more the same, and nothing new.
    m.ok(m.c.append("Junk", None, None, mail("append")))
    m.select("INBOX")
    m.ok(m.c.uid("STORE", m.find("store"), "-FLAGS", "($Junk)"))
    m.ok(m.c.uid("STORE", m.find("store"), "+FLAGS", "($Junk)"))
    wait_for(lambda: stats(user).get("before") == 2, "both are known")
    m.ok(m.c.uid("MOVE", m.find("back"), "Junk"))
    wait_learnt(user, spam=6, ham=3, before=3)
    equal(len(scanner.names("spam")), 7, "what the scanner was told, a change of mind with it")
    equal(scanner.names("wrong"), [], "what came without the password, or with the module's field")
    m.c.logout()


@case
def keywords():
    """$Junk and $NotJunk say it by APPEND and STORE, and a copy of what has them says what its mailbox says; nothing is learnt twice"""
    user = "u0008"
    m = Mailboxes(user)
    for mailbox, flags, name in (("INBOX", "($Junk)", "k-junk"), ("INBOX", "($NotJunk)", "k-not"), ("Junk", "($NotJunk)", "k-filed-not"), ("INBOX", None, "k-store")):
        m.ok(m.c.append(mailbox, flags, None, mail(name)))
    m.select("INBOX")
    m.ok(m.c.uid("STORE", m.find("k-store"), "FLAGS", r"(\Seen $Junk)"))
    wait_for(lambda: stats(user) == {"spam": 2, "ham": 2, "waiting": 0}, "what was given")
    # The same word again, in each way, and copies that say nothing.
    m.ok(m.c.uid("STORE", m.find("k-store"), "+FLAGS", r"($Junk \Flagged)"))
    m.ok(m.c.uid("STORE", m.find("k-store"), "-FLAGS", "($Junk)"))
    m.ok(m.c.uid("STORE", m.find("k-store"), "+FLAGS", "($Junk)"))
    m.ok(m.c.append("INBOX", "($Junk)", None, mail("k-junk")))
    m.ok(m.c.uid("COPY", m.find("k-store"), "Junk"))
    m.ok(m.c.uid("COPY", m.find("k-not"), "Archive"))
    wait_for(lambda: stats(user) == {"spam": 2, "ham": 2, "before": 3, "waiting": 0}, "nothing twice")
    # The keyword that a message has already does not speak against the folder that it is put into.
    m.ok(m.c.uid("COPY", m.find("k-not"), "Junk"))
    m.select("Junk")
    m.ok(m.c.uid("MOVE", m.find("k-store"), "INBOX"))
    wait_for(lambda: stats(user) == {"spam": 3, "ham": 3, "before": 3, "waiting": 0}, lambda: f"a change of mind, {stats(user)}")
    equal(sorted((what, name) for what, name in scanner.learnt if name.startswith("k-")),
          [("ham", "k-filed-not"), ("ham", "k-not"), ("ham", "k-store"), ("spam", "k-junk"), ("spam", "k-not"), ("spam", "k-store")], "learnt")
    # A later word counts, if the message has it before the scanner answers.
    scanner.mood = "refuses"
    m.ok(m.c.append("INBOX", "($Junk)", None, mail("k-late")))
    m.select("INBOX")
    m.ok(m.c.uid("STORE", m.find("k-late"), "FLAGS", "($NotJunk)"))
    wait_for(lambda: stats(user)["waiting"] == 1 and stats(user).get("gone") == 1, "only the later word waits")
    scanner.mood = "well"
    wait_learnt(user, spam=3, ham=4, before=3, gone=1)
    equal([what for what, name in scanner.learnt if name == "k-late"], ["ham"], "the later word")
    m.c.logout()


@of_maildir("it makes the file of one message unreadable")
def unreadable():
    """a message that cannot be read for now holds up no other, and is learnt when it can be"""
    user = "u0009"
    m = Mailboxes(user)
    folder = os.path.join(server.mail_root, server.domain, user, ".Junk")
    scanner.mood = "refuses"
    m.ok(m.c.append("Junk", None, None, mail("closed")))
    [path] = [os.path.join(folder, sub, name) for sub in ("cur", "new") for name in os.listdir(os.path.join(folder, sub))]
    for name in ("open1", "open2"):
        m.ok(m.c.append("Junk", None, None, mail(name)))
    wait_for(lambda: stats(user)["waiting"] == 3, "all wait")
    os.chmod(path, 0)
    scanner.mood = "well"
    wait_for(lambda: stats(user) == {"spam": 2, "waiting": 1}, "the others are learnt", 180)
    failed = count("satchel_listener_calls_total", listener="spam", result="failed")
    wait_for(lambda: count("satchel_listener_calls_total", listener="spam", result="failed") > failed, "it is tried again", 180)
    equal(stats(user), {"spam": 2, "waiting": 1}, "while it cannot be read")
    os.chmod(path, 0o600)
    wait_for(lambda: stats(user) == {"spam": 3, "waiting": 0}, "it is learnt", 180)   # the next try may be a minute off
    m.c.logout()


@case
def filed():
    """a delivery into the spam folder is not learnt; its copy in INBOX is, as ham"""
    user = "u0004"
    send(user, mail("filed", 9))
    m = Mailboxes(user)
    m.ok(m.c.append("INBOX", None, None, mail("unknown")))
    m.ok(m.c.append("INBOX", None, None, mail("filed", 9)))
    wait_learnt(user, ham=1)
    equal([name for name in scanner.names("ham") + scanner.names("spam") if name in ("filed", "unknown")], ["filed"], "learnt")
    # One that waits to be learnt as spam when its copy comes back.
    scanner.mood = "refuses"
    failed = count("satchel_listener_calls_total", listener="spam", result="failed")
    m.ok(m.c.append("Junk", None, None, mail("early")))
    wait_for(lambda: count("satchel_listener_calls_total", listener="spam", result="failed") > failed, "the scanner refuses it")
    m.ok(m.c.append("INBOX", None, None, mail("early")))
    m.select("Junk")
    m.ok(m.c.uid("STORE", m.find("early"), "+FLAGS", r"(\Deleted)"))
    m.ok(m.c.expunge())
    scanner.mood = "well"
    wait_learnt(user, ham=2, gone=1)
    equal([name for name in scanner.names("ham") if name == "early"], ["early"], "it is ham in the end")
    equal("early" in scanner.names("spam"), False, "whether it is spam")
    m.c.logout()


@case
def declined():
    """a scanner that wants nothing of all that it is to learn is told to the administrator, one that takes something is not"""
    user = "u0004"
    m = Mailboxes(user)
    before = stats(user).get("declined", 0)
    scanner.mood = "declines"

    def learns(name):
        m.ok(m.c.append("Junk", None, None, mail(name)))
        return count("satchel_spam_alarms_total", reason="declined")
    equal([learns(f"declined{n}") for n in range(9)], [0] * 9, "alarms after a few")
    wait_for(lambda: stats(user).get("declined") == before + 9, "nine are declined")
    numbers = iter(range(1000))
    wait_for(lambda: learns(f"unwanted{next(numbers)}") > 0, "the alarm", 60)
    equal(bool(re.search(r"error: spam: the scanner has declined all \d+ messages that it was to learn in \d+ s", server.log())), True, "the line of the alarm")
    scanner.mood = "well"
    m.ok(m.c.append("Junk", None, None, mail("wanted")))
    wait_for(lambda: "wanted" in scanner.names("spam"), "one is learnt")
    m.c.logout()


@case
def survives():
    """many messages moved at once while the scanner is away, and kill -9 of the mail process: all are learnt in the end, once"""
    user = "u0005"
    m = Mailboxes(user)
    for first in range(0, MANY, 100):
        m.append_all("INBOX", [mail(f"many{i:05d}") for i in range(first, first + 100)])
    scanner.mood = "refuses"
    m.select("INBOX")
    m.ok(m.c.uid("MOVE", "1:*", "Junk"))
    wait_for(lambda: stats(user)["waiting"] == MANY, "all wait")
    rows = server.cli("spam", "queue", f"{user}@{server.domain}").stdout.splitlines()
    equal((len(rows), re.sub(r"\d+", "N", rows[0])), (MANY, "mailbox=Junk uid=N as=spam waits_s=N"), "the queue")
    wait_for(lambda: count("satchel_spam_alarms_total", reason="refused") > 0, "the alarm", 60)
    equal(bool(re.search(r"error: spam: nothing has been learnt for .*password", server.log())), True, "the line of the alarm")
    for mood in ("refuses", "well"):
        scanner.mood = mood
        if mood == "well":
            wait_for(lambda: any(name.startswith("many") for name in scanner.names("spam")), "some are learnt", 120)
        pid = next(pid for pid, role in server.roles().items() if role == "mail")
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: pid not in server.roles() and "mail" in server.roles().values(), "the next mail process")
        m = Mailboxes(user, server.imap_when_back)
    wait_for(lambda: stats(user)["waiting"] == 0, "all are learnt")
    names = [name for name in scanner.names("spam") if name.startswith("many")]
    equal(sorted(set(names)), [f"many{i:05d}" for i in range(MANY)], "learnt")
    again = len(names) - MANY
    equal(again <= 64, True, f"{again} that were asked about when the process was killed came again")
    m.c.logout()


@case
def of_all():
    """the counts of all users are added up"""
    users = [f"u000{n}" for n in range(1, 10)]
    each = [stats(user) for user in users]
    rows = {row.get("span"): row for row in map(json.loads, server.cli("spam", "stats", "--all", "--json").stdout.splitlines())}
    equal(rows[None], {"status": 0, "error": None}, "the end")
    equal({**rows["today"], **rows["now"], "span": None},
          {"span": None, **{key: sum(one.get(key, 0) for one in each) for key in ("spam", "ham", "before", "declined", "gone", "failed", "waiting")}}, "sums")
    equal(rows["today"]["spam"] > 0, True, f"today {rows['today']}")
    equal(server.cli("spam", "stats", "--all").stdout.splitlines()[2], f"span=now waiting={rows['now']['waiting']}", "as text")
    r = server.cli("spam", "stats", check=False)
    equal((r.returncode, "either a user, or --all" in r.stderr), (64, True), f"neither: {r.stderr}")


@case
def of_each_user():
    """with statistics of each user the scanner is asked once a recipient, and told whose they are when it learns"""
    with open(os.path.join(server.config_dir, "conf.d", "90-spam.conf"), "w") as f:
        f.write("spam : { per_user = true; };\n")
    server.cli("reload")
    before = len(scanner.scanned)
    send("u0006,u0007", mail("each", 9))
    asked = [(fields["deliver-to"], fields["rcpt"]) for fields, _ in scanner.scanned[before:]]
    equal(sorted(asked), [([f"u000{n}@example.org"],) * 2 for n in (6, 7)], "questions")
    m = Mailboxes("u0006")
    m.select("Junk")
    header = m.c.uid("FETCH", m.find("each"), "BODY.PEEK[HEADER.FIELDS (X-Satchel-Spam)]")[1][0][1]
    equal(header.strip(), b"X-Satchel-Spam: Yes, score=9.0 source=rspamd", "the field")
    m.ok(m.c.uid("MOVE", m.find("each"), "INBOX"))
    wait_for(lambda: ("ham", "each", "u0006@example.org") in scanner.taught, "the user's scanner learns")
    m.c.logout()


main()
