#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""LMTP on the wire: replies, pipelining, chunks, hostile content."""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import Server, case, equal, main, wait_for  # noqa: E402
from wire import Wire  # noqa: E402

server = Server("--set", "limits.message_size=200K", users=12)
U = [f"<u{n:04d}@{server.domain}>".encode() for n in range(13)]


def connect(**options):
    w = Wire(server, "lmtp", **options)
    equal(w.line()[:4], b"220 ", "greeting")
    return w


def greet(**options):
    w = connect(**options)
    w.send(b"LHLO client.example\r\n")
    w.extensions = {line[4:].strip() for line in w.reply()}
    return w


def fetch(user, n=None, mailbox="INBOX"):
    c = server.imap(user)
    count = int(c.select(mailbox, readonly=True)[1][0])
    content = c.fetch(str(n or count), "BODY.PEEK[]")[1][0][1] if count else b""
    c.logout()
    return count, content


def body(content):
    return content.split(b"\r\n\r\n", 1)[1]


@case
def extensions():
    """LHLO names what is offered; HELO and EHLO are refused"""
    w = connect()
    w.ask(b"MAIL FROM:<a@example.net>", b"503 ")
    w.ask(b"EHLO x", b"500 ")
    w.ask(b"LHLO", b"501 ")
    w = greet()
    for name in (b"PIPELINING", b"SIZE 204800", b"8BITMIME", b"SMTPUTF8", b"CHUNKING", b"ENHANCEDSTATUSCODES"):
        equal(name in w.extensions, True, f"{name!r} in {w.extensions!r}")
    w.ask(b"NOOP whatever", b"250 ")
    w.ask(b"VRFY u0001", b"252 ")
    w.ask(b"QUIT", b"221 ")
    equal(w.rest(), b"", "closed after QUIT")


@case
def pipelined():
    """a whole transaction in one write; one reply a recipient, in order"""
    w = greet()
    w.send(b"MAIL FROM:<a@example.net> SIZE=100 BODY=8BITMIME\r\nRCPT TO:" + U[1] + b"\r\nRCPT TO:<nobody@example.org>\r\nRCPT TO:" + U[2]
           + b"\r\nRCPT TO:<x@elsewhere.example>\r\nDATA\r\nSubject: p\r\n\r\nbody\r\n.\r\nNOOP\r\n")
    got = [line[:9] for line in w.lines(9)]
    equal(got, [b"250 2.1.0", b"250 2.1.5", b"550 5.1.1", b"250 2.1.5", b"550 5.1.1", b"354 Go ah", b"250 2.0.0", b"250 2.0.0", b"250 2.0.0"], "replies")
    equal(body(fetch("u0001")[1]), b"body\r\n", "content")


@case
def no_recipient():
    """DATA and BDAT without a valid recipient are refused, and what follows BDAT is not run as commands"""
    w = greet()
    w.ask(b"DATA", b"503 ")
    w.ask(b"RCPT TO:" + U[1], b"503 ")
    w.ask(b"MAIL FROM:<>", b"250 ")
    w.ask(b"RCPT TO:<nobody@example.org>", b"550 ")
    w.ask(b"DATA", b"503 ")
    w.send(b"BDAT 6 LAST\r\nQUIT\r\n")
    equal(w.line()[:3], b"503", "BDAT without recipients")
    w.ask(b"NOOP", b"250 ")


@case
def dots():
    """dot-stuffing is taken off, other dots stay"""
    w = greet()
    w.ask(b"MAIL FROM:<a@example.net>", b"250 ")
    w.ask(b"RCPT TO:" + U[3], b"250 ")
    w.ask(b"DATA", b"354 ")
    w.send(b"Subject: d\r\n\r\n..\r\n...\r\n..a\r\nb.\r\n\r\n.\r\n")
    equal(w.line()[:3], b"250", "reply")
    equal(body(fetch("u0003")[1]), b".\r\n..\r\n.a\r\nb.\r\n\r\n", "content")


