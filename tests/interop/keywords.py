#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Many keywords (tags) on the real server: kept over a restart, found by SEARCH, the first 26 in file names for other servers; the
bound of limits.keywords is told and refuses no mail."""
import glob
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import Server, case, equal, main, of_maildir  # noqa: E402

N = 300
server = Server(users=1)


def ok(answer):
    equal(answer[0], "OK", str(answer)[:500])
    return answer[1]


def tags(first, n):
    return [f"tag-{i:04}" for i in range(first, first + n)]


def flags_of(client, number):
    line = ok(client.fetch(str(number), "(FLAGS)"))[0].decode()
    return sorted(x for x in re.search(r"FLAGS \(([^)]*)\)", line).group(1).split() if not x.startswith("\\"))


@case
def kept():
    """300 keywords on two messages: each is found, before and after a restart, and in a copy"""
    c = server.imap("u0001")
    ok(c.select())
    for text in (b"one", b"two"):
        ok(c.append("INBOX", None, None, b"Subject: " + text + b"\r\n\r\n" + text + b"\r\n"))
    ok(c.noop())
    for first in range(0, N, 100):
        ok(c.store("1", "+FLAGS.SILENT", "(" + " ".join(tags(first, 100)) + ")"))
    ok(c.store("2", "+FLAGS.SILENT", "(tag-0299 tag-0007)"))
    ok(c.create("copies"))
    ok(c.copy("2", "copies"))
    c.logout()
    server.stop("--keep")
    server.start()
    c = server.imap("u0001")
    ok(c.select())
    equal(flags_of(c, 1), tags(0, N), "the keywords of the first message")
    for tag in tags(0, N):
        equal(ok(c.search(None, "KEYWORD", tag)), [b"1 2" if tag in ("tag-0299", "tag-0007") else b"1"], tag)
    ok(c.select("copies"))
    equal(flags_of(c, 1), ["tag-0007", "tag-0299"], "the copy")
    c.logout()


@of_maildir("letters in names of files")
def letters():
    """the first 26 have a letter in dovecot-keywords and in the names of the files"""
    root = os.path.join(server.mail_root, "example.org", "u0001")
    with open(glob.glob(os.path.join(root, "**", "dovecot-keywords"), recursive=True)[0] if not os.path.exists(os.path.join(root, "dovecot-keywords"))
              else os.path.join(root, "dovecot-keywords")) as f:
        lines = f.read().splitlines()
    equal(lines, [f"{i} tag-{i:04}" for i in range(26)], "dovecot-keywords")
    names = [name for name in os.listdir(os.path.join(root, "cur")) if ":2," in name]
    equal(sorted(name.split(":2,")[1].strip("DFPRST") for name in names), ["abcdefghijklmnopqrstuvwxyz", "h"], str(names))


@case
def bound():
    """over limits.keywords: STORE is NO [LIMIT]; APPEND and COPY keep the message, and the log says what it came without"""
    server.stop("--keep")
    server.start("--set", "limits.keywords=300")
    c = server.imap("u0001")
    ok(c.select())
    status, text = c.store("2", "+FLAGS", "(one-more)")
    equal((status, b"[LIMIT]" in text[0]), ("NO", True), str(text))
    ok(c.append("INBOX", "(one-more tag-0005)", None, b"Subject: three\r\n\r\nthree\r\n"))
    ok(c.noop())
    equal(flags_of(c, 3), ["tag-0005"], "the message without what has no room")
    equal("limits.keywords" in server.log(), True, "the log names the setting")
    # COPY and MOVE of mail with new keywords and old ones; those that have no room are told in one line each.
    ok(c.create("others"))
    for n in range(20):
        ok(c.append("others", f"(tag-0005 other-{n})", None, b"Subject: of others\r\n\r\nof others\r\n"))
    ok(c.select("others"))
    equal(flags_of(c, 20), ["other-19", "tag-0005"], "there they have them")
    before = server.log().count("limits.keywords")
    ok(c.copy("1:10", "INBOX"))
    equal(c.uid("MOVE", "11:20", "INBOX")[0], "OK", "MOVE")
    equal(server.log().count("limits.keywords") - before, 2, "lines of the log")
    ok(c.select())
    for number in range(4, 24):
        equal(flags_of(c, number), ["tag-0005"], f"message {number}")
    ok(c.store("4:23", "+FLAGS.SILENT", r"(\Deleted)"))
    ok(c.expunge())
    # What no message has any more makes room.
    ok(c.store("1:3", "-FLAGS.SILENT", "(tag-0100)"))
    ok(c.store("2", "+FLAGS.SILENT", "(one-more)"))
    equal(flags_of(c, 2), ["one-more", "tag-0007", "tag-0299"], "room was made")
    c.logout()


if __name__ == "__main__":
    main()
