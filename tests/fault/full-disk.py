#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A full disk (test catalogue S6, promise 22): deliveries are put off, uploads refused; reading and deleting still work."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import Server, Skip, at_end, case, equal, main, scratch  # noqa: E402
from wire import Wire  # noqa: E402

state = {}


def small_disk():
    if os.getuid() != 0:
        raise Skip("mounting a small file system needs root")
    place = scratch()
    os.chmod(place, 0o755)
    r = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m,mode=755", "tmpfs", place], capture_output=True, text=True)
    if r.returncode != 0:
        raise Skip(f"no tmpfs can be mounted here: {r.stderr.strip()}")
    at_end(lambda: subprocess.run(["umount", "-l", place]))
    return place


def delivery(w, n):
    w.ask(b"MAIL FROM:<a@example.net>", b"250")
    w.ask(b"RCPT TO:<u0001@example.org>", b"250")
    w.ask(b"DATA", b"354")
    w.send(b"Subject: %d\r\n\r\n" % n + (b"z" * 76 + b"\r\n") * 100 + b".\r\n")
    return w.line()


@case
def fills_up():
    """LMTP answers 452 4.3.1 when the disk is full, and what was acknowledged is there"""
    server = state["server"] = Server("--set", f'server.mail_root="{small_disk()}/mail"', users=1)
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


@case
def deleting_works():
    """marking and EXPUNGE work at zero bytes free, and then mail comes in again"""
    if "imap" not in state:
        raise Skip("no full disk, see above")
    c = state["imap"]
    equal(c.store("1:50", "+FLAGS.SILENT", "(\\Deleted)")[0], "OK", "STORE")
    equal(len(c.expunge()[1]), 50, "removed")
    equal(delivery(state["lmtp"], 0)[:3], b"250", "a delivery afterwards")
    c.logout()


main()