@case
def end_of_data():
    """only CRLF.CRLF ends DATA: other forms are content, so nothing can be smuggled in behind"""
    for user, fake in ((4, b"\n.\n"), (5, b"\r\n.\n"), (6, b"\n.\r\n"), (7, b"\r.\r"), (8, b"\r\n.\r\r\n")):
        w = greet()
        w.ask(b"MAIL FROM:<a@example.net>", b"250 ")
        w.ask(b"RCPT TO:" + U[user], b"250 ")
        w.ask(b"DATA", b"354 ")
        w.send(b"Subject: s\r\n\r\none" + fake + b"MAIL FROM:<evil@example.net>\r\nRCPT TO:" + U[user] + b"\r\nDATA\r\nSubject: two\r\n\r\nx\r\n.\r\n")
        equal(w.line()[:3], b"250", f"reply after {fake!r}")
        w.ask(b"NOOP", b"250 ")
        count, content = fetch(f"u{user:04d}")
        equal(count, 1, f"messages after {fake!r}")
        equal(b"evil@example.net" in content, True, "the rest is content")


@case
def line_ends():
    """a command ends in CRLF and nowhere else (RFC 5321 2.3.8): an LF alone closes, and what follows it is not run"""
    smuggled = b"MAIL FROM:<evil@example.net>\r\nRCPT TO:" + U[1] + b"\r\nDATA\r\nSubject: smuggled\r\n\r\nx\r\n.\r\n"
    before = fetch("u0001")[0]
    for text in (b"NOOP\n", b"NOOP\nNOOP\r\n", b"\n", b"\r\n\n", b"MAIL FROM:<a@example.net>\nRCPT TO:" + U[1] + b"\nDATA\n", b"NOOP " + b"x" * 9000 + b"\n", b"NOOP x\n\r\n",
                 b"MAIL FROM:<a@example.net>\r\nRCPT TO:" + U[1] + b"\r\nDATA\r\nS: x\r\n\r\nx\r\n.\r\nNOOP\n"):
        w = greet()
        w.send(text + smuggled)
        got = w.rest().splitlines()
        equal([x[:10] for x in got[-2:]], [b"500 5.5.2 ", b"421 4.7.0 "], f"end after {text[:60]!r}: {got!r}")
    equal(fetch("u0001")[0], before + 1, "messages: one, of the last one's own DATA")
    # A CR that no LF follows is no end either, and a control character (RFC 5321 4.1.1.1); lines in pieces are lines.
    for text in (b"NOOP\rNOOP\r\n", b"NOOP\r\r\n", b"MAIL FROM:<a@example.net>\rRCPT TO:" + U[1] + b"\r\n"):
        w = greet()
        w.send(text)
        equal(w.line()[:9], b"500 5.5.2", f"answer to {text!r}")
        w.ask(b"NOOP", b"250 ")
    w = greet()
    for piece in (b"NOOP " + b"x" * 5000 + b"\r", b"\nNO", b"OP\r", b"\n"):
        w.send(piece)
    equal([x[:4] for x in w.lines(2)], [b"500 ", b"250 "], "an end cut in two")


@case
def every_split():
    """a transaction cut at every byte gives the same"""
    transaction = (b"LHLO c.example\r\nMAIL FROM:<a@example.net>\r\nRCPT TO:" + U[9] + b"\r\nDATA\r\nSubject: s\r\n\r\n..x\r\n.\r\nQUIT\r\n")
    want = None
    for at in range(1, len(transaction), 3):
        w = connect()
        w.send(transaction[:at])
        w.send(transaction[at:])
        got = [line[:9] for line in w.rest().splitlines()]
        want = want or got
        equal(got, want, f"replies when cut at {at}")
    c = server.imap("u0009")
    count = int(c.select()[1][0])
    contents = {body(x[1]) for x in c.fetch("1:*", "BODY.PEEK[]")[1] if isinstance(x, tuple)}
    equal((count, contents), (len(range(1, len(transaction), 3)), {b".x\r\n"}), "messages")
    c.logout()


