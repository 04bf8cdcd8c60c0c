#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""IMAP on the wire against a real server: splits, sizes, stalls, floods."""
import os
import random
import re
import socket
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import LONG, STORAGE, Server, case, equal, main, wait_for  # noqa: E402
from wire import Wire  # noqa: E402

USERS = 9
server = Server(users=USERS)
MAIL = (b"From: a@example.net\r\nTo: b@example.org\r\nSubject: s\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\none\r\n--x\r\nContent-Type: text/html\r\n\r\n<b>two</b>\r\n--x--\r\n")


def connect(tls=False):
    w = Wire(server, "imaps" if tls else "imap", tls=tls)
    equal(w.line()[:16], b"* OK [CAPABILITY", "greeting")
    return w


def login(user, tls=False):
    w = connect(tls)
    w.ask(b"l LOGIN %s pw" % user.encode(), b"l OK ")
    return w


def until(w, tag):
    """All lines up to the tagged one."""
    found = []
    while not found or not found[-1].startswith(tag + b" "):
        found.append(w.line())
        if not found[-1]:
            raise AssertionError(f"closed before {tag!r} was answered: {found[-5:]!r}")
    return found


# What a connection says after login; ends with LOGOUT.  %(m)d: size of the message that APPEND brings.
CORPUS = b"""1 CAPABILITY
2 NOOP
3 NAMESPACE
4 ID ("name" "split" "version" {3+}
1.0)
5 LIST "" *
6 CREATE {5+}
a b c
7 CREATE "q\\"uote"
8 LIST "" {1+}
%%
9 APPEND "a b c" (\\Seen $k) "01-Feb-2021 10:00:00 +0100" {%(m)d+}
%(mail)s
10 SELECT "a b c"
11 FETCH 1 (FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)
12 FETCH 1 (BODY.PEEK[HEADER.FIELDS (Subject {4+}
From)] BODY.PEEK[1]<1.2> BODY.PEEK[2.MIME])
13 UID STORE 1 +FLAGS.SILENT (\\Flagged $x)
14 STORE 1 -FLAGS \\Seen
15 SEARCH OR SUBJECT {1+}
s FLAGGED
16 UID COPY 1 INBOX
17 foo
18 FETCH
19 IDLE
DONE
20 STATUS {5+}
INBOX (MESSAGES UNSEEN)
21 STORE 1 +FLAGS (\\Deleted)
22 EXPUNGE
23 UNSELECT
24 DELETE "a b c"
25 DELETE "q\\"uote"
26 SELECT INBOX
27 STORE 1:* +FLAGS.SILENT (\\Deleted)
28 CLOSE
29 LOGOUT
""" % {b"m": len(MAIL), b"mail": MAIL.replace(b"\r\n", b"\n")}
CORPUS = CORPUS.replace(b"\n", b"\r\n")


def normal(reply):
    """Numbers that differ from run to run on purpose."""
    reply = re.sub(rb"(UIDVALIDITY|UIDNEXT|APPENDUID|COPYUID|HIGHESTMODSEQ) [0-9: ]+|(MAILBOXID|MODSEQ) \([^)]*\)", rb"\1\2 n", reply)
    return re.sub(rb"\* \d+ (?:EXISTS|RECENT)\r\n", b"", reply)


def play(user, segments):
    w = login(user)
    for segment in segments:
        w.send(segment)
    return normal(w.rest())


@case
def every_split():
    """a conversation in two segments, split at every byte: the same answers"""
    whole = play("u0001", [CORPUS])
    for n in (*range(1, 17), *range(19, 30)):
        equal(len(re.findall(rb"(?m)^%d (?:OK|BAD) " % n, whole)), 1, f"answers to command {n} in {whole!r}")
    places = list(range(1, len(CORPUS)))
    if not LONG:
        places = sorted(random.Random(1).sample(places, 60))
    for at in places:
        equal(play("u0001", [CORPUS[:at], CORPUS[at:]]), whole, f"answers when split at {at}")
    # Without LITERAL+ in the way: each byte a segment of its own.
    equal(play("u0001", [CORPUS[n:n + 1] for n in range(len(CORPUS))]), whole, "answers to single bytes")
    w = Wire(server, "imaps", tls=True)
    w.line()
    w.send(b"l LOGIN u0001 pw\r\n")
    w.line()
    for n in range(0, len(CORPUS), 7):
        w.send(CORPUS[n:n + 7])
    equal(normal(w.rest()), whole, "answers over TLS, seven bytes a record")


@case
def split_before_login():
    """greeting to LOGIN, split at every byte"""
    text = b'1 CAPABILITY\r\n2 ID ("name" {1+}\r\nx)\r\n3 NOOP\r\n4 LOGIN {5+}\r\nu0002 "pw"\r\n5 SELECT INBOX\r\n6 LOGOUT\r\n'
    whole = None
    for at in range(1, len(text)):
        w = connect()
        w.send(text[:at])
        w.send(text[at:])
        got = normal(w.rest())
        whole = whole or got
        equal(got, whole, f"answers when split at {at}")
    equal(re.findall(rb"(?m)^(\d) OK ", whole), [b"1", b"2", b"3", b"4", b"5", b"6"], "commands that were fine")


