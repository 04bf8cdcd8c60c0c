#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""METADATA with a whole server: sessions at once, mailboxes that go, a restart.  The commands themselves: imap/metadata*.script."""
import imaplib
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import Server, case, equal, main, run_all  # noqa: E402

imaplib.Commands.update({name: ("AUTH", "SELECTED") for name in ("GETMETADATA", "SETMETADATA")})
server = Server(users=2)
SESSIONS, EACH = 8, 6


def annotate(c, mailbox, entry, value):
    return c._simple_command("SETMETADATA", mailbox, f'({entry} "{value}")')


def annotations(c, mailbox):
    """{entry: value} of all that is private."""
    status, data = c._simple_command("GETMETADATA", "(DEPTH infinity)", mailbox, "/private")
    equal(status, "OK", f"GETMETADATA: {data}")
    found = {}
    for answer in c.untagged_responses.pop("METADATA", []):
        entry, value = answer.partition(b" (")[2].rstrip(b")").split(b" ")
        found[entry.strip(b'"').decode()] = value.strip(b'"').decode()
    return found


@case
def at_once():
    """eight sessions annotate one mailbox: each finds the annotations of all, and so does the next server"""
    def one(n):
        c = server.imap("u0001")
        for k in range(EACH):
            equal(annotate(c, "INBOX", f"/private/s{n}/{k}", f"{n}-{k}")[0], "OK", "SETMETADATA")
        c.logout()

    run_all(*[lambda n=n: one(n) for n in range(SESSIONS)])
    want = {f"/private/s{n}/{k}": f"{n}-{k}" for n in range(SESSIONS) for k in range(EACH)}
    c = server.imap("u0001")
    equal(annotations(c, "INBOX"), want, "all of them")
    c.logout()
    server.stop("--keep")
    server.start()
    c = server.imap("u0001")
    equal(annotations(c, "INBOX"), want, "after a restart")
    c.logout()


@case
def deleted():
    """a mailbox that is deleted takes its annotations along: more come and go than can be there at a time"""
    c = server.imap("u0002")
    for n in range(260):
        equal((c.create("short")[0], annotate(c, "short", "/shared/comment", n)[0], c.delete("short")[0]), ("OK",) * 3, f"round {n}")
    c.logout()


main()