@case
def chunks():
    """BDAT in pieces, with binary-safe counts; a wrong count is told apart from commands"""
    w = greet()
    w.ask(b"MAIL FROM:<a@example.net>", b"250 ")
    w.ask(b"RCPT TO:" + U[10], b"250 ")
    w.send(b"BDAT 12\r\nSubject: b\r\nBDAT 2\r\n\r\nBDAT 0\r\nBDAT 9 LAST\r\nx\r\n.\r\ny\r\n")
    equal([line[:3] for line in w.lines(4)], [b"250"] * 4, "replies")
    equal(body(fetch("u0010")[1]), b"x\r\n.\r\ny\r\n", "content")
    w.ask(b"MAIL FROM:<a@example.net>", b"250 ")
    w.ask(b"RCPT TO:" + U[10], b"250 ")
    w.send(b"BDAT 0 LAST\r\n")
    equal(w.line()[:3], b"250", "an empty message")
    w.ask(b"MAIL FROM:<a@example.net>", b"250 ")
    w.ask(b"RCPT TO:" + U[10], b"250 ")
    w.send(b"BDAT x\r\nMAIL FROM:<evil@example.net>\r\n")
    equal(w.rest()[:3], b"501", "a count that is none closes")


@case
def refused_chunk():
    """the octets behind a BDAT whose line is refused, whatever for, never run as commands"""
    for line in (b"BDAT x", b"BDAT\t26 LAST", b"BDAT 26\t", b"BDAT 26 LAST\0", b"bdat 26 LAST \x7f", b"BDAT 26 LAST " + b"x" * 70000,
                 b" BDAT 26 LAST", b"BDAT\xa026 LAST", b"BDAT:26", b"BDAT+26 LAST", b"BDAT"):
        for is_ready in (True, False):
            w = greet()
            if is_ready:
                w.ask(b"MAIL FROM:<a@example.net>", b"250 ")
                w.ask(b"RCPT TO:" + U[10], b"250 ")
            w.send(line + b"\r\nRSET\r\nVRFY x\r\nRSET\r\nNOOP")
            got = w.rest().split(b"\r\n")
            equal([got[0][:2], got[1][:4], got[2:]], [b"50", b"421 ", [b""]], line[:20])


@case
def sizes():
    """too big is told at MAIL, or read to its end and refused for each recipient"""
    w = greet()
    w.ask(b"MAIL FROM:<a@example.net> SIZE=300000", b"552 5.3.4")
    w.ask(b"MAIL FROM:<a@example.net>", b"250 ")
    w.ask(b"RCPT TO:" + U[11], b"250 ")
    w.ask(b"RCPT TO:" + U[12], b"250 ")
    w.ask(b"DATA", b"354 ")
    w.send(b"Subject: big\r\n\r\n" + b"x" * 78 + b"\r\n" + (b"y" * 78 + b"\r\n") * 4000 + b".\r\n")
    equal([line[:9] for line in w.lines(2)], [b"552 5.3.4"] * 2, "replies")
    w.ask(b"NOOP", b"250 ")
    equal(fetch("u0011")[0], 0, "messages")
    w.ask(b"MAIL FROM:<a@example.net>", b"250 ")
    w.ask(b"RCPT TO:" + U[11], b"250 ")
    w.ask(b"DATA", b"354 ")
    text = b"".join(b"line %06d %s\r\n" % (n, b"z" * 50) for n in range(2500))
    w.send(b"Subject: spooled\r\n\r\n" + text + b".\r\n")
    equal(w.line()[:3], b"250", "a message that does not fit in memory")
    equal(body(fetch("u0011")[1]), text, "its content")


@case
def bad_input():
    """NUL, controls, long lines and bad addresses are refused and nothing else happens"""
    w = greet()
    w.ask(b"MAIL FROM:<a\0b@example.net>", b"500 ")
    w.ask(b"MAIL FROM:<a@example.net", b"501 ")
    w.ask(b"MAIL FROM:<\xc3\xbc@example.net>", b"501 ")
    w.ask(b"MAIL FROM:<\xff@example.net> SMTPUTF8", b"501 ")
    w.ask(b"MAIL FROM:<\xc3\xbc@example.net> SMTPUTF8", b"250 ")
    w.ask(b"RSET", b"250 ")
    w.ask(b"MAIL FROM:<a@example.net> FOO=bar", b"555 ")
    w.ask(b"NOOP " + b"x" * 5000, b"500 ")
    w.ask(b"MAIL FROM:<a@example.net>", b"250 ")
    w.ask(b"MAIL FROM:<b@example.net>", b"503 ")
    w.ask(b"RCPT TO:<u0001@example.org> NOTIFY=NEVER", b"555 ")
    w.ask(b"RCPT TO:<../../etc/passwd@example.org>", b"550 ")
    w.ask(b"RCPT TO:<\"u0001\"@example.org>", b"250 ")
    w.ask(b"DATA", b"354 ")
    w.send(b"Subject: nul\r\n\r\na\0b\rc\nd\xff\r\n.\r\n")
    equal(w.line()[:3], b"250", "content with NUL, lone CR, lone LF and 8 bit")
    equal(body(fetch("u0001")[1]), b"a\x80b\rc\nd\xff\r\n", "comes back octet for octet, and 0x80 for what IMAP cannot say (decision 0020)")


