#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""python3's imaplib, poplib and smtplib (LMTP) against the server: the whole way of a mail."""
import os
import poplib
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import Server, case, equal, main, wire  # noqa: E402

server = Server(users=3)
MAIL = (b"From: A <a@example.net>\r\nTo: u0001@example.org\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nMessage-ID: <1@example.net>\r\n"
        b"Date: Sun, 22 Nov 2026 05:00:00 +0000\r\n\r\nfirst\r\n.\r\n..two dots\r\nlast\r\n")


def split_trace(content):
    """The trace lines that delivery put in front, and the rest."""
    lines = content.split(b"\r\n")
    n = 0
    while n < len(lines) and (lines[n].startswith((b"Return-Path:", b"Delivered-To:", b"Received:")) or lines[n].startswith(b"\t")):
        n += 1
    return lines[:n], b"\r\n".join(lines[n:])


@case
def deliver_and_read():
    """one mail in by LMTP, out by IMAP and POP3, byte for byte"""
    server.deliver(MAIL, "u0001")
    c = server.imap("u0001")
    equal(c.select()[1], [b"1"], "EXISTS")
    data = c.fetch("1", "(BODY.PEEK[] RFC822.SIZE FLAGS)")[1]
    trace, rest = split_trace(data[0][1])
    equal(rest, MAIL, "content over IMAP")
    equal([line.split(b":")[0] for line in trace if not line.startswith(b"\t")], [b"Return-Path", b"Delivered-To", b"Received"], "trace lines")
    equal(any(b" for " in line for line in trace), False, "no recipient in Received")
    equal(b"RFC822.SIZE %d" % len(data[0][1]) in data[0][0] + data[1], True, "RFC822.SIZE")
    p = server.pop3_session("u0001")
    equal(p.stat(), (1, len(data[0][1])), "STAT")
    equal(b"\r\n".join(p.retr(1)[1]) + b"\r\n", data[0][1], "content over POP3")
    p.quit()
    equal(b"\\Seen" in c.fetch("1", "FLAGS")[1][0], True, "RETR marks as read")
    c.logout()


@case
def several_recipients():
    """one transaction for three users: each has it, none sees another's address"""
    server.deliver(MAIL, "u0001", "u0002", "u0003")
    for user in ("u0002", "u0003"):
        c = server.imap(user)
        c.select()
        content = c.fetch("1", "BODY.PEEK[]")[1][0][1]
        trace, rest = split_trace(content)
        equal(rest, MAIL, f"content of {user}")
        equal(any(line.startswith(b"Delivered-To") for line in trace), False, "Delivered-To with several recipients")
        c.logout()


@case
def folders():
    """folders are made, renamed and deleted; messages copied, moved, flagged, searched, uploaded"""
    c = server.imap("u0002")
    names = b" ".join(c.list()[1])
    for use in (b"\\Drafts", b"\\Sent", b"\\Junk", b"\\Trash", b"\\Archive"):
        equal(use in names, True, f"special use {use!r} in LIST")
    equal(c.create("Work")[0], "OK", "CREATE")
    equal(c.create("Work/2026")[0], "OK", "CREATE child")
    c.select()
    equal(c.copy("1", "Work/2026")[0], "OK", "COPY")
    equal(c.rename("Work", "Job")[0], "OK", "RENAME")
    equal(c.select("Job/2026")[1], [b"1"], "EXISTS after RENAME of the parent")
    equal(c.store("1", "+FLAGS", "(\\Flagged $Important)")[0], "OK", "STORE")
    equal(c.search(None, "KEYWORD", "$Important", "SUBJECT", '"gr"')[1], [b"1"], "SEARCH")
    equal(c.append("Job", "(\\Seen)", '"22-Nov-2026 05:00:00 +0000"', MAIL)[0], "OK", "APPEND")
    equal(c.select("Job")[1], [b"1"], "EXISTS after APPEND")
    equal(c.fetch("1", "BODY.PEEK[]")[1][0][1], MAIL, "content as uploaded")
    equal(c.uid("MOVE", "1", "Job/2026")[0], "OK", "MOVE")
    equal(c.select("Job/2026")[1], [b"2"], "EXISTS after MOVE")
    c.close()
    equal(c.delete("Job/2026")[0], "OK", "DELETE")
    equal(c.select("Job/2026")[0], "NO", "SELECT of what was deleted")
    c.logout()


@case
def two_clients():
    """two clients on one mailbox see each other's changes"""
    a, b = server.imap("u0003"), server.imap("u0003")
    a.select()
    b.select()
    a.store("1", "+FLAGS", "(\\Flagged)")
    b.noop()
    equal(b"\\Flagged" in b.response("FETCH")[1][-1], True, "the other's flag")
    a.store("1", "+FLAGS", "(\\Deleted)")
    a.expunge()
    b.noop()
    equal(b.response("EXPUNGE")[1][-1], b"1", "the other's expunge")
    a.logout()
    b.logout()


@case
def pop3_delete():
    """POP3 deletes at QUIT only, and a second session is told [IN-USE]"""
    server.deliver(MAIL, "u0003")
    p = server.pop3_session("u0003")
    n = p.stat()[0]
    p.dele(1)
    try:
        server.pop3_session("u0003")
        raise AssertionError("a second POP3 session was let in")
    except poplib.error_proto as e:
        equal(b"[IN-USE]" in e.args[0], True, f"reply to the second session: {e.args[0]!r}")
    p.close()  # vanishes without QUIT
    from tap import wait_for

    def again():
        try:
            return server.pop3_session("u0003")
        except poplib.error_proto:
            return None
    p = wait_for(again, "the lock of a vanished client")
    equal(p.stat()[0], n, "messages after a session without QUIT")
    p.dele(1)
    p.quit()
    p = server.pop3_session("u0003")
    equal(p.stat()[0], n - 1, "messages after QUIT")
    p.quit()


@case
def restart_keeps():
    """a restart on the kept directory keeps mail, flags and UIDs"""
    global server
    c = server.imap("u0001")
    c.select()
    before = c.uid("FETCH", "1:*", "(FLAGS BODY.PEEK[])")[1]
    validity = c.response("UIDVALIDITY")[1]
    c.logout()
    server.stop("--keep")
    server = Server(users=3, directory=server.dir)
    c = server.imap("u0001")
    c.select()
    equal(c.response("UIDVALIDITY")[1], validity, "UIDVALIDITY")
    strip = [x if isinstance(x, tuple) else x.replace(b"\\Recent ", b"").replace(b" \\Recent", b"") for x in c.uid("FETCH", "1:*", "(FLAGS BODY.PEEK[])")[1]]
    equal([x[1] for x in strip if isinstance(x, tuple)], [x[1] for x in before if isinstance(x, tuple)], "contents")
    c.logout()


main()
