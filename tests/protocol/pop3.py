#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""POP3 on the wire."""
import base64
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import Server, case, equal, main, strict_context  # noqa: E402
from wire import Wire  # noqa: E402

server = Server(users=11)
MAIL = b"Subject: %d\r\n\r\nline 1\r\n.\r\n..\r\nline 4\r\n"


def connect(tls=False):
    w = Wire(server, "pop3s" if tls else "pop3", tls=tls)
    equal(w.line()[:4], b"+OK ", "greeting")
    return w


def login(user, tls=False):
    w = connect(tls)
    w.send(b"USER %s\r\nPASS pw\r\n" % user.encode())
    equal([x[:3] for x in w.lines(2)], [b"+OK", b"+OK"], "login")
    return w


def capabilities(w):
    w.ask(b"CAPA", b"+OK")
    return [x.strip() for x in w.multi()]


@case
def before_login():
    """AUTHORIZATION state: commands, order, bad lines; the third bad one closes"""
    w = connect()
    capa = capabilities(w)
    for name in (b"TOP", b"UIDL", b"USER", b"SASL PLAIN LOGIN", b"STLS", b"PIPELINING", b"RESP-CODES", b"AUTH-RESP-CODE", b"IMPLEMENTATION Satchel"):
        equal(name in capa, True, f"{name!r} in CAPA {capa!r}")
    w.ask(b"PASS pw", b"-ERR")
    w.ask(b"STAT", b"-ERR")
    w.ask(b"user u0001", b"+OK")
    w.ask(b"USER u0001", b"+OK")
    w.send(b"PASS pw\r\n")
    equal(w.line()[:3], b"+OK", "lower case and USER twice are fine")
    w = connect()
    w.send(b"X" * 600 + b"\r\nFOO\r\nBAR\r\nQUIT\r\n")
    equal([x[:4] for x in w.rest().splitlines()], [b"-ERR"] * 3, "three bad ones")


@case
def line_ends():
    """a line ends in CRLF and nowhere else (RFC 1939 3): an LF alone closes, and what follows it is not run"""
    server.deliver(MAIL % 0, "u0009")
    for text, want in ((b"CAPA\nQUIT\r\n", [b"-ERR Lines end in CRLF, not in LF alone"]),
                       (b"USER u0009\nPASS pw\nDELE 1\nQUIT\n", [b"-ERR Lines end in CRLF, not in LF alone"]),
                       (b"USER u0009\r\nPASS pw\nDELE 1\r\n", [b"+OK Send PASS", b"-ERR Lines end in CRLF, not in LF alone"]),
                       (b"\nQUIT\r\n", [b"-ERR Lines end in CRLF, not in LF alone"]),
                       (b"X" * 600 + b"\nQUIT\r\n", [b"-ERR Lines end in CRLF, not in LF alone"]),
                       (b"X" * 20000 + b"\r\nQUIT\r\n", [b"-ERR Line too long, or with control characters", b"+OK Bye"]),
                       (b"USER u0009\rPASS pw\r\nQUIT\r\n", [b"-ERR Line too long, or with control characters", b"+OK Bye"]),
                       (b"QUIT\r\r\nQUIT\r\n", [b"-ERR Line too long, or with control characters", b"+OK Bye"]),
                       (b"AUTH PLAIN\r\nAHUwMDA5AHB3\nDELE 1\r\n", [b"+ ", b"-ERR Lines end in CRLF, not in LF alone"])):
        w = connect()
        w.send(text)
        equal(w.rest().replace(b"\r\n", b"\n").rstrip(b"\n").split(b"\n"), want, f"answers to {text[:60]!r}")
    for text in (b"DELE 1\nQUIT\r\n", b"DELE 1\r\nNOOP\nQUIT\r\n", b"DELE 1\r\n\nQUIT\r\n"):
        w = login("u0009")
        w.send(text)
        equal(w.rest().splitlines()[-1], b"-ERR Lines end in CRLF, not in LF alone", f"answer to {text!r}")
        after = login("u0009")
        equal(after.ask(b"STAT", b"+OK").split()[1], b"1", f"messages after {text!r}")
        after.ask(b"QUIT", b"+OK")


@case
def apop_is_absent():
    """no time stamp in the greeting, no APOP"""
    w = Wire(server, "pop3")
    equal(b"<" in w.line(), False, "greeting")
    w.ask(b"APOP u0001 c4c9334bac560ecc979e58001b3e22fb", b"-ERR")


