#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A full disk: deliveries are put off, uploads refused; reading and deleting still work."""
import imaplib
import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import Server, Skip, at_end, case, equal, main, scratch, wait_for  # noqa: E402
from wire import Wire  # noqa: E402

state = {}
IS_BDB = os.environ.get("SATCHEL_STORAGE") == "bdb"
# A log file alone has 4 MB there; larger messages fill the rest sooner.
SIZE, LINES = ("64m", 1000) if IS_BDB else ("3m", 100)
SETTINGS = [x for setting, size in (("log_file", 4), ("reserve", 16), ("cache", 4), ("checkpoint_size", 1))
            for x in ("--set", f'bdb.{setting}="{size}M"')] if IS_BDB else []


def small_disk():
    if os.getuid() != 0:
        raise Skip("mounting a small file system needs root")
    place = scratch()
    os.chmod(place, 0o755)
    r = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=755", "tmpfs", place], capture_output=True, text=True)
    if r.returncode != 0:
        raise Skip(f"no tmpfs can be mounted here: {r.stderr.strip()}")
    at_end(lambda: subprocess.run(["umount", "-l", place]))
    return place


def delivery(w, n):
    w.ask(b"MAIL FROM:<a@example.net>", b"250")
    w.ask(b"RCPT TO:<u0001@example.org>", b"250")
    w.ask(b"DATA", b"354")
    w.send(b"Subject: %d\r\n\r\n" % n + (b"z" * 76 + b"\r\n") * LINES + b".\r\n")
    return w.line()


@case
def fills_up():
    """LMTP answers 452 4.3.1 when the disk is full, and what was acknowledged is there"""
    state["disk"] = small_disk()
    server = state["server"] = Server("--set", f'server.mail_root="{state["disk"]}/mail"', "--set", "server.mail_processes=1", *SETTINGS, users=1)
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
    kind, text = state["imap"].append("INBOX", None, None, b"Subject: x\r\n\r\n" + b"q" * 20000)
    equal((kind, text[0][:13]), ("NO", b"[UNAVAILABLE]"), "APPEND")
    if IS_BDB:
        equal("is full but for the reserve (bdb.reserve)" in state["server"].log(), True, "a log line says what to do")
        return
    said = [line for line in state["server"].log().splitlines() if "No space left" in line and " failed: " in line]
    equal([f"{state['disk']}/mail/example.org/u0001/tmp: the file cannot be written: " in line for line in said], [True], f"log lines: {said}")


@case
def keyword_is_refused():
    """a new keyword that cannot be saved is NO [UNAVAILABLE] each time, logged once, and nobody is shown it; known flags are stored"""
    if "imap" not in state:
        raise Skip("no full disk, see above")
    server, c = state["server"], state["imap"]
    fill = os.path.join(state["disk"], "fill")
    for size in (65536, 4096):
        try:
            with open(fill, "ab", buffering=0) as f:
                for _ in range(1000):  # more than it has
                    f.write(b"f" * size)
        except OSError:
            pass
    equal(os.statvfs(state["disk"]).f_bfree, 0, "free blocks")
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
        os.unlink(fill)
        return
    lines = [line for line in server.log().splitlines() if "/u0001/dovecot-keywords.new: the file cannot be written: No space left" in line]
    equal((len(lines), "STORE failed: " in lines[0] if lines else None), (1, True), f"log lines: {lines}")
    equal(c.store("60", "+FLAGS", r"(\Flagged)")[0], "OK", "a flag that every name can hold")
    os.unlink(fill)
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


def logged_in(server):
    try:
        return server.imap()
    except (imaplib.IMAP4.error, OSError):
        return None


@case
def acknowledged_stays():
    """flags and keywords that were acknowledged after all are there when the process was killed"""
    if "imap" not in state:
        raise Skip("no full disk, see above")
    server = state["server"]
    os.kill(next(pid for pid, role in server.roles().items() if role == "mail"), signal.SIGKILL)
    again = wait_for(lambda: logged_in(server), "the mail process is back")
    again.select()
    flags = again.fetch("10", "(FLAGS)")[1][0]
    equal((b"NewWord" in flags, rb"\Flagged" in flags), (True, True), f"what was acknowledged: {flags}")


main()