@case
def too_many_bad():
    """20 bad commands and one more in the same packet: closed, once"""
    w = greet()
    w.send(b"FOO\r\n" * 25)
    got = w.rest()
    equal(got.count(b"500 "), 20, "refusals")
    equal(got.count(b"421 "), 1, "goodbye")


@case
def vanished():
    """a client that vanishes in DATA leaves nothing behind"""
    before = fetch("u0002")[0]
    for n in range(20):
        w = greet()
        w.ask(b"MAIL FROM:<a@example.net>", b"250 ")
        w.ask(b"RCPT TO:" + U[2], b"250 ")
        w.ask(b"DATA", b"354 ")
        w.send(b"Subject: cut\r\n\r\n" + b"x" * 90000 + b"\r\n" * (n % 2) + b"." * (n % 3))
        w.close()
    greet().ask(b"QUIT", b"221 ")
    equal(fetch("u0002")[0], before, "messages")
    spool = os.path.join(server.mail_root, "spool")
    from tap import wait_for
    # Names with a dot are the janitor's, which a driver with upkeep has.
    wait_for(lambda: not os.path.isdir(spool) or not [n for n in os.listdir(spool) if not n.startswith(".")], "the spool is empty")


@case
def log_line():
    """the frozen line: queue id, Message-ID, user, mailbox, UID"""
    w = greet(path=server.lmtp_socket)
    w.ask(b"MAIL FROM:<a@example.net>", b"250 ")
    w.ask(b"RCPT TO:<U0006+Archive@EXAMPLE.ORG>", b"250 ")
    w.ask(b"DATA", b"354 ")
    w.send(b"Message-ID: <log\"1@example.net>\r\nSubject: l\r\n\r\nx\r\n.\r\n")
    reply = w.line()
    equal(reply[:3], b"250", "reply")
    queue_id = reply.split()[-1].decode()
    line = next(x for x in server.log().splitlines() if "delivered: " in x and queue_id in x)
    line, ms = re.sub(r" ms=\d+ ", " ms=N ", line), int(re.search(r" ms=(\d+) ", line).group(1))
    size = len(fetch("u0006", mailbox="Archive")[1])
    want = (f'delivered: id={queue_id} message-id="<log\\x221@example.net>" user=u0006@example.org mailbox=Archive uid=1 size={size} ms=N '
            "sender=a@example.net recipient=U0006+Archive@EXAMPLE.ORG")
    equal(line[line.index("delivered: "):], want, "log line")
    equal(0 <= ms < 60000, True, f"{ms} ms")


def refusals():
    return [x[x.index("refused: "):] for x in server.log().splitlines() if " lmtp: " in x and "refused: " in x]