@case
def wrong_password():
    """[AUTH] and one text for every failure; the log has the frozen line"""
    w = connect()
    w.send(b"USER u0001\r\nPASS wrong\r\nUSER nobody\r\nPASS wrong\r\n")
    got = w.lines(4)
    equal(got[1], got[3], "same text for wrong password and unknown user")
    equal(got[1][:11], b"-ERR [AUTH]", "response code")
    log = server.log()
    line = next(x for x in log.splitlines() if "auth failed:" in x and "bad-password" in x)
    line = line[line.index("auth failed:"):]
    equal(line.startswith('auth failed: rip=127.0.0.1 service=pop3 method=USER reason=bad-password user="u0001" session='), True, line)
    equal('reason=unknown-user user="nobody"' in log, True, "unknown user in the log")


@case
def sasl():
    """AUTH with and without initial response, cancelled, wrong base64; PLAIN and LOGIN"""
    plain = base64.b64encode(b"\0u0001\0pw")
    w = connect()
    w.ask(b"AUTH", b"+OK")
    equal({x.strip() for x in w.multi()}, {b"PLAIN", b"LOGIN"}, "mechanisms")
    w.ask(b"AUTH PLAIN", b"+ ")
    w.ask(b"*", b"-ERR")
    w.ask(b"AUTH PLAIN %%%", b"-ERR")
    w = connect()
    w.ask(b"AUTH NOSUCH", b"-ERR")
    w.ask(b"AUTH PLAIN " + plain, b"+OK")
    w.ask(b"QUIT", b"+OK")
    w = connect()
    w.ask(b"AUTH LOGIN", b"+ VXNlcm5hbWU6")
    w.ask(base64.b64encode(b"u0001"), b"+ UGFzc3dvcmQ6")
    w.ask(base64.b64encode(b"pw"), b"+OK")


@case
def transaction():
    """STAT, LIST, UIDL, RETR, TOP, DELE, RSET and their mistakes"""
    for n in range(3):
        server.deliver(MAIL % n, "u0002")
    w = login("u0002")
    count, octets = map(int, w.ask(b"STAT", b"+OK").split()[1:3])
    equal(count, 3, "STAT")
    w.ask(b"LIST", b"+OK 3 ")
    sizes = [int(x.split()[1]) for x in w.multi()]
    equal(sum(sizes), octets, "LIST and STAT agree")
    w.ask(b"UIDL", b"+OK")
    uidl = [x.split()[1] for x in w.multi()]
    equal(len(set(uidl)), 3, "UIDL is unique")
    equal(w.ask(b"UIDL 2", b"+OK").split()[2], uidl[1], "UIDL of one")
    w.ask(b"RETR 2", b"+OK")
    raw = b"".join(w.multi())
    equal(raw.endswith(b"Subject: 1\r\n\r\nline 1\r\n..\r\n...\r\nline 4\r\n"), True, f"dot-stuffed: {raw!r}")
    plain = raw.replace(b"\r\n.", b"\r\n")
    equal(len(plain), sizes[1], "size as announced")
    w.ask(b"TOP 2 0", b"+OK")
    equal(b"".join(w.multi()).endswith(b"Subject: 1\r\n\r\n"), True, "TOP 0")
    w.ask(b"TOP 2 2", b"+OK")
    equal(b"".join(w.multi()).endswith(b"\r\n\r\nline 1\r\n..\r\n"), True, "TOP 2")
    w.ask(b"TOP 2 2147483647", b"+OK")
    equal(b"".join(w.multi()), raw, "TOP of everything")
    for bad in (b"RETR 0", b"RETR 4", b"RETR -1", b"RETR 4294967297", b"RETR", b"LIST 0", b"DELE 9", b"TOP 1", b"TOP 1 -1", b"UIDL x", b"TOP 1 99999999999", b"NOOP x"):
        w.ask(bad, b"-ERR")
    w.ask(b"DELE 2", b"+OK")
    w.ask(b"RETR 2", b"-ERR")
    w.ask(b"DELE 2", b"-ERR")
    equal(w.ask(b"STAT", b"+OK").split()[1], b"2", "STAT after DELE")
    w.ask(b"LIST", b"+OK 2 ")
    equal([x.split()[0] for x in w.multi()], [b"1", b"3"], "numbers stay")
    w.ask(b"RSET", b"+OK")
    equal(w.ask(b"STAT", b"+OK").split()[1], b"3", "STAT after RSET")
    w.ask(b"NOOP", b"+OK")
    w.ask(b"DELE 1", b"+OK")
    w.ask(b"QUIT", b"+OK")
    w = login("u0002", tls=True)
    w.ask(b"UIDL", b"+OK")
    equal([x.split()[1] for x in w.multi()], uidl[1:], "UIDL after deletion, over TLS")
    w.ask(b"QUIT", b"+OK")
    w = connect(tls=True)
    before = capabilities(w)
    w.send(b"USER u0002\r\nPASS pw\r\n")
    w.lines(2)
    equal(capabilities(w), before, "capabilities after login are those before it (RFC 2449 5)")


