#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A full disk: deliveries are put off, uploads refused; reading and deleting still work."""
import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from small_disk import SmallDisk  # noqa: E402
from tap import STORAGE, Server, Skip, case, equal, main, of_maildir, wait_for  # noqa: E402
from wire import Wire  # noqa: E402

state = {}
IS_BDB = STORAGE == "bdb"
# A log file alone has 4 MB there; larger messages fill the rest sooner.
SIZE, LINES = ("64m", 1000) if IS_BDB else ("3m", 100)
SETTINGS = [x for setting, size in (("log_file", 4), ("reserve", 16), ("cache", 4), ("checkpoint_size", 1))
            for x in ("--set", f'bdb.{setting}="{size}M"')] if IS_BDB else []


def delivery(w, n):
    w.ask(b"MAIL FROM:<a@example.net>", b"250")
    w.ask(b"RCPT TO:<u0001@example.org>", b"250")
    w.ask(b"DATA", b"354")
    w.send(b"Subject: %d\r\n\r\n" % n + (b"z" * 76 + b"\r\n") * LINES + b".\r\n")
    return w.line()


@case
def fills_up():
    """LMTP answers 452 4.3.1 when the disk is full, and what was acknowledged is there"""
    disk = state["disk"] = SmallDisk(SIZE)
    server = state["server"] = Server("--set", f'server.mail_root="{disk.path}/mail"', "--set", "server.mail_processes=1", *SETTINGS, users=1)
    w = state["lmtp"] = Wire(server, "lmtp")
    w.line()
    w.send(b"LHLO x\r\n")
    w.reply()
    n = 0
    while (reply := delivery(w, n))[:3] == b"250":
        n += 1
        equal(n < 1000, True, "the disk fills up")
    equal(reply[:9], b"452 4.3.1", "reply on a full disk: nobody's mailbox is full")
    c = state["imap"] = server.imap()
    equal(c.select()[1], [b"%d" % n], "what was acknowledged")
    contents = [x[1] for x in c.fetch("1:*", "BODY.PEEK[]")[1] if isinstance(x, tuple)]
    equal([len(x) > 7800 for x in contents], [True] * n, "all can be read")


@case
def upload_is_refused():
    """APPEND answers NO [UNAVAILABLE]"""
    if "imap" not in state:
        raise Skip("no full disk, see above")
    state["disk"].fill()
    kind, text = state["imap"].append("INBOX", None, None, b"Subject: x\r\n\r\n" + b"q" * 20000)
    state["disk"].give_back()
    equal((kind, text[0][:13]), ("NO", b"[UNAVAILABLE]"), "APPEND")
    if IS_BDB:
        equal("is full but for the reserve (bdb.reserve)" in state["server"].log(), True, "a log line says what to do")
        return
    said = [line for line in state["server"].log().splitlines() if "No space left" in line and " failed: " in line]
    equal([f"{state['disk'].path}/mail/example.org/u0001/tmp: the file cannot be written: " in line for line in said], [True], f"log lines: {said}")


@case
def keyword_is_refused():
    """a new keyword that cannot be saved is NO [UNAVAILABLE] each time, logged once, and nobody is shown it; known flags are stored"""
    if "imap" not in state:
        raise Skip("no full disk, see above")
    server, c, disk = state["server"], state["imap"], state["disk"]
    disk.fill()
    for attempt in range(0 if IS_BDB else 3):  # a record has room for any keyword
        for word in ("NewWord", "$Other"):
            kind, text = c.store("60", "+FLAGS", f"({word})")
            equal((kind, text[0][:13]), ("NO", b"[UNAVAILABLE]"), f"STORE of {word}, attempt {attempt}")
    other = server.imap()
    other.select()
    for who in (c, other):
        equal([x for x in who.fetch("59:61", "(FLAGS)")[1] if b"NewWord" in x or b"$Other" in x], [], "flags that were refused")
    other.logout()
    if IS_BDB:
        equal(c.store("60", "+FLAGS", r"(\Flagged NewWord)")[0], "OK", "a flag and a keyword without room for any file")
        disk.give_back()
        return
    lines = [line for line in server.log().splitlines() if "/u0001/dovecot-keywords.new: the file cannot be written: No space left" in line]
    equal((len(lines), "STORE failed: " in lines[0] if lines else None), (1, True), f"log lines: {lines}")
    equal(c.store("60", "+FLAGS", r"(\Flagged)")[0], "OK", "a flag that every name can hold")
    disk.give_back()
    equal(c.store("60", "+FLAGS", "(NewWord)")[0], "OK", "with room again")


@case
def deleting_works():
    """marking and EXPUNGE work at zero bytes free, and then mail comes in again"""
    if "imap" not in state:
        raise Skip("no full disk, see above")
    c = state["imap"]
    equal(c.store("1:50", "+FLAGS.SILENT", "(\\Deleted)")[0], "OK", "STORE")
    equal(len(c.expunge()[1]), 50, "removed")
    if IS_BDB:  # pages are given back a moment later
        wait_for(lambda: delivery(state["lmtp"], 0)[:3] == b"250", "a delivery afterwards")
        c.logout()
        return
    equal(delivery(state["lmtp"], 0)[:3], b"250", "a delivery afterwards")
    c.logout()


