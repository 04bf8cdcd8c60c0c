#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Nothing of sealed mail is found in files or in the memory of processes after whoever could read it has logged out."""
import imaplib
import os
import poplib
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import case, equal, main, of_maildir, strict_context, wait_for  # noqa: E402
from sealed import MARK, SealedServer, message  # noqa: E402
from wire import Wire  # noqa: E402

N_MAIL = 1000
server = SealedServer("--set", 'maildir.volumes=( "other" )', "--set", "server.mail_processes=2", users=6)
ONE, OTHERS = "u0001", ("u0002", "u0003", "u0004")


def ok(answer):
    equal(answer[0], "OK", f"{answer!r:.300}")
    return answer[1]


def deliver_all(n, *users):
    """Delivers over one connection."""
    w = Wire(server, "lmtp")
    w.line()
    w.send(b"LHLO test.example\r\n")
    w.reply()
    for i in range(n):
        w.ask(b"MAIL FROM:<a@example.net>", b"250")
        for user in users:
            w.ask(f"RCPT TO:<{server.address(user)}>".encode(), b"250")
        w.ask(b"DATA", b"354")
        w.send(message(i, 200_000 if i % 100 == 99 else 2000) + b".\r\n")
        equal([x[:3] for x in w.lines(len(users))], [b"250"] * len(users), "replies")
    w.close()


def read_by_imap(user, tls):
    c = server.imap(user, tls=tls)
    ok(c.select())
    equal(len(ok(c.search(None, "SUBJECT", MARK))[0].split()) >= 100, True, "SEARCH of subjects")
    equal(len(ok(c.search(None, "BODY", MARK))[0].split()) >= 100, True, "SEARCH of texts")
    ok(c.sort("SUBJECT", "UTF-8", "ALL"))
    ok(c.fetch("1:*", "(ENVELOPE BODYSTRUCTURE BODY.PEEK[HEADER] PREVIEW)"))
    ok(c.fetch("1:100", "(BODY.PEEK[])"))
    ok(c.fetch("1:*", "(BODY.PEEK[TEXT]<100.200>)"))
    ok(c.create("Kept") if user == ONE and tls else ("OK", None))
    if user == ONE and tls:
        ok(c.copy("1:100", "Kept"))
        ok(c.append("Kept", None, None, message(7, 100_000)))
        ok(c.store("101:150", "+FLAGS", r"(\Deleted)"))
        ok(c.expunge())
    c.logout()


def read_by_pop3(user):
    p = poplib.POP3_SSL("127.0.0.1", server.pop3s, context=strict_context(server.ca_file), timeout=60)
    p = server.pop3_session(user)
    for n in range(1, 50):
        p.retr(n)
        p.top(n, 3)
    p.quit()


def nothing_left(what):
    equal(server.clear_files(), [], f"files in which the mark is {what}")
    found = []

    def is_clean():
        found[:] = server.memory()
        return not found
    # Five seconds are what is promised; the rest is for a machine that is busy.
    wait_for(is_clean, lambda: f"memory without the mark {what}; there are {len(found)}, as {found[:3]}", 30)


@case
def what_was_read_and_written_is_wiped():
    """1,000 mails delivered, read by IMAP and POP3, searched, sorted, copied, expunged"""
    for user in (ONE, *OTHERS):
        server.enable(user)
    deliver_all(N_MAIL, ONE)
    deliver_all(100, *OTHERS)
    nothing_left("after deliveries")
    with imaplib.IMAP4_SSL("127.0.0.1", server.imaps, ssl_context=strict_context(server.ca_file), timeout=60) as idle:
        idle.login("u0005", server.password)   # somebody else goes on
        read_by_imap(ONE, True)
        read_by_imap(ONE, False)
        for user in OTHERS:
            read_by_imap(user, True)
        read_by_pop3(ONE)
        nothing_left("after the last logout")
        idle.noop()


@case
def a_session_that_reads_has_the_mark_in_memory():
    """The search of this test finds what is there: a session that reads has the mark in its memory"""
    c = Wire(server, "imap")
    c.line()
    c.ask(b"a LOGIN %s %s" % (ONE.encode(), server.password.encode()), b"a OK")
    # The answer has more than sockets take, so it stands in the server until it is read.
    c.send(b"b SELECT INBOX\r\n" + b"c FETCH 1:* BODY.PEEK[]\r\n" * 5)
    wait_for(server.memory, "the mark in memory while a session reads")
    c.close()
    nothing_left("after that")


@of_maildir("another volume of the same profile")
def a_conversion_leaves_nothing():
    """A conversion to another volume, while its user reads"""
    c = server.imap("u0002")
    ok(c.select())
    ok(c.fetch("1:*", "(ENVELOPE BODY.PEEK[])"))
    server.cli("convert", "u0002", "--to", "maildir:other")
    read_by_imap("u0002", False)
    nothing_left("after a conversion")


@case
def kills_and_restarts():
    """Processes are killed while sessions read, and the server is started again"""
    for role in ("mail", "gate", "auth"):
        c = server.imap_when_back(ONE)
        ok(c.select())
        ok(c.fetch("1:100", "(BODY.PEEK[])"))
        for pid, name in server.roles().items():
            if name == role:
                os.kill(pid, signal.SIGKILL)
        server.imap_when_back(ONE).logout()
        nothing_left(f"after a kill of {role}")
    server.restart()
    read_by_imap(ONE, False)
    nothing_left("after a restart")


main()