def lmtp(content, user, *parameters):
    w = Wire(server, "lmtp")
    w.line()
    w.send(b"LHLO client.example\r\n")
    w.reply()
    w.ask(b" ".join((b"MAIL FROM:<a@example.net>",) + parameters), b"250 ")
    w.ask(b"RCPT TO:<%s@%s>" % (user.encode(), server.domain.encode()), b"250 ")
    w.ask(b"DATA", b"354 ")
    w.send(content + b".\r\n")
    equal(w.line()[:4], b"250 ", "delivered")
    w.close()


@case
def byte_exact():
    """RETR is BODY[] byte for byte, also where a header has what it should not; LIST says the octets that come (RFC 1939 11)"""
    bom, latin1 = b"\xef\xbb\xbfFrom: a@example.net\r\n", b"Subject: \xe4\r\nX-\xfc: y\r\n"
    contents = [bom + b"Subject: \xc3\xa4\r\n\r\nx\r\n", latin1 + b"\r\nx\r\n", b"no colon\r\nSubject: \xc3\xa4\r\n\r\nx\r\n",
                b"From: J\xc3\xb8rgen <j@example.net>\r\nDKIM-Signature: v=1; b=\xc3\xa4\r\n" + b"References: <\xc3\xa4@b>\r\n" * 3 + b"\r\nx\r\n",
                b"Subject: " + b"\xc3\xa4" * 400 + b"\r\n\r\nx\r\n", b"Subject: no empty line\r\ntext\r\n"]
    for content in contents:
        lmtp(content, "u0010")
    imap = server.imap("u0010")
    for content in (b"Subject: \xc3\xa4\r\n\r\nno line end", b"Subject: only\r\n", b"Subject: x\r\n\r\n.\r\n..\r\nend."):
        imap.append("INBOX", None, None, content)
    imap.select(readonly=True)
    stored = [x[1] for x in imap.fetch("1:*", "BODY.PEEK[]")[1] if isinstance(x, tuple)]
    imap.logout()
    w = login("u0010")
    w.ask(b"LIST", b"+OK")
    sizes = [int(x.split()[1]) for x in w.multi()]
    for n, content in enumerate(stored, 1):
        told = int(w.ask(b"RETR %d" % n, b"+OK").split()[1])
        got = b"".join(x[1:] if x[:1] == b"." else x for x in w.multi())
        equal(got, content if content.endswith(b"\r\n") else content + b"\r\n", f"message {n}")
        equal((told, sizes[n - 1]), (len(got), len(got)), f"octets of message {n}")
    equal(int(w.ask(b"STAT", b"+OK").split()[2]), sum(sizes), "STAT")


@case
def internationalized():
    """what came by SMTPUTF8 goes as a surrogate to a client without UTF8, whole to one with it; no field is lost, sizes are right"""
    content = b"From: a@example.net\r\nSubject: \xc3\xa4\r\nMessage-ID: <\xc3\xa4@example.net>\r\n\r\nx \xc3\xa4\r\n"
    lmtp(content, "u0011", b"SMTPUTF8")
    for wants_utf8 in (False, True):
        w = connect()
        if wants_utf8:
            w.ask(b"UTF8", b"+OK")
        w.send(b"USER u0011\r\nPASS pw\r\n")
        w.lines(2)
        size = int(w.ask(b"LIST 1", b"+OK").split()[2])
        told = int(w.ask(b"RETR 1", b"+OK").split()[1])
        got = b"".join(w.multi())
        equal((told, size), (len(got), len(got)), "octets")
        header, text = got.split(b"\r\n\r\n", 1)
        equal(text, b"x \xc3\xa4\r\n", "text")
        if wants_utf8:
            equal(got.endswith(content), True, f"as it came: {got!r}")
        else:
            equal([x for x in header if x >= 0x80], [], "8-bit bytes in the header")
            equal(b"\r\nDowngraded-Message-ID: =?UTF-8?B?PMOkQGV4YW1wbGUubmV0Pg==?=" in header, True, f"message id: {header!r}")
        w.ask(b"QUIT", b"+OK")


