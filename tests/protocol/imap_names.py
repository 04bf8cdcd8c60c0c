#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Names of mailboxes and what is told of them, over files that other programs made."""
import imaplib
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import Server, case, equal, main, of_maildir  # noqa: E402

server = Server(users=3)


def ask(imap, *command):
    """Untagged data of a command that python's library does not know by name"""
    status, lines = getattr(imap, command[0])(*command[1:])
    equal(status, "OK", f"{command}")
    return lines


def put(user, folder, name, content):
    """A message as another program leaves it: no sizes in its name"""
    with open(os.path.join(server.mail_root, server.domain, user, folder, "new", name), "wb") as out:
        out.write(content)


@of_maildir("files without sizes in their names")
def size_of_unknown_files():
    """STATUS SIZE counts files whose name says no size, each line end as two bytes (RFC 8438 3)"""
    imap = server.imap("u0001")
    imap.create("Other")
    put("u0001", "", "1600000001.a.host", b"Subject: a\n\nline\n")
    put("u0001", ".Other", "1600000002.b.host", b"Subject: b\n\n1\n2\n")
    put("u0001", ".Other", "1600000003.c.host", b"Subject: c\r\n\r\nx\r\n")
    for name, size in {"INBOX": 20, "Other": 20 + 17}.items():
        equal(ask(imap, "status", name, "(SIZE)"), [b'"%s" (SIZE %d)' % (name.encode(), size)], name)
        imap.select(name, readonly=True)
        sizes = [int(x.split()[-1].strip(b")")) for x in imap.fetch("1:*", "(RFC822.SIZE)")[1]]
        equal(sum(sizes), size, f"sum of RFC822.SIZE in {name}")
    imap.logout()


@of_maildir("files without sizes in their names")
def size_in_list():
    """LIST-STATUS measures what is not known, name after name"""
    imap = server.imap("u0002")
    for i in range(20):
        imap.create(f"box{i:02}")
        put("u0002", f".box{i:02}", f"16000001{i:02}.a.host", b"Subject: a\n\n" + b"x" * i + b"\n")
    imap._simple_command("LIST", '""', '"box*"', "RETURN", "(STATUS (SIZE MESSAGES))")
    status = imap.response("STATUS")[1]
    equal(status, [b'"box%02d" (MESSAGES 1 SIZE %d)' % (i, 16 + i) for i in range(20)], "status lines")
    imap.logout()


@case
def utf8_names():
    """python's library with UTF8=ACCEPT and a client without it see one mailbox"""
    new, old = server.imap("u0003"), server.imap("u0003")
    equal(new.enable("UTF8=ACCEPT")[0], "OK", "ENABLE")
    for name in ("Entwürfe", "日本語/台北", "a & b", "😀"):
        equal(new.create(f'"{name}"')[0], "OK", f"CREATE {name}")
        equal(ask(new, "status", f'"{name}"', "(MESSAGES)"), [f'"{name}" (MESSAGES 0)'.encode()], name)
    equal(sorted(x.split(b'"/" ')[1] for x in ask(old, "list", '""', '"%"')),
          sorted([b'"INBOX"', b'"&ZeVnLIqe-"', b'"Entw&APw-rfe"', b'"a &- b"', b'"&2D3eAA-"', b'"Drafts"', b'"Sent"', b'"Junk"', b'"Trash"',
                  b'"Archive"']), "plain client")
    equal(old.select('"&ZeVnLIqe-/&U,BTFw-"')[0], "OK", "SELECT in modified UTF-7")
    try:
        equal(old.create('"ü"')[0], "BAD", "UTF-8 without ENABLE")
    except (imaplib.IMAP4.error, UnicodeEncodeError):
        pass
    new.logout()
    old.logout()


main()
