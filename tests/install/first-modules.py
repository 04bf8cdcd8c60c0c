#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Modules as they were on the first day of an ABI, built against the headers of that day, work in the server of today: what a call means
has not changed.  abi-N.tar.xz has both; docs/releasing.md says when another one is made."""
import glob
import os
import re
import socket
import subprocess
import sys
import tarfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import TOP, Server, case, equal, free_port, main, scratch  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(TOP, "include/satchel/module.h")) as header:
    ABI = re.search(r"#define SATCHEL_ABI (\d+)", header.read())[1]
first_day = scratch()
os.chmod(first_day, 0o755)
with tarfile.open(os.path.join(HERE, f"abi-{ABI}.tar.xz")) as archive:
    archive.extractall(first_day)
first_day = os.path.join(first_day, f"abi-{ABI}")
os.environ["SATCHEL_MODULES_FROM"] = first_day
from modules import Modules  # noqa: E402

# Layers, namespaces, rights, keys, a password database.
TESTS = ("tests/protocol/locked.py", "tests/protocol/rights.py")


def works(test):
    def look():
        r = subprocess.run([sys.executable, os.path.join(TOP, test)], capture_output=True, text=True, timeout=600)
        equal(r.returncode, 0, r.stdout[-6000:] + r.stderr[-2000:])
    look.__doc__ = f"first modules in {test}"
    return look


for one in TESTS:
    case(works(one))


@case
def driver_filter_protocol_and_command():
    """a first driver, filter, protocol and admin command do their work"""
    modules = Modules()
    modules.add("layers/memory.c", "memory", *sorted(glob.glob(os.path.join(first_day, "layers/memory_*.c"))))
    modules.add("install/sorter.c", "sorter", '-DNAME="sorter"')
    modules.add("install/hello.c", "hello")
    modules.add("install/hello-gate.c", "hello-gate")
    modules.add("admin/toy.c", "toy")
    hello = free_port()
    first = Server(*modules.options("sorter", "hello", "toy", "memory"), "--set", 'storage.driver="memory"', users=1)
    try:
        first.stop("--keep")
        own = "".join(f'{{ name = "{name}"; protocol = "{name.rstrip("s")}"; address = "127.0.0.1"; port = {first.ports[name]}; '
                      f'tls = {"true" if name.endswith("s") else "false"}; }}, ' for name in ("imap", "imaps", "pop3", "pop3s", "lmtp"))
        first.start(*modules.options("sorter", "hello", "toy", "memory"), "--set", 'storage.driver="memory"', "--set",
                    f'listen.listeners=( {own} {{ name = "hello"; protocol = "hello"; address = "127.0.0.1"; port = {hello}; }} )')
        first.deliver(b"X-For: sorter\nSubject: sorted\n\ntext\n", "u0001")
        c = first.imap("u0001")
        equal(c.select("Archive")[1], [b"1"], "the filter has chosen the mailbox, and the driver keeps it")
        equal(c.fetch("1", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1][0][1].strip(), b"Subject: sorted", "its subject")
        equal(c.store("1", "+FLAGS", r"\Flagged")[0], "OK", "flags")
        equal(c.copy("1", "INBOX")[0], "OK", "a copy")
        c.select("INBOX")
        equal(c.search(None, "FLAGGED")[1], [b"1"], "the copy is flagged, too")
        c.logout()
        with socket.create_connection(("127.0.0.1", hello), 60) as s, s.makefile("rwb", buffering=0) as f:
            equal(f.readline(), b"hello from a module\n", "the greeting of the protocol")
            f.write(b"HELLO u0001 pw\n")
            equal(f.readline(), b"welcome u0001@example.org\n", "its login")
            f.write(b"COUNT INBOX\n")
            equal(f.readline(), b"mailbox INBOX has 1\n", "what the store says to it")
        said = first.cli("toy", "count", "u0001").stdout
        equal("INBOX" in said and "Archive" in said, True, f"its admin command counts mailboxes: {said}")
    finally:
        first.stop()


main()