BIG_SIZES = (b"999999999", b"4294967295")
NO_SIZES = (b"4294967296", b"18446744073709551615", b"18446744073709551616", b"9" * 32, b"-1", b"00000000000000000001", b"5x", b"", b" 5", b"5 ")


@case
def literal_sizes():
    """sizes that are none, or beyond every limit: refused, and nothing behind them runs"""
    for before_login in (True, False):
        for size, plus in [(size, plus) for size in NO_SIZES + BIG_SIZES for plus in (b"", b"+")]:
            w = connect() if before_login else login("u0003")
            w.send(b"1 %s {%s%s}\r\n2 LOGIN u0003 pw\r\n3 CREATE smuggled\r\n" % (b"LOGIN" if before_login else b"SELECT", size, plus))
            w.s.shutdown(1)
            got, what = w.rest(), f"{{{size!r}{plus!r}}}"
            equal(re.search(rb"(?m)^\+ ", got), None, f"an invitation to send {what}: {got!r}")
            if size not in BIG_SIZES or not plus:  # a literal that comes unasked is skipped, which ends with the connection here
                equal(re.search(rb"(?m)^(1 |\* )(BAD|NO|BYE)", got) is not None, True, f"refusal of {what}: {got!r}")
            if size in BIG_SIZES and not plus:  # the client has seen the refusal: what follows is no literal
                equal(b"2 OK" in got, before_login, f"the next command after {what}: {got!r}")
                equal(b"3 OK" in got or b"3 NO [ALREADYEXISTS]" in got, True, f"the next but one after {what}: {got!r}")
            else:
                equal(re.search(rb"(?m)^[23] (OK|NO)", got), None, f"what follows {what}: {got!r}")
            w.close()


def until_list(w):
    w.send(b'x LIST "" *\r\n')
    return until(w, b"x")


@case
def literal_minus():
    """LITERAL-: 4,096 bytes may come unasked, 4,097 may not (I6, RFC 7888 5)"""
    other = Server("--set", "imap.literals=minus", users=1)
    for size, fine in ((4096, True), (4097, False)):
        w = Wire(other, "imap")
        w.line()
        w.ask(b"l LOGIN u0001 pw", b"l OK ")
        w.send(b"1 APPEND INBOX {%d+}\r\n%s\r\n2 NOOP\r\n" % (size, b"a: b\r\n\r\n".ljust(size, b"x")))
        w.s.shutdown(1)
        got = w.rest()
        equal(re.search(rb"(?m)^1 OK \[APPENDUID", got) is not None, fine, f"{size} bytes: {got!r}")
        equal(re.search(rb"(?m)^(\* )?BYE|^1 (BAD|NO)", got) is not None or fine, True, f"{size} bytes: {got!r}")
    other.stop()


def unfinished():
    """Files of messages on their way in; bdb has none."""
    return [name for at, _, names in os.walk(server.mail_root) if os.path.basename(at) == "tmp" for name in names]


@case
def append_vanishes():
    """APPEND stalls after a kilobyte of what it announced, then the client vanishes: no file stays"""
    for how in ("close", "reset", "half"):
        w = login("u0004")
        w.send(b"1 APPEND INBOX {50000000}\r\n")
        equal(w.line()[:2], b"+ ", "invitation")
        w.send(b"Subject: x\r\n\r\n" + b"y" * 200000)
        if STORAGE == "maildir":
            wait_for(unfinished, "the beginning of a message")
        if how == "half":
            w.s.shutdown(1)
            w.rest()
        elif how == "reset":
            w.s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        w.close()
        wait_for(lambda: not unfinished(), f"clean-up after {how}")
    w = login("u0004")
    w.ask(b"1 STATUS INBOX (MESSAGES)", b'* STATUS "INBOX" (MESSAGES 0)', b"1 OK")
    # More than may be: refused before a byte of it was asked for.
    w.send(b"2 APPEND INBOX {4294967295}\r\n")
    equal(w.line()[:4] in (b"2 NO", b"2 BA"), True, "4 GiB")
    w.close()


