#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Three IMAP clients, a POP3 client and deliveries on one mailbox at once: all end with the same view, nothing is lost."""
import imaplib
import os
import poplib
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import LONG, Server, case, equal, main, of_maildir, run_all, wait_for  # noqa: E402

server = Server(users=2)
ROUNDS = 400 if LONG else 80


def mail(n):
    return b"Subject: number %d\r\nMessage-ID: <%d@concurrent.example>\r\n\r\ntext %d\r\n" % (n, n, n)


@case
def same_view():
    """flags, expunges, copies, uploads, deliveries and POP3 deletions together"""
    for n in range(20):
        server.deliver(mail(n))
    deleted = set()  # Message-IDs that somebody asked to remove

    def deliveries():
        for n in range(20, 20 + ROUNDS):
            server.deliver(mail(n))

    def id_of(header):
        return header.split(b"<")[-1].split(b">")[0]

    def done(answer, what):
        """Done, or the message went meanwhile: RFC 2180 4.1 and 4.2, said with the code of RFC 5530."""
        if answer[0] != "OK" and not (answer[0] == "NO" and b"[EXPUNGEISSUED]" in answer[1][-1]):
            raise AssertionError(f"{what}: {answer!r:.400}")

    def imap_client(seed):
        def work():
            r = random.Random(seed)
            c = server.imap()
            c.select()
            for _ in range(ROUNDS):
                uids = c.uid("SEARCH", None, "ALL")[1][0].split()
                if not uids:
                    continue
                uid = r.choice(uids)
                what = r.randrange(6)
                if what < 3:
                    done(c.uid("STORE", uid, "+FLAGS" if r.random() < .5 else "-FLAGS", r.choice(("\\Seen", "\\Flagged", "$k1", "$k2"))), "STORE")
                elif what == 3:
                    done(c.uid("FETCH", uid, "(FLAGS BODY.PEEK[TEXT])"), "FETCH")
                elif what == 4:
                    done(c.uid("COPY", uid, "Archive"), "COPY")
                else:
                    c.noop()
            c.logout()
        return work

    def expunger():
        c = server.imap()
        c.select()
        r = random.Random(7)
        for _ in range(ROUNDS // 8):
            uids = c.uid("SEARCH", None, "ALL")[1][0].split()
            if uids:
                uid = r.choice(uids)
                deleted.update(id_of(x[1]) for x in c.uid("FETCH", uid, "BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)]")[1] if isinstance(x, tuple))
                c.uid("STORE", uid, "+FLAGS.SILENT", "\\Deleted")
                c.response("EXPUNGE")
                c.uid("EXPUNGE", uid)
        c.logout()

    def pop3_client():
        r = random.Random(9)
        for _ in range(ROUNDS // 10):
            try:
                p = server.pop3_session()
            except poplib.error_proto:
                continue
            n = p.stat()[0]
            for k in sorted(r.sample(range(1, n + 1), min(2, n))):
                message = b"\r\n".join(p.retr(k)[1])
                if r.random() < .5:
                    deleted.add(id_of(message))
                    p.dele(k)
            p.quit()

    def tolerant(work):
        """What another client removed meanwhile may be answered with an error; nothing else may."""
        def inner():
            try:
                work()
            except poplib.error_proto as e:
                if b"removed by another" not in e.args[0]:
                    raise
        return inner
    run_all(deliveries, imap_client(1), imap_client(2), expunger, tolerant(pop3_client))
    views = []
    for _ in range(3):
        c = server.imap()
        c.select(readonly=True)
        data = c.uid("FETCH", "1:*", "(UID FLAGS BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])")[1]
        views.append([x[0].split(b" BODY")[0].replace(b"\\Recent", b"") + x[1] for x in data if isinstance(x, tuple)])
        c.logout()
    equal(views[0], views[1], "second view")
    equal(views[0], views[2], "third view")
    uids = [x.split(b"UID ")[1].split()[0] for x in views[0]]
    equal(len(set(uids)), len(uids), "UIDs are unique")
    p = server.pop3_session()
    equal(p.stat()[0], len(uids), "POP3 sees as many")
    p.quit()
    ids = [id_of(x) for x in views[0]]
    equal(len(set(ids)), len(ids), "no mail twice")
    equal({b"%d@concurrent.example" % n for n in range(20 + ROUNDS)} - set(ids) - deleted, set(), "mails that nobody removed and are gone")


def line_with(c, what):
    """The next line of the server that has these bytes."""
    while what not in (line := c.readline()):
        equal(line != b"", True, f"the server goes on until {what}")
    return line


@case
def idle_hears():
    """an idle client hears of a delivery, a flag and an expunge by others without asking"""
    c = server.imap("u0002")
    c.select()
    c.send(b"I1 IDLE\r\n")
    equal(c.readline()[:1], b"+", "IDLE begins")
    server.deliver(mail(1), "u0002")
    equal(line_with(c, b"EXISTS"), b"* 1 EXISTS\r\n", "EXISTS while idle")
    other = server.imap("u0002")
    other.select()
    other.store("1", "+FLAGS", "\\Flagged")
    equal(b"\\Flagged" in line_with(c, b"FETCH"), True, "the flag while idle")
    other.store("1", "+FLAGS", "\\Deleted")
    other.expunge()
    equal(line_with(c, b"EXPUNGE"), b"* 1 EXPUNGE\r\n", "EXPUNGE while idle")
    c.send(b"DONE\r\n")
    equal(line_with(c, b"I1 ")[:5], b"I1 OK", "end of IDLE")


@of_maildir("another program at the files")
def outside_delivery():
    """an idle client hears of a file that another program put into new/, and of its removal"""
    c = server.imap("u0002")
    n = int(c.select()[1][0])
    c.send(b"I1 IDLE\r\n")
    c.readline()
    base = os.path.join(server.mail_root, server.domain, "u0002")
    owner = os.stat(base)
    temporary, final = os.path.join(base, "tmp", "1700000000.1_1.host"), os.path.join(base, "new", "1700000000.1_1.host")
    with open(temporary, "wb") as f:
        f.write(mail(99).replace(b"\r", b""))
    os.chown(temporary, owner.st_uid, owner.st_gid)
    os.rename(temporary, final)
    equal(line_with(c, b"EXISTS"), b"* %d EXISTS\r\n" % (n + 1), "EXISTS of an outside delivery")
    where = wait_for(lambda: [os.path.join(base, d, x) for d in ("new", "cur") for x in os.listdir(os.path.join(base, d)) if x.startswith("1700000000.1_1")], "the file")
    os.unlink(where[0])
    equal(line_with(c, b"EXPUNGE"), b"* %d EXPUNGE\r\n" % (n + 1), "EXPUNGE of an outside removal")
    c.send(b"DONE\r\n")


assert imaplib
main()