@case
def acknowledged_stays():
    """flags and keywords that were acknowledged after all are there when the process was killed"""
    if "imap" not in state:
        raise Skip("no full disk, see above")
    server = state["server"]
    os.kill(next(pid for pid, role in server.roles().items() if role == "mail"), signal.SIGKILL)
    again = server.imap_when_back()
    again.select()
    flags = again.fetch("10", "(FLAGS)")[1][0]
    equal((b"NewWord" in flags, rb"\Flagged" in flags), (True, True), f"what was acknowledged: {flags}")


def count(c, mailbox):
    return int(c.status(mailbox, "(MESSAGES)")[1][0].rpartition(b" ")[2].rstrip(b")"))


def text_of(answer):
    return answer[0], (answer[1][0] or b"")[:13]


@case
def other_commands():
    """at zero bytes free COPY and CREATE are NO [UNAVAILABLE] and leave nothing behind; MOVE, CLOSE and POP3's DELE take mail away"""
    if "imap" not in state:
        raise Skip("no full disk, see above")
    server, disk = state["server"], state["disk"]
    c = server.imap()
    wait_for(lambda: c.create("Other")[0] == "OK", "CREATE with room")
    disk.fill()
    n = int(c.select()[1][0])
    for what in (lambda: c.copy("1:3", "Other"), lambda: c.create("New"), lambda: c.append("Other", None, None, b"Subject: x\r\n\r\n")):
        equal(text_of(what()), ("NO", b"[UNAVAILABLE]"), "what takes space")
    equal((count(c, "Other"), c.list('""', "New")[1]), (0, [None]), "what was refused")
    first = c.uid("SEARCH", "1:2")[1][0].decode().replace(" ", ",")
    equal(c.uid("MOVE", first, "Other")[0], "OK", "MOVE")
    p = server.pop3_session()
    equal(p.stat()[0], n - 2, "messages by POP3")
    p.dele(1)
    equal(p.quit()[:3], b"+OK", "QUIT")
    c.noop()
    equal(c.store("1:2", "+FLAGS.SILENT", "(\\Deleted)")[0], "OK", "STORE")
    equal(c.close()[0], "OK", "CLOSE, which expunges")
    equal((count(c, "Other"), c.select()[1]), (2, [b"%d" % (n - 5)]), "what is left")
    equal(c.fetch("1", "(BODY.PEEK[])")[0], "OK", "FETCH")
    disk.give_back()
    equal(c.copy("1:3", "Other")[0], "OK", "COPY with room again")
    c.logout()


@of_maildir("a volume has a few files, and makes one only when the log grows")
def no_inodes():
    """with no inode free, though there are bytes: the same answers, reading and removing work, and mail comes in again afterwards"""
    disk = SmallDisk("16m", inodes=400)
    server = Server("--set", f'server.mail_root="{disk.path}/mail"', "--set", "server.mail_processes=1", users=1)
    c = server.imap()
    equal(c.create("Other")[0], "OK", "CREATE")
    for n in range(10):
        equal(c.append("INBOX", None, None, b"Subject: %d\r\n\r\n" % n)[0], "OK", "APPEND")
    c.select()
    disk.take_inodes()
    w = Wire(server, "lmtp")
    w.line()
    w.ask(b"LHLO x", b"250")
    w.reply()
    equal(delivery(w, 0)[:9], b"452 4.3.1", "a delivery")
    for what in (lambda: c.append("INBOX", None, None, b"Subject: x\r\n\r\n"), lambda: c.copy("1:3", "Other"), lambda: c.create("New")):
        equal(text_of(what()), ("NO", b"[UNAVAILABLE]"), "what needs a file")
    equal("No space left on device; no inode is free there (df -i " in server.log(), True, "a log line says what is missing")
    equal(c.store("1:2", "+FLAGS", "(\\Flagged)")[0], "OK", "STORE")
    equal(len(c.fetch("1:*", "(BODY.PEEK[])")[1]), 20, "FETCH")
    equal(c.uid("MOVE", "3", "Other")[0], "OK", "MOVE")
    equal(c.store("1", "+FLAGS.SILENT", "(\\Deleted)")[0], "OK", "STORE")
    equal((c.expunge()[0], count(c, "INBOX")), ("OK", 8), "EXPUNGE")
    p = server.pop3_session()
    p.dele(1)
    equal(p.quit()[:3], b"+OK", "QUIT")
    disk.give_back()
    equal(delivery(w, 1)[:3], b"250", "a delivery afterwards")
    equal((c.select()[1], count(c, "Other")), ([b"8"], 1), "what is there")
    c.logout()


main()
