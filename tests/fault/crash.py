#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A message that crashes a mail process twice is set aside: shown unparsed, with the server up."""
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from modules import Modules  # noqa: E402
from tap import Server, case, equal, main, wait_for  # noqa: E402

modules = Modules()
modules.add("layers/crash.c", "crash")
server = Server(*modules.options("crash"), "--set", "server.mail_processes=1")


def fetch(what):
    """None: the connection was lost."""
    try:
        c = server.imap()
        c.select()
        answer = c.fetch("1:*", what)
        c.logout()
        return answer
    except Exception:  # noqa: B902
        return None


@case
def set_aside():
    """after two crashes the mailbox can be read again, the message without its structure"""
    wait_for(lambda: fetch("(UID)"), "the mailbox is there")
    new = min((path for path, _, _ in os.walk(server.mail_root) if path.endswith("/new")), key=len)
    for name, header in (("1.a.b", "Subject: fine"), ("2.a.b", "X-Crash: now"), ("3.a.b", "Subject: fine too")):
        path = os.path.join(new, name)
        with open(path, "w") as f:
            f.write(header + "\n\ntext\n")
        shutil.chown(path, os.stat(new).st_uid, os.stat(new).st_gid)
    answer = wait_for(lambda: fetch("(UID ENVELOPE)"), "FETCH is answered", 90)
    equal(answer[0], "OK", "FETCH")
    equal(len(answer[1]), 3, f"messages: {answer[1]}")
    equal(b"fine too" in answer[1][2], True, f"the others have their envelopes: {answer[1]}")
    equal(server.log().count("mail[0] died"), 2, "crashes")
    equal(server.log().count("crashed again at the same work"), 1, "it is said")


@case
def stays_aside():
    """further reads do not crash"""
    for _ in range(3):
        equal(fetch("(UID ENVELOPE)")[0], "OK", "FETCH")
    equal(server.log().count("mail[0] died"), 2, "crashes")


main()
