#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the machine refuses (owners, modes) is told as that, logged once with path, uid and missing bit; LIST, STATUS and SELECT agree;
mail that is there is never told as gone."""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import Server, Skip, case, equal, main  # noqa: E402
from wire import Wire  # noqa: E402

state = {}


def home():
    s = state["server"]
    return os.path.join(s.mail_root, "example.org", "u0001")


def files(box=""):
    d = os.path.join(home(), box)
    return sorted(os.path.join(d, part, name) for part in ("new", "cur") for name in os.listdir(os.path.join(d, part)))


def fetch(c, what, item):
    """Status, code, and the messages that were answered."""
    kind, data = c.fetch(what, item)
    said = data[0].decode(errors="replace") if kind == "NO" else ""
    answers = data if kind == "OK" else c.untagged_responses.pop("FETCH", [])
    heads = [x[0] if isinstance(x, tuple) else x for x in answers]
    return kind, said.partition("]")[0] + "]" if said else "", [int(h.split()[0]) for h in heads if h and h[:1].isdigit()]


def logged(pattern):
    return [line for line in state["server"].log().splitlines() if re.search(pattern, line)]


def mail_uid():
    return os.stat(home()).st_uid


@case
def unreadable_message():
    """a message that cannot be read is [SERVERBUG], not [EXPUNGEISSUED]; the others come; one log line says why"""
    if os.getuid() != 0:
        raise Skip("owners and modes bind root's mail user only")
    s = state["server"] = Server(users=2)
    for n in range(3):
        s.deliver(b"Subject: %d\r\n\r\ntext\r\n" % n)
    c = state["imap"] = s.imap()
    c.select()
    bad = next(f for f in files() if b"Subject: 1" in open(f, "rb").read())
    os.chown(bad, 0, 0)
    os.chmod(bad, 0o600)
    equal(fetch(c, "1:3", "BODY.PEEK[]"), ("NO", "[SERVERBUG]", [1, 3]), "content")
    equal(fetch(c, "2", "BODY.PEEK[HEADER]"), ("NO", "[SERVERBUG]", []), "header")
    equal(fetch(c, "2", "BODY.PEEK[]"), ("NO", "[SERVERBUG]", []), "again")
    lines = logged(re.escape(os.path.basename(bad)))
    equal(len(lines), 1, f"log lines of it: {lines}")
    r = s.cli("fsck", "u0001@example.org", check=False)
    equal((r.returncode, "damaged=INBOX uid=2 problem=" in r.stdout, "messages=3 damaged=1" in r.stdout, "export" in r.stderr), (1, True, True, True),
          f"fsck: {r.stdout}{r.stderr}")
    uid = mail_uid()
    for part in (bad, "Permission denied", "belongs to uid 0, gid 0, has mode 0600", f"uid {uid} lacks r", f"chown {uid}"):
        equal(part in lines[0], True, f"{part!r} in {lines[0]!r}")
    os.chown(bad, uid, -1)
    equal(fetch(c, "1:3", "BODY.PEEK[]"), ("OK", "", [1, 2, 3]), "mended")


@case
def unreadable_unparsed():
    """the same for what is computed from content: ENVELOPE of files that another program put there"""
    if "imap" not in state:
        raise Skip("see above")
    c, uid = state["imap"], mail_uid()
    for n in range(4):
        path = os.path.join(home(), "cur", f"1700000{n}.x.y:2,")
        with open(path, "wb") as f:
            f.write(b"Subject: other\n\nxyz\n")
        os.chown(path, uid if n != 2 else 0, -1)
        os.chmod(path, 0o600)
    c.noop()
    equal(fetch(c, "4:7", "ENVELOPE")[1], "[SERVERBUG]", "code")
    equal(len(fetch(c, "4:7", "ENVELOPE")[2]), 3, "those that can be read")
    equal(fetch(c, "1:7", "(FLAGS)")[0], "OK", "flags need no file")


@case
def pop3_unreadable():
    """RETR of it is [SYS/PERM], and the session goes on"""
    if "imap" not in state:
        raise Skip("see above")
    s = state["server"]
    w = Wire(s, "pop3s", tls=True)
    w.line()
    w.ask(b"USER u0001", b"+OK")
    w.ask(b"PASS " + s.password.encode(), b"+OK 7 messages")
    w.ask(b"RETR 6", b"-ERR [SYS/PERM]")
    os.chown(os.path.join(home(), "cur", "17000002.x.y:2,"), mail_uid(), -1)
    w.ask(b"NOOP", b"+OK")


@case
def unreadable_mailboxes():
    """LIST shows what is there, STATUS and SELECT say [SERVERBUG]; a link is no mailbox to any of them"""
    if "imap" not in state:
        raise Skip("see above")
    c = state["imap"]
    for name in ("Dir", "Cur", "New", "Fine"):
        equal(c.create(name)[0], "OK", "CREATE")
    for path in (".Dir", ".Cur/cur", ".New/new"):
        os.chown(os.path.join(home(), path), 0, 0)
        os.chmod(os.path.join(home(), path), 0o700)
    os.symlink(os.path.join(home(), ".Fine"), os.path.join(home(), ".Link"))
    d = state["server"].imap()
    names = {line.rpartition(b" ")[2].strip(b'"').decode() for line in d.list()[1]}
    equal({"Dir", "Cur", "New", "Fine", "Link"} & names, {"Dir", "Cur", "New", "Fine"}, "LIST")
    for name in ("Dir", "Cur", "New"):
        for what in ("status", "select"):
            kind, data = d.status(name, "(MESSAGES)") if what == "status" else d.select(name)
            equal((kind, data[0][:11]), ("NO", b"[SERVERBUG]"), f"{what} {name}")
        equal(d.create(name)[1][0][:15], b"[ALREADYEXISTS]", f"CREATE {name}")
    equal(d.status("Link", "(MESSAGES)")[1][0][:13], b"[NONEXISTENT]", "STATUS of a link")
    kind, data = d.append("Dir", None, None, b"Subject: x\r\n\r\nx\r\n")
    equal((kind, data[0][:11]), ("NO", b"[SERVERBUG]"), "APPEND: no TRYCREATE")
    for path in (".Dir", ".Cur/cur", ".New/new"):
        lines = logged(re.escape(os.path.join(home(), path)) + r"[:;/ ].*lacks")
        equal(len(lines), 1, f"log lines of {path}: {lines}")
    d.logout()


@case
def no_delivery():
    """a delivery that cannot be stored is put off with 451 and its reason logged; nobody's quota is full"""
    if "imap" not in state:
        raise Skip("see above")
    s = state["server"]
    tmp = os.path.join(home(), "tmp")
    os.chown(tmp, 0, 0)
    os.chmod(tmp, 0o755)
    w = Wire(s, "lmtp")
    w.line()
    w.send(b"LHLO x\r\n")
    w.reply()
    w.ask(b"MAIL FROM:<a@example.net>", b"250")
    w.ask(b"RCPT TO:<u0001@example.org>", b"250")
    w.ask(b"DATA", b"354")
    w.send(b"Subject: x\r\n\r\nx\r\n.\r\n")
    equal(w.line()[:9], b"451 4.3.0", "reply")
    equal(len(logged(f"not delivered:.*{re.escape(tmp)}.*mode 0755, and uid {mail_uid()} lacks w")), 1, "reason")
    kind, data = state["imap"].append("INBOX", None, None, b"Subject: x\r\n\r\n" + b"y" * 100000 + b"\r\n")
    equal((kind, data[0][:11]), ("NO", b"[SERVERBUG]"), "APPEND")
    os.chown(tmp, mail_uid(), -1)
    s.deliver(b"Subject: y\r\n\r\ny\r\n")


main()
