#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A mail process that may open no more files (EMFILE): clients are told so, a line a place says it, nothing is lost, all goes on."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import Server, case, equal, main, need, wait_for  # noqa: E402
from wire import Wire  # noqa: E402

FILES = 100
state = {}


def n_open():
    return len(os.listdir(f"/proc/{state['mail']}/fd"))


def errors():
    return [line for line in state["server"].log().splitlines() if " error: " in line]


@case
def short_of_descriptors():
    """what needs a file is NO [UNAVAILABLE] in every command, the session goes on, and nothing is believed that is not on disk"""
    need("prlimit")
    server = state["server"] = Server("--set", "server.mail_processes=1", users=2, wrapper=("prlimit", f"--nofile={FILES}:{FILES}"))
    for n in range(3):
        server.deliver(b"Subject: %d\r\n\r\ntext\r\n" % n)
    state["mail"] = next(pid for pid, role in server.roles().items() if role == "mail")
    c = state["imap"] = server.imap()
    c.select()
    state["crowd"] = []
    while n_open() < FILES:
        state["crowd"].append(server.imap(tls=False))
    for _ in range(2):
        for what, answer in (("FETCH", c.fetch("1:3", "BODY.PEEK[]")), ("STORE", c.store("1", "+FLAGS", "(newword)")),
                             ("APPEND", c.append("INBOX", None, None, b"Subject: x\r\n\r\n" + b"y" * 200000)), ("CREATE", c.create("New")),
                             ("STATUS", c.status("Archive", "(MESSAGES)"))):
            equal((answer[0], answer[1][0][:13]), ("NO", b"[UNAVAILABLE]"), what)
    equal([x for x in c.fetch("1:3", "(FLAGS)")[1] if b"newword" in x], [], "flags that were refused")
    said = errors()
    equal(len([line for line in said if "Too many open files" in line]), 5, f"a line for each thing that could not be opened: {said}")


@case
def connections_are_turned_away():
    """a connection that cannot even be taken over ends; the link with the gate stays, and one line says what to do"""
    server, before = state["server"], len(errors())
    for _ in range(3):
        w = Wire(server, "lmtp")
        equal(w.rest(), b"", "a delivery: the MTA tries again")
        w = Wire(server, "imap")
        w.line()
        w.send(b"a LOGIN u0002 pw\r\n")
        equal(w.rest(), b"", "a login")
    said = errors()[before:]
    equal([("LimitNOFILE=" in line, "Too many open files" in line) for line in said], [(True, True)], f"log lines: {said}")
    equal(state["imap"].noop()[0], "OK", "the session that is there")


@case
def goes_on():
    """when there is room again all that was refused works, in the same sessions and processes"""
    server, c = state["server"], state["imap"]
    for one in state["crowd"]:
        one.shutdown()
    wait_for(lambda: n_open() < FILES - 30, "descriptors are free again")
    equal(len([x for x in c.fetch("1:3", "BODY.PEEK[]")[1] if isinstance(x, tuple)]), 3, "messages")
    equal(c.store("1", "+FLAGS", "(newword)")[0], "OK", "STORE")
    equal(c.create("New")[0], "OK", "CREATE")
    server.deliver(b"Subject: later\r\n\r\ntext\r\n")
    equal(c.noop()[0], "OK", "NOOP")
    equal(c.status("INBOX", "(MESSAGES)")[1], [b'"INBOX" (MESSAGES 4)'], "messages")
    equal(next(pid for pid, role in server.roles().items() if role == "mail"), state["mail"], "the mail process")
    server.stop("--keep")
    server.start()
    again = server.imap()
    again.select()
    equal(b"newword" in again.fetch("1", "(FLAGS)")[1][0], True, "the keyword after a restart")


main()