@case
def refusals_are_logged():
    """each reply that refuses for good has a line with its reason, whom it was for and from whom"""
    w = greet()
    before = len(refusals())
    for command, reply, want in (
            (b"MAIL FROM:<a@example.net> SIZE=999999999", b"552 5.3.4", ['reply="552 5.3.4 Message too big"', "999999999"]),
            (b"MAIL FROM:<a b@example.net>", b"501 5.1.7", ['reply="501 5.1.7 Bad sender address"', 'line="MAIL FROM:<a b@example.net>"']),
            (b"MAIL FROM:<s@example.net> FOO=1", b"555 5.5.4", ['reply="555 5.5.4 Unknown parameter of MAIL"', "line="]),
            (b"MAIL FROM:<s@example.net>", b"250 ", None),
            (b"RCPT TO:<nobody@example.org>", b"550 5.1.1", ["reason=unknown-user", "sender=s@example.net", "recipient=nobody@example.org"]),
            (b"RCPT TO:<x@elsewhere.example>", b"550 5.1.1", ["reason=unknown-domain", "recipient=x@elsewhere.example"]),
            (b"RCPT TO:<../../etc/passwd@example.org>", b"550 5.1.1", ["reason=bad-address", "recipient=../../etc/passwd@example.org"]),
            (b"RCPT TO:<@>", b"501 5.1.3", ['reply="501 5.1.3 Bad recipient address"', "sender=s@example.net", 'line="RCPT TO:<@>"']),
            (b'RCPT TO:<"a rip=1.2.3.4"@example.org>', b"550 ", ['recipient="a rip\\x3D1.2.3.4@example.org"']),
            (b"RCPT TO:<u0001@example.org> NOTIFY=NEVER", b"555 ", ["NOTIFY"]),
            (b"DATA", b"503 ", ['reply="503 5.5.1 No valid recipients"']),
            (b"WHAT", b"500 ", ["line=WHAT"])):
        w.ask(command, reply)
        if want is None:
            continue
        lines = refusals()
        equal(len(lines), before + 1, f"lines after {command!r}")
        for part in want:
            equal(part in lines[-1], True, f"{part} in {lines[-1]}")
        before += 1
    w.ask(b"RCPT TO:" + U[12], b"250 ")
    w.ask(b"DATA", b"354 ")
    w.send(b"Subject: big\r\n\r\n" + (b"y" * 78 + b"\r\n") * 4000 + b".\r\n")
    equal(w.line()[:9], b"552 5.3.4", "too big")
    line = refusals()[-1]
    for part in ('reply="552 5.3.4 Message too big:"', "sender=s@example.net", f"recipient={U[12][1:-1].decode()}"):
        equal(part in line, True, f"{part} in {line}")


@case
def aliases_of_mistake():
    """an alias that leads in a circle, elsewhere or to nobody is the admin's mistake: mail waits, and the log has an error"""
    with open(os.path.join(server.config_dir, "aliases"), "w") as f:
        f.write("one@example.org: two@example.org\ntwo@example.org: three@example.org\nthree@example.org: one@example.org\n"
                "far@example.org: friend@elsewhere.example\nu0013@example.org: u0013@elsewhere.example\ngone@example.org: nobody@example.org\n"
                "half@example.org: nobody@example.org, u0001@example.org\n@old.example: @example.org\n")
    w = greet()
    w.ask(b"MAIL FROM:<s@example.net>", b"250 ")
    for name, error in (("one", 'error: auth: address "one@example.org" leads in a circle of aliases'), ("one+tag", 'address "one+tag@example.org" leads in a circle'),
                        ("far", 'error: auth: address "far@example.org" leads to "friend@elsewhere.example", which is not a user here'),
                        ("u0013", 'leads to "u0013@elsewhere.example", which is not a user here'),
                        ("gone", 'leads to "nobody@example.org", which is not a user here')):
        w.ask(b"RCPT TO:<%s@example.org>" % name.encode(), b"451 4.")
        equal(error in server.log(), True, f"{error} in the log")
    w.ask(b"RCPT TO:<half@example.org>", b"250 ")
    # Another name for a domain: whoever is unknown there is unknown.
    w.ask(b"RCPT TO:<u0001@old.example>", b"250 ")
    w.ask(b"RCPT TO:<nobody@old.example>", b"550 5.1.1")
    w.ask(b"RCPT TO:<u0001+a/b@old.example>", b"250 ")


