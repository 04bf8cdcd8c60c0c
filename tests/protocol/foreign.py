#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""IMAP over a Maildir that another program filled: internal dates are found when somebody asks for them."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import Server, case, equal, main  # noqa: E402

N = 200
DAY = 86400
FIRST = 1199188800  # 1 January 2008, noon UTC
server = Server(users=6)


def fill(user):
    """Files of N days, one a day; their names tell another time.  Every second one has no Date field."""
    home = os.path.join(server.mail_root, server.domain, user)
    owner = os.stat(server.mail_root)
    for path in (os.path.dirname(home), home, *(os.path.join(home, d) for d in ("cur", "new", "tmp"))):
        os.makedirs(path, exist_ok=True)
        os.chown(path, owner.st_uid, owner.st_gid)
    for i in range(N):
        path = os.path.join(home, "cur", f"{1500000000 + i}.P{i}.elsewhere:2,S")
        with open(path, "w") as f:
            f.write("" if i % 2 else "Date: Tue, 1 Jul 2003 10:52:37 +0200\n")
            f.write(f"Subject: {i}\n\nbody\n")
        os.utime(path, (FIRST + i * DAY, FIRST + i * DAY))
        os.chown(path, owner.st_uid, owner.st_gid)


@case
def fetch_tells_the_time_of_the_file():
    """FETCH INTERNALDATE of a Maildir at first sight, alone and beside other items"""
    fill("u0001")
    c = server.imap("u0001")
    equal(c.select("INBOX")[1], [b"200"], "messages")
    equal(c.fetch("3,32", "(FLAGS INTERNALDATE)")[1],
          [b'3 (FLAGS (\\Seen \\Recent) INTERNALDATE " 3-Jan-2008 12:00:00 +0000")',
           b'32 (FLAGS (\\Seen \\Recent) INTERNALDATE " 1-Feb-2008 12:00:00 +0000")'], "dates")
    equal(c.fetch("200", "(INTERNALDATE RFC822.SIZE)")[1],
          [b'200 (INTERNALDATE "18-Jul-2008 12:00:00 +0000" RFC822.SIZE 22)'], "beside a size that has to be found too")
    c.logout()


@case
def search_finds_by_date():
    """SEARCH by internal date, and by Date field with the internal date where there is none, as the first command"""
    fill("u0002")
    c = server.imap("u0002")
    c.select("INBOX")
    equal(c.search(None, "SINCE", "17-Jul-2008")[1], [b"199 200"], "SINCE")
    c.logout()
    fill("u0003")
    c = server.imap("u0003")
    c.select("INBOX")
    equal(c.search(None, "SENTON", "4-Jan-2008")[1], [b"4"], "SENTON without a Date field")
    equal(c.search(None, "OR", "ON", "1-Jan-2008", "SENTON", "8-Jan-2008")[1], [b"1 8"], "ON")
    c.logout()


@case
def sort_and_thread_order_by_date():
    """SORT and THREAD as the first command: messages without a Date field go by the time of the file"""
    for user, command, want in (("u0004", "SORT (REVERSE ARRIVAL) UTF-8 1:3", b"3 2 1"),
                                ("u0005", "SORT (DATE) UTF-8 2:4", b"3 2 4"),
                                ("u0006", "THREAD ORDEREDSUBJECT UTF-8 2:4", b"(3)(2)(4)")):
        fill(user)
        c = server.imap(user)
        c.select("INBOX")
        name, _, rest = command.partition(" ")
        equal(c._simple_command("UID", name, rest)[0], "OK", command)
        equal(c._untagged_response("OK", [None], name)[1], [want], command)
        c.logout()


main()