@case
def pipelined_over_login():
    """10,000 commands in one write with LOGIN in the middle: each answered once, in order"""
    n = 10000
    for tls in (False, True):
        w = connect(tls)
        text = b"".join(b"%d NOOP\r\n" % i if i != n // 2 else b"%d LOGIN u0005 pw\r\n" % i for i in range(1, n + 1))
        got = w.exchange(text + b"x LOGOUT\r\n")
        tags = re.findall(rb"(?m)^(\d+) OK ", got)
        equal(tags, [b"%d" % i for i in range(1, n + 1)], "tags in order")
        equal(got.endswith(b"x OK LOGOUT completed.\r\n"), True, f"end: {got[-200:]!r}")


@case
def pipelined_append():
    """commands behind a message in one write, over the hand-over: the message has every byte"""
    w = connect()
    mail = b"Subject: big\r\n\r\n" + b"0123456789abcdef\r\n" * 60000
    text = b"1 LOGIN u0006 pw\r\n2 APPEND INBOX {%d+}\r\n%s\r\n3 SELECT INBOX\r\n4 FETCH 1 RFC822.SIZE\r\n5 LOGOUT\r\n" % (len(mail), mail)
    got = w.exchange(text)
    equal(b"* 1 FETCH (RFC822.SIZE %d)" % len(mail) in got, True, f"size: {got[-300:]!r}")


@case
def idle():
    """IDLE: garbage, DONE in pieces, pipelined behind it, half-close and vanishing"""
    w = login("u0007")
    w.ask(b"1 SELECT INBOX")
    until(w, b"1")
    w.ask(b"2 IDLE", b"+ ")
    w.send(b"3 CREATE unwanted\r\n")
    equal(w.line()[:5], b"2 BAD", "a command inside IDLE ends it, and does not run")
    w.ask(b"4 IDLE", b"+ ")
    for byte in b"do", b"Ne", b"\r", b"\n5 NO", b"OP\r\n":
        w.send(byte)
    equal([x[:4] for x in w.lines(2)], [b"4 OK", b"5 OK"], "DONE in pieces, and what follows")
    w.ask(b"6 IDLE", b"+ ")
    w.send(b"\0\xff" * 40000 + b"\r\n")
    equal(w.line()[:5] in (b"6 BAD", b"* BYE"), True, "80,000 bytes of garbage")
    w.close()
    w = login("u0007")
    equal([x for x in until_list(w) if b"unwanted" in x], [], "mailboxes made by a line inside IDLE")
    w.ask(b"7 SELECT INBOX")
    until(w, b"7")
    w.ask(b"8 IDLE", b"+ ")
    server.deliver(MAIL, "u0007")
    equal(w.line(), b"* 1 EXISTS\r\n", "news")
    w.s.shutdown(1)
    w.rest()
    for _ in range(50):  # vanishes, again and again: nothing is left
        w = login("u0007")
        w.send(b"1 SELECT INBOX\r\n2 IDLE\r\n")
        w.close()
    wait_for(lambda: server.cli("who").stdout.count("u0007") == 0, "the end of sessions whose client vanished")


@case
def fetch_much():
    """FETCH with 5,000 items, a part number of 500 levels, partials beyond the end: bounded"""
    w = login("u0008")
    server.deliver(MAIL, "u0008")
    w.ask(b"1 SELECT INBOX")
    until(w, b"1")
    w.send(b"2 FETCH 1 (" + b" ".join([b"FLAGS BODY.PEEK[1]"] * 1000) + b")\r\n")
    equal(until(w, b"2")[-1][:4] in (b"2 OK", b"2 BA"), True, "2,000 items")
    w.send(b"3 FETCH 1 (" + b" ".join([b"BODY.PEEK[1]<%d.1>" % n for n in range(5000)]) + b")\r\n")
    equal(until(w, b"3")[-1][:5], b"3 BAD", "5,000 items")
    w.send(b"4 FETCH 1 (" + b"RFC822 " * 200000 + b"UID)\r\n5 NOOP\r\n")
    equal([x[:5] for x in until(w, b"5") if x[:1] != b"*"], [b"4 BAD", b"5 OK "], "1.4 MB of items")
    for section, want in ((b"1." * 499 + b"1", None), (b"9", b'NIL'), (b"1.MIME", b""), (b"2.2.2", None)):
        w.send(b"6 FETCH 1 BODY.PEEK[%s]\r\n" % section)
        got = until(w, b"6")
        equal(got[-1][:4] in (b"6 OK", b"6 BA", b"6 NO"), True, f"{section[:20]!r}: {got!r:.300}")
    for partial in (b"<4294967295.1>", b"<0.4294967295>", b"<4294967295.4294967295>"):
        w.send(b"7 FETCH 1 BODY.PEEK[]%s\r\n" % partial)
        got = until(w, b"7")
        equal(got[-1][:4], b"7 OK", f"{partial!r}")
        equal(got[0].startswith(b"* 1 FETCH (BODY[]<" + partial[1:].split(b".")[0] + b">"), True, f"{partial!r}: {got[0]!r}")
    # The numbers that a client of a big mailbox names, one by one.
    w.send(b"8 UID FETCH " + b",".join(b"%d" % (n * 7 + 1) for n in range(20000)) + b" (UID FLAGS)\r\n")
    equal(until(w, b"8")[-1][:4], b"8 OK", "20,000 UIDs in one command")
    w.close()


@case
def others_do_well():
    """the server lived through all of it, and says so to the next client"""
    equal(server.log().count("died"), 0, "processes that died")
    c = server.imap(f"u000{USERS}")
    equal(c.select()[0], "OK", "SELECT")
    c.logout()


main()
