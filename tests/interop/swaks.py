#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""swaks delivers the spam corpus (SATCHEL_LONG: all of it), over the LMTP port and the unix socket."""
import os
import re
import sys
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import LONG, Server, case, corpus_files, equal, main, need, run, wire  # noqa: E402

server = Server(users=2)


def swaks(*arguments, **options):
    return run("swaks", "--protocol", "LMTP", "--from", "swaks@example.net", "--helo", "swaks.example.net", "--suppress-data", *arguments,
               **options)


@case
def corpus():
    """every mail of the corpus, with several connections at a time"""
    need("swaks")
    files = corpus_files("ham", "spam") if LONG else corpus_files("spam")[:150]

    def one(path):
        with open(path, "rb") as f:
            content = wire(f.read())
        if not content.endswith(b"\r\n"):
            content += b"\r\n"
        # Without its fix-up swaks sends what it is given: dot-stuffing and the dot at the end are ours.
        target = ["--socket", server.lmtp_socket] if sum(path.encode()) % 2 else ["--server", "127.0.0.1", "--port", str(server.lmtp)]
        r = swaks("--to", f"u0001@{server.domain}", "--no-data-fixup", "--data", "-", *target,
                  input=re.sub(rb"(\A|\r\n)\.", rb"\1..", content) + b".\r\n")
        return re.search(rb"<-  250 2\.0\.0 .*?(\S+)\r?\n", r.stdout).group(1), content
    with ThreadPoolExecutor(3) as pool:
        sent = dict(pool.map(one, files))
    equal(len(sent), len(files), "queue ids")
    c = server.imap()
    equal(c.select()[1], [b"%d" % len(sent)], "EXISTS")
    for x in c.fetch("1:*", "BODY.PEEK[]")[1]:
        if isinstance(x, tuple):
            trace = re.match(rb"Return-Path: <swaks@example\.net>\r\nDelivered-To: [^\r\n]+\r\nReceived: [^\r\n]+\r\n"
                             rb"\t[^\r\n]* LMTP id (\S+);\r\n\t[^\r\n]+\r\n", x[1])
            if not trace:
                raise AssertionError(f"the trace lines are not in front: {x[1][:300]!r}")
            equal(x[1][trace.end():], sent.pop(trace.group(1)), "content behind the trace lines")
    equal(sent, {}, "mails that are missing")
    c.logout()


@case
def replies():
    """unknown users get 550, known ones 250, one reply a recipient; plus-addressing reaches the user"""
    need("swaks")
    r = swaks("--to", f"nobody@{server.domain}", "--server", "127.0.0.1", "--port", str(server.lmtp), check=False)
    equal(b"550 5.1.1" in r.stdout, True, f"unknown user: {r.stdout!r}")
    r = swaks("--to", f"u0002@{server.domain},u0002+Archive@{server.domain}", "--server", "127.0.0.1", "--port", str(server.lmtp))
    equal(r.stdout.count(b"<~  250 2.0.0") + r.stdout.count(b"<-  250 2.0.0 <"), 2, f"one reply a recipient: {r.stdout!r}")
    c = server.imap("u0002")
    equal((c.select()[1], c.select("Archive")[1]), ([b"1"], [b"1"]), "INBOX and the detail's mailbox")
    c.logout()


main()