@case
def pipelined():
    """a whole session in one write"""
    server.deliver(MAIL % 7, "u0003")
    w = connect()
    w.send(b"USER u0003\r\nPASS pw\r\nSTAT\r\nRETR 1\r\nDELE 1\r\nQUIT\r\n")
    got = w.rest()
    equal(got.count(b"+OK"), 6, f"answers: {got!r}")
    equal(int(login("u0003").ask(b"STAT", b"+OK").split()[1]), 0, "deleted at QUIT")


@case
def cut_quit():
    """cut at each byte of QUIT: deleted only if the whole of it came"""
    for at in range(7):
        server.deliver(MAIL % at, "u0004")
    for at in range(len(b"QUIT\r")):
        w = login_when_free("u0004")
        before = int(w.ask(b"STAT", b"+OK").split()[1])
        w.ask(b"DELE 1", b"+OK")
        w.send(b"QUIT\r\n"[:at])
        w.close()
        w = login_when_free("u0004")
        equal(int(w.ask(b"STAT", b"+OK").split()[1]), before, f"messages when cut at {at}")
        w.ask(b"QUIT", b"+OK")
    w = login_when_free("u0004")
    w.ask(b"DELE 1", b"+OK")
    w.send(b"QUIT\r\n")
    w.close()  # does not wait for the answer
    w = login_when_free("u0004")
    equal(int(w.ask(b"STAT", b"+OK").split()[1]), before - 1, "messages after a whole QUIT")


def login_when_free(user):
    from tap import wait_for

    def attempt():
        w = connect()
        w.send(b"USER %s\r\nPASS pw\r\n" % user.encode())
        got = w.lines(2)[1]
        if got.startswith(b"+OK"):
            return w
        equal(b"[IN-USE]" in got, True, f"refused: {got!r}")
        w.close()
        return None
    return wait_for(attempt, "the maildrop is free")


@case
def removed_meanwhile():
    """what IMAP removes meanwhile is answered with an error, never with another message"""
    for n in range(3):
        server.deliver(MAIL % n, "u0005")
    w = login("u0005")
    c = server.imap("u0005")
    c.select()
    c.store("2", "+FLAGS", "\\Deleted")
    c.expunge()
    c.logout()
    w.ask(b"RETR 2", b"-ERR")
    w.ask(b"RETR 3", b"+OK")
    equal(b"Subject: 2" in b"".join(w.multi()), True, "the third is still the third")
    w.ask(b"DELE 2", b"+OK")
    w.ask(b"DELE 1", b"+OK")
    w.ask(b"QUIT", b"+OK")
    c = server.imap("u0005")
    equal(c.select()[1], [b"1"], "what is left")
    c.logout()


@case
def only_inbox():
    """only INBOX is seen, never Junk"""
    c = server.imap("u0006")
    c.append("Junk", None, None, MAIL % 1)
    c.logout()
    equal(int(login("u0006").ask(b"STAT", b"+OK").split()[1]), 0, "messages")


@case
def no_injection():
    """what was sent in clear behind STLS is dropped"""
    w = connect()
    w.send(b"STLS\r\nUSER u0001\r\nPASS pw\r\n")
    equal(w.line()[:3], b"+OK", "STLS")
    equal(w.buffer, b"", "nothing else is answered")
    w.s = strict_context(server.ca_file).wrap_socket(w.s, server_hostname="localhost")
    w.ask(b"STAT", b"-ERR")
    equal(b"STLS" in capabilities(w), False, "no STLS under TLS")
    w.ask(b"USER u0001", b"+OK")
    w.ask(b"PASS pw", b"+OK")
    w.ask(b"STLS", b"-ERR")
    w.ask(b"QUIT", b"+OK")


@case
def long_lines():
    """a 10 MB line comes back whole, and the session goes on"""
    text = b"Subject: long\r\n\r\n" + b"x" * (10 << 20) + b"\r\n.end\r\n"
    server.deliver(text, "u0007")
    w = login("u0007")
    w.ask(b"RETR 1", b"+OK")
    got = b"".join(w.multi())
    equal(got.endswith(text.replace(b"\r\n.end", b"\r\n..end")), True, "content")
    w.ask(b"NOOP", b"+OK")


main()
