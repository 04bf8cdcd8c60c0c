#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""IMAP commands that fail for some messages: what they did to the others is told, and nothing is done to those that failed."""
import glob
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import Server, case, equal, main  # noqa: E402

server = Server(users=2)


def file_with(text):
    for path in glob.glob(os.path.join(server.mail_root, server.domain, "u0001", "*", "*,S=*")):
        with open(path, "rb") as f:
            if text in f.read().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"):
                return path
    raise AssertionError(f"no file with {text!r}")


def fetched(answer):
    """{sequence number: what was sent}"""
    return {int(x[0].split()[0]): x for x in answer if isinstance(x, tuple) and x[0][:1].isdigit()}


@case
def unreadable_file():
    """FETCH BODY[], RFC822 and BINARY[] of messages of which one cannot be read: only what was sent is \\Seen, and told"""
    for item in ("BODY[]", "RFC822", "RFC822.TEXT", "BINARY[]", "(BODY[TEXT] BODY[HEADER.FIELDS (X-None)])"):
        for n in range(3):
            server.deliver(b"Subject: %d\r\n\r\nx\r\n" % n)
        c, watcher = server.imap(), server.imap()
        c.enable("QRESYNC")
        for session in (c, watcher):
            session.select()
        path = file_with(b"Subject: 1\r\n")
        os.chmod(path, 0)
        kind, _ = c.fetch("1:3", item)
        equal(kind, "NO", item)
        answers = fetched(c.untagged_responses["FETCH"])
        equal(sorted(answers), [1, 3], f"{item}: what was sent")
        equal([b"\\Seen" in x[0] and b"MODSEQ" in x[0] for x in answers.values()], [True, True], f"{item}: flags with it")
        watcher.noop()
        equal(sorted(int(x.split()[0]) for x in watcher.response("FETCH")[1]), [1, 3], f"{item}: what others hear")
        equal(watcher.search(None, "UNSEEN")[1], [b"2"], f"{item}: not seen")
        os.chmod(path, 0o600)
        c.store("1:*", "+FLAGS.SILENT", r"(\Deleted)")
        c.expunge()
        c.logout()
        watcher.logout()


main()
