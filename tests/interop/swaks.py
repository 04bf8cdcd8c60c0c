#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""swaks delivers the spam corpus (SATCHEL_LONG: all of it), over the LMTP port and the unix socket."""
import os
import sys
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import LONG, Server, case, corpus_files, equal, main, need, run  # noqa: E402

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
            content = f.read().replace(b"\r", b"")
        target = ["--socket", server.lmtp_socket] if hash(path) % 2 else ["--server", "127.0.0.1", "--port", str(server.lmtp)]
        swaks("--to", f"u0001@{server.domain}", "--no-data-fixup", "--data", "-", *target, input=content)
        return content
    with ThreadPoolExecutor(3) as pool:
        sent = list(pool.map(one, files))
    c = server.imap()
    equal(c.select()[1], [b"%d" % len(sent)], "EXISTS")
    got = [x[1].replace(b"\r\n", b"\n").rstrip(b"\n") for x in c.fetch("1:*", "BODY.PEEK[]")[1] if isinstance(x, tuple)]
    tails = sorted(s.rstrip(b"\n")[-200:] for s in sent)
    equal(sorted(g[-200:] for g in got), tails, "the mails' last lines")
    for content in sent:
        if not any(g.endswith(content.rstrip(b"\n")) for g in got):
            raise AssertionError(f"not as sent: {content[:200]!r}")
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
