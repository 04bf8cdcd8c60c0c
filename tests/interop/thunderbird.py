#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A real Thunderbird reads and writes sealed mail by IMAP and POP3, and sees what it sees of an account whose mail lies in clear."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import case, equal, main, scratch, wait_for  # noqa: E402
from sealed import SealedServer, message  # noqa: E402
from thunderbird import Thunderbird  # noqa: E402

SEALED, PLAIN = "u0001", "u0002"
ATTACHMENT = (b"From: a@example.net\r\nTo: b@example.org\r\nSubject: with an attachment\r\nMIME-Version: 1.0\r\n"
              b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/plain\r\n\r\ntext\r\n--x\r\n"
              b"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b"QUJD" * 18 + b"\r\n--x--\r\n")
SENT = [message(1), message(2, 300_000), ATTACHMENT]
server = SealedServer(users=2)
server.enable(SEALED)
for content in SENT:
    server.deliver(content, SEALED)
    server.deliver(content, PLAIN)


def without_trace(messages):
    """Messages without what the delivery put at their beginning, which names the user and the time."""
    return [content[content.index(b"From: "):] for content in messages]


def stored(user, folder="INBOX"):
    with server.imap(user) as c:
        c.select(folder, readonly=True)
        return [x[1] for x in c.fetch("1:*", "(BODY.PEEK[])")[1] if isinstance(x, tuple)]


@case
def by_imap():
    """IMAP: contents byte for byte, and sizes; messages are put and copied into folders"""
    client = Thunderbird(server, (SEALED, PLAIN))
    path = os.path.join(scratch(), "message")
    with open(path, "wb") as f:
        f.write(message(4, 150_000))
    for user in (SEALED, PLAIN):
        with server.imap(user) as c:
            c.create("Work")
            c.subscribe("Work")
        got = client.messages(user, 3)
        equal(without_trace(content for _, content in got), SENT, f"what {user} reads")
        equal([size for size, _ in got], [len(content) for content in stored(user)], f"sizes that {user} sees")
        client.upload(user, "Work", path)
        client.copy(user, "INBOX", "Work")
        wait_for(lambda who=user: len(stored(who, "Work")) == 4, "the copies")
        equal(without_trace(stored(user, "Work"))[1:], SENT, f"copies of {user}")
        equal(message(4, 150_000) in stored(user, "Work")[0], True, f"what {user} put into the folder")
        equal([content for _, content in client.messages(user, 4, "Work")], stored(user, "Work"), f"what {user} reads there")
    equal(any(b"/u0001" in path.encode() for path in server.clear_files()), False, "nothing of the sealed account lies in clear")


@case
def by_pop3():
    """POP3: contents byte for byte"""
    client = Thunderbird(server, (SEALED, PLAIN), pop3=True)
    for user in (SEALED, PLAIN):
        equal(without_trace(client.get_by_pop3(user)), [content.replace(b"\r\n", b"\n") for content in SENT], f"what {user} reads")


main()