@case
def copies():
    """two recipients that are one user: one copy for each detail (u and its alias: one; u and u+tag: two), a reply each"""
    with open(os.path.join(server.config_dir, "aliases"), "w") as f:
        f.write("also@example.org: u0010@example.org\nteam@example.org: u0010@example.org, u0011@example.org\n")
    c = server.imap("u0010")
    c.create("tag")
    c.logout()
    for addresses, inbox, tag in (((b"u0010", b"also", b"U0010", b"team"), 1, 0), ((b"u0010", b"u0010+tag"), 1, 1), ((b"u0010+tag", b"u0010+tag"), 0, 1),
                                  ((b"u0010+", b"u0010"), 1, 0)):
        before = fetch("u0010")[0], fetch("u0010", mailbox="tag")[0]
        w = greet()
        w.ask(b"MAIL FROM:<a@example.net>", b"250 ")
        for address in addresses:
            w.ask(b"RCPT TO:<%s@example.org>" % address, b"250 ")
        w.ask(b"DATA", b"354 ")
        w.send(b"Subject: c\r\n\r\nx\r\n.\r\n")
        equal([x[:3] for x in w.lines(len(addresses))], [b"250"] * len(addresses), "a reply each")
        after = fetch("u0010")[0], fetch("u0010", mailbox="tag")[0]
        equal((after[0] - before[0], after[1] - before[1]), (inbox, tag), f"copies for {addresses!r}")


OFFER = b"XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE"
forwards = {}


def trust(of, networks):
    """Tells a server from whom to take XFORWARD; what its reload says."""
    with open(os.path.join(of.config_dir, "conf.d", "90-lmtp.conf"), "w") as f:
        f.write(f"lmtp = {{ xforward_networks = ( {networks} ); }};\n")
    return of.cli("reload", check=False)


def trusting():
    """A server that takes XFORWARD from loopback."""
    if "server" not in forwards:
        forwards["server"] = Server(users=2)
        said = trust(forwards["server"], '"127.0.0.1", "local"')
        equal(said.returncode, 0, f"{said}")
        wait_for(lambda: OFFER in greet_trusting().extensions, "a connection that is offered XFORWARD", 60)
    return forwards["server"]


def greet_trusting():
    w = Wire(trusting(), "lmtp")
    w.line()
    w.send(b"LHLO mta.example\r\n")
    w.extensions = {line[4:].strip() for line in w.reply()}
    return w


def deliver(w, recipient=None):
    w.ask(b"MAIL FROM:<a@example.net>", b"250 ")
    w.ask(b"RCPT TO:" + (recipient or U[1]), b"250 ")
    w.ask(b"DATA", b"354 ")
    w.send(b"Subject: x\r\n\r\nbody\r\n.\r\n")
    return w.line().split()[-1].decode()


def logged(of, delivery_id):
    """queue-id= and client= in the line of a delivery."""
    line = next(line for line in of.log().splitlines() if "delivered: id=" + delivery_id + " " in line)
    fields = {k: v for k, v in (word.split("=", 1) for word in line.split() if "=" in word)}
    return tuple(fields[name].strip('"') if name in fields else None for name in ("queue-id", "client"))


@case
def forwarded_by_strangers():
    """XFORWARD is neither offered to nor taken from a peer that the administrator has not named"""
    w = greet()
    equal([e for e in w.extensions if e.startswith(b"XFORWARD")], [], "LHLO")
    equal(b"XFORWARD" in w.ask(b"HELP", b"214 "), False, "HELP")
    w.ask(b"XFORWARD IDENT=4bKQ ADDR=192.0.2.7", b"550 5.7.1 ")
    equal(logged(server, deliver(w)), (None, None), "log")


