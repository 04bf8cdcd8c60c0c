#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Rights and namespaces in a whole server: deliveries to what may not be added to, a user's folder that has the name of a namespace."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from modules import Modules  # noqa: E402
from tap import Server, case, equal, main, of_maildir  # noqa: E402
from wire import Wire  # noqa: E402

modules = Modules()
modules.add("layers/letters.c", "letters")
server = Server(*modules.options("letters", "retention"), users=3)


def deliver(*recipients):
    """The first words of the reply for each recipient of one message."""
    w = Wire(server, "lmtp")
    w.line()
    w.send(b"LHLO client.example\r\n")
    w.reply()
    w.ask(b"MAIL FROM:<a@example.net>", b"250 ")
    for recipient in recipients:
        w.ask(b"RCPT TO:<" + recipient + b"@" + server.domain.encode() + b">", b"250 ")
    w.ask(b"DATA", b"354 ")
    w.send(b"Subject: x\r\n\r\nbody\r\n.\r\n")
    return [w.line()[:9] for _ in recipients]


def names(c):
    return [line.decode().partition(' "/" ')[2].strip('"') for line in c.list()[1]]


def count(c, mailbox):
    return int(c.status(f'"{mailbox}"', "(MESSAGES)")[1][0].rstrip(b")").split()[-1])


@case
def delivery():
    """mail for a mailbox that may not be added to is refused for good; that for others in the same message is not"""
    c = server.imap("u0001")
    for name in ("may-lr", "may-lri"):
        equal(c.create(name)[0], "OK", "CREATE")
    equal(deliver(b"u0001+may-lr", b"u0001+may-lri", b"u0002"), [b"550 5.7.1", b"250 2.0.0", b"250 2.0.0"], "replies")
    equal((count(c, "may-lr"), count(c, "may-lri")), (0, 1), "messages")
    c.select("may-lri")
    equal(c.fetch("1", "(RFC822)")[0], "OK", "FETCH")
    equal(c.fetch("1", "(FLAGS)")[1], [b"1 (FLAGS (\\Recent))"], "not marked")
    c.logout()
    log = server.log()
    equal("cannot mark" in log, False, "log of what the user may not do")
    equal(["may-lr may not be added to" in line for line in log.splitlines() if "not delivered:" in line], [True], "log")


@case
def kept():
    """what is removed can be copied back, survives a restart, and nobody delivers to it"""
    equal(deliver(b"u0002"), [b"250 2.0.0"], "delivery")
    c = server.imap("u0002")
    c.select()
    c.store("1:*", "+FLAGS", "\\Deleted")
    c.expunge()
    equal("Recently Deleted/INBOX" in names(c), True, f"{names(c)}")
    kept_before = count(c, "Recently Deleted/INBOX")
    c.logout()
    equal(deliver(b'"u0002+Recently Deleted/INBOX"'), [b"550 5.7.1"], "delivery to the tree")
    server.stop("--keep")
    server.start()
    c = server.imap("u0002")
    equal(count(c, "Recently Deleted/INBOX"), kept_before, "kept over a restart")
    equal(c.select('"Recently Deleted/INBOX"', readonly=True)[0], "OK", "EXAMINE")
    equal(c.copy("1", "INBOX")[0], "OK", "COPY out")
    equal(count(c, "INBOX"), 1, "un-deleted")
    c.logout()


@of_maildir("a folder that another server made")
def own_folder():
    """a folder of the user's that is called as the namespace would be keeps its name and its mail, and the log says so"""
    c = server.imap("u0003")
    equal(c.create('"Recently Deleted"')[0], "NO", "CREATE in the namespace")
    c.logout()
    server.stop("--keep")
    # As an account has it that comes from another server.
    home = os.path.join(server.mail_root, server.domain, "u0003")
    owner = os.stat(home)
    folder = os.path.join(home, ".Recently Deleted")
    for path in (folder, *(os.path.join(folder, d) for d in ("cur", "new", "tmp"))):
        os.mkdir(path, 0o700)
        os.chown(path, owner.st_uid, owner.st_gid)
    path = os.path.join(folder, "new", "1.a.b")
    with open(path, "wb") as f:
        f.write(b"Subject: mine\n\nbody\n")
    os.chown(path, owner.st_uid, owner.st_gid)
    server.start()
    c = server.imap("u0003")
    equal(b'"Recently Deleted 2/"' in c.namespace()[1][0], True, f"{c.namespace()}")
    equal(count(c, "Recently Deleted"), 1, "own mail")
    c.select('"Recently Deleted"')
    c.store("1", "+FLAGS", "\\Deleted")
    c.expunge()
    equal(count(c, "Recently Deleted 2/Recently Deleted"), 1, "kept")
    c.logout()
    equal("Recently Deleted is a folder of the user's own" in server.log(), True, "log")


@case
def nobody_crashed():
    """no process died"""
    equal([line for line in server.log().splitlines() if " died" in line], [], "log")


main()