@case
def forwarded():
    """what XFORWARD says is in the log line of the next message, and of that one alone"""
    of = trusting()
    w = Wire(of, "lmtp")
    w.line()
    w.ask(b"XFORWARD IDENT=early", b"503 ")
    w = greet_trusting()
    equal(OFFER in w.extensions, True, f"{w.extensions}")
    equal(b"XFORWARD" in w.ask(b"HELP", b"214 "), True, "HELP")
    # Several commands add up, a later value counts, and an unknown one takes it away.
    w.ask(b"XFORWARD NAME=client.example ADDR=192.0.2.7 IDENT=first", b"250 ")
    w.ask(b"xforward ident=4bKQ0Y3Z3Xz9rw proto=ESMTP Helo=c.example source=remote PORT=65535", b"250 ")
    equal(logged(of, deliver(w)), ("4bKQ0Y3Z3Xz9rw", "192.0.2.7"), "log")
    equal(logged(of, deliver(w)), (None, None), "the next message of the connection")
    w.ask(b"XFORWARD IDENT=one ADDR=192.0.2.7", b"250 ")
    for unknown in (b"[UNAVAILABLE]", b"[tempUnavail]", b""):
        w.ask(b"XFORWARD ADDR=192.0.2.8", b"250 ")
        w.ask(b"XFORWARD ADDR=" + unknown, b"250 ")
    equal(logged(of, deliver(w)), ("one", None), "an address that was taken back")
    for command in (b"RSET", b"LHLO again.example"):
        w.ask(b"XFORWARD IDENT=gone", b"250 ")
        w.send(command + b"\r\n")
        w.reply()
        equal(logged(of, deliver(w)), (None, None), f"after {command}")
    # A transaction that ends without content ends it, too; one that did not begin does not.
    w.ask(b"XFORWARD IDENT=kept", b"250 ")
    w.ask(b"MAIL FROM:<a@example.net> UNKNOWN=1", b"555 ")
    w.ask(b"MAIL FROM:<a@example.net> SIZE=99999999999", b"552 ")
    w.ask(b"MAIL FROM:<", b"501 ")
    w.ask(b"MAIL FROM:<a@example.net>", b"250 ")
    w.ask(b"XFORWARD IDENT=late", b"503 ")
    w.ask(b"RCPT TO:<nobody@example.org>", b"550 ")
    w.ask(b"RCPT TO:" + U[1], b"250 ")
    w.ask(b"DATA", b"354 ")
    w.send(b"Subject: x\r\n\r\nbody\r\n.\r\n")
    equal(logged(of, w.line().split()[-1].decode()), ("kept", None), "log")
    refused = [line for line in of.log().splitlines() if "reason=unknown-user" in line]
    equal(["queue-id=kept" in line for line in refused], [True], f"{refused}")
    # In one write with all that follows.
    w.send(b"XFORWARD IDENT=piped\r\nMAIL FROM:<a@example.net>\r\nRCPT TO:" + U[1] + b"\r\nDATA\r\nSubject: x\r\n\r\nb\r\n.\r\n")
    equal([line[:4] for line in w.lines(4)], [b"250 ", b"250 ", b"250 ", b"354 "], "replies")
    equal(logged(of, w.line().split()[-1].decode()), ("piped", None), "log")


@case
def forwarded_values():
    """values are xtext and bounded; what would mean something in a log or a header does not; a command that is refused changes nothing"""
    of = trusting()
    for value, want in ((b"ADDR=IPv6:2001:DB8:0:0::7", (None, "2001:db8::7")), (b"ADDR=2001:db8::8", (None, "2001:db8::8")),
                        (b"ADDR=ipv6:192.0.2.9", (None, "192.0.2.9")), (b"ADDR=not-ip", (None, "not-ip")), (b"IDENT=a+2Bb", ("a+b", None)),
                        (b"IDENT=a+0D+0Auser=b+20c", ("a??user=b?c", None)), (b"IDENT=+00<a@b>\";", ("??a?b???", None)), (b"IDENT=\xc3\xa4", ("??", None)),
                        (b"IDENT=" + b"x" * 255, ("x" * 255, None)), (b"IDENT=" + b"+41" * 255, ("A" * 255, None))):
        w = greet_trusting()
        w.ask(b"XFORWARD " + value, b"250 ")
        equal(logged(of, deliver(w)), want, f"{value}")
        w.close()
    w = greet_trusting()
    w.ask(b"XFORWARD IDENT=good ADDR=192.0.2.7", b"250 ")
    for bad in (b"XFORWARD", b"XFORWARD IDENT", b"XFORWARD =x", b"XFORWARD LOGIN=x", b"XFORWARD IDENT=bad ADDR", b"XFORWARD IDENT=bad+4", b"XFORWARD IDENT=bad+zz",
                b"XFORWARD IDENT=" + b"x" * 256, b"XFORWARD IDENT=bad PORT=65536", b"XFORWARD IDENT=bad PORT=-1", b"XFORWARD IDENT=bad SOURCE=here",
                b"XFORWARD IDENT=bad PROTO=" + b"x" * 65):
        w.ask(bad, b"501 5.5.4 ")
    w.ask(b"XFORWARD IDENT=" + b"x" * 5000, b"500 5.5.2 ")
    equal(logged(of, deliver(w)), ("good", "192.0.2.7"), "log")


@case
def forwarded_settings():
    """a reload takes the trust away from new connections; a network that is none refuses it"""
    of = trusting()
    said = trust(of, '"192.0.2.0/33"')
    equal((said.returncode != 0, 'xforward_networks: "192.0.2.0/33" is not ADDRESS/BITS' in said.stdout + said.stderr), (True, True), f"{said}")
    equal(OFFER in greet_trusting().extensions, True, "what was in force stays")
    equal(trust(of, '"192.0.2.0/24"').returncode, 0, "reload")
    wait_for(lambda: OFFER not in greet_trusting().extensions, "a connection that is not offered XFORWARD", 60)
    greet_trusting().ask(b"XFORWARD IDENT=x", b"550 5.7.1 ")


@case
def details():
    """a detail that can be no mailbox, or is none, goes to INBOX; one that is a mailbox goes there, however it is written"""
    c = server.imap("u0008")
    c.create("a/b")
    c.create("parent/child")
    for name in ("x&AOQ-y", '"per%c*nt"', '"with blank"'):
        c.create(name)
    c.logout()
    w = greet()
    utf8 = " SMTPUTF8".encode()
    long = b"d" * 200
    for detail, mailbox, parameter in (
            (b"nowhere", "INBOX", b""), (b"a/b", "a/b", b""), (b"a/b/", "a/b", b""), (b"a/c", "INBOX", b""), (b"/", "INBOX", b""), (b"/a/b", "INBOX", b""),
            (b"a//b", "INBOX", b""), (b"..", "INBOX", b""), (b"../../u0001", "INBOX", b""), (b".", "INBOX", b""), (b"%", "INBOX", b""), (b"*", "INBOX", b""),
            (b"per%c*nt", "per%c*nt", b""), (b"&AO", "INBOX", b""), (b"x&AOQ-y", "INBOX", b""), ("x\xe4y".encode(), "x&AOQ-y", utf8), ("\u2028".encode(), "INBOX", utf8),
            (b"inbox", "INBOX", b""), (b"InBoX", "INBOX", b""), (b"inbox/x", "INBOX", b""), (b"+", "INBOX", b""), (b"", "INBOX", b""), (b"~", "INBOX", b""),
            (b"parent", "INBOX", b""), (b"parent/child", "parent/child", b""), (long, "INBOX", b""), (b"a/" * 100 + b"a", "INBOX", b""), (b"spool/x", "INBOX", b""),
            (b"cur", "INBOX", b""), (b"satchel-index", "INBOX", b"")):
        w.ask(b"MAIL FROM:<s@example.net>" + parameter, b"250 ")
        w.ask(b"RCPT TO:<u0008+%s@example.org>" % detail, b"250 2.1.5")
        w.ask(b"DATA", b"354 ")
        w.send(b"Subject: %d\r\n\r\nx\r\n.\r\n" % len(detail))
        queue_id = w.line().split()[-1].decode()
        line = next(x for x in server.log().splitlines() if f"delivered: id={queue_id}" in x)
        got = re.search(r' mailbox=("[^"]*"|\S+) uid=', line).group(1).strip('"')
        equal(got, {"x&AOQ-y": "x\xe4y"}.get(mailbox, mailbox), f"mailbox of {detail!r}")
    for detail, mailbox in ((b'"u0008+with blank"', "with blank"), (b'"u0008+a@b"', "INBOX"), (b'"u0008+\\""', "INBOX")):
        w.ask(b"MAIL FROM:<s@example.net>", b"250 ")
        w.ask(b"RCPT TO:<%s@example.org>" % detail, b"250 2.1.5")
        w.ask(b"DATA", b"354 ")
        w.send(b"Subject: q\r\n\r\nx\r\n.\r\n")
        queue_id = w.line().split()[-1].decode()
        line = next(x for x in server.log().splitlines() if f"delivered: id={queue_id}" in x)
        equal(re.search(r' mailbox=("[^"]*"|\S+) uid=', line).group(1).strip('"'), mailbox, f"mailbox of {detail!r}")


main()
