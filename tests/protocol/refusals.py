#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What fails beside the protocol is told and logged as what it is: malformed SASL exchanges, certificates that a client refuses,
compressed data that is none."""
import base64
import os
import re
import socket
import ssl
import sys
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import Server, case, equal, main, wait_for  # noqa: E402
from wire import Wire  # noqa: E402

server = Server("--set", 'auth.failure_delay="0"', "--set", "limits.login_failures=1000", users=3)
# (mechanism, client's messages, name in the log)
MALFORMED = [("PLAIN", [b"garbage"], ""), ("PLAIN", [b"only\0one"], ""), ("PLAIN", [b"\0u0001\0"], "u0001"), ("PLAIN", [b"\0\0pw"], ""),
             ("PLAIN", [b"\0u0001\0p\0w"], "u0001"), ("PLAIN", [b"\0u0001\0p\xffw"], "u0001"), ("PLAIN", [b"\0u\xff1\0pw"], ""),
             ("PLAIN", [b""], ""), ("LOGIN", [b""], ""), ("LOGIN", [b"u0001", b""], "u0001"), ("LOGIN", [b"u0001", b"p\0w"], "u0001")]


def lines(text):
    return [x[x.index(text):] for x in server.log().splitlines() if text in x]


def exchange(service, mechanism, messages):
    w = Wire(server, service)
    w.line()
    w.send((b"a AUTHENTICATE " if service == "imap" else b"AUTH ") + mechanism.encode() + b"\r\n")
    for message in messages:
        equal(w.line()[:2], b"+ ", "challenge")
        w.send(base64.b64encode(message) + b"\r\n")
    return w.line()


@case
def malformed_sasl():
    """an exchange without name and password is `malformed`, whoever it named; nobody's password was wrong (IMAP and POP3)"""
    for service, answer in (("imap", b"a NO [AUTHENTICATIONFAILED] "), ("pop3", b"-ERR [AUTH] ")):
        for mechanism, messages, name in MALFORMED:
            before = len(lines("auth failed:"))
            equal(exchange(service, mechanism, messages)[:len(answer)], answer, f"{mechanism} {messages}")
            wait_for(lambda: len(lines("auth failed:")) > before, "the line in the log")
            equal(lines("auth failed:")[-1].split(" session=")[0],
                  f'auth failed: rip=127.0.0.1 service={service} method={mechanism} reason=malformed user="{name}"', f"{messages}")
    # What is whole and wrong is still a wrong password.
    exchange("imap", "PLAIN", [b"\0u0001\0wrong"])
    wait_for(lambda: 'reason=bad-password user="u0001"' in server.log(), "the line of a wrong password")
    equal('reason=bad-password user=""' in server.log(), False, "a wrong password of nobody")


@case
def fail2ban_ignores_malformed():
    """the shipped filter counts a wrong password, and no malformed exchange"""
    text = open(os.path.join(os.environ.get("SATCHEL_SRCDIR", "."), "packaging/fail2ban/satchel.conf")).read()
    reasons = re.search(r"reason=\(\?:([a-z|-]+)\)", text)[1].split("|")
    equal("bad-password" in reasons and "malformed" not in reasons, True, f"reasons {reasons}")


def refuse(service, context, starttls=None):
    with socket.create_connection(("127.0.0.1", server.ports[service]), 60) as s, s.dup() as kept:
        if starttls:
            s.recv(4096)
            s.sendall(starttls)
            s.recv(4096)
        try:
            with context.wrap_socket(s, server_hostname="localhost"):
                raise AssertionError("the certificate was taken")
        except ssl.SSLCertVerificationError:
            pass
        # If the last descriptor closed with something unread, a reset would take the alert away from the server.
        kept.shutdown(socket.SHUT_WR)
        while kept.recv(4096):
            pass


@case
def refused_certificate():
    """a client that does not know the CA: `tls failed` with its alert, whatever the version, also after STARTTLS and STLS"""
    for service, starttls in (("imaps", None), ("pop3s", None), ("imap", b"a STARTTLS\r\n"), ("pop3", b"STLS\r\n")):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            before = len(lines("tls failed:"))
            context = ssl.create_default_context()
            context.minimum_version = context.maximum_version = version
            refuse(service, context, starttls)
            wait_for(lambda: len(lines("tls failed:")) > before, f"the line of {service} {version.name}")
            line = lines("tls failed:")[-1]
            equal(re.sub(r"session=\S+", "session=x", line),
                  f'tls failed: rip=127.0.0.1 service={service[:4]} session=x reason="CA is unknown"', f"{service} {version.name}")


@case
def damaged_compression():
    """data that is no DEFLATE: a BYE, a line in the log, the end; nothing of it runs"""
    for user, junk in (("u0001", b"c CREATE never\r\n"), ("u0002", b"\xff" * 3000), ("u0003", b"\x00\x00\x00\x01\x02")):
        w = Wire(server, "imap")
        w.line()
        w.ask(b"a LOGIN %s pw" % user.encode(), b"a OK ")
        w.ask(b"b COMPRESS DEFLATE", b"b OK ")
        w.send(junk)
        plain = zlib.decompressobj(-15).decompress(w.rest())
        equal(plain, b"* BYE What came cannot be decompressed.\r\n", f"what came after {junk[:10]!r}")
        wait_for(lambda: any(f"user={user}" in x and "reason=damaged-compression" in x for x in server.log().splitlines()), "the line in the log")
        with server.imap(user) as c:
            equal(c.list()[1][0].endswith(b'"INBOX"'), True, "the list")
            equal(any(b"never" in x for x in c.list()[1]), False, "a command in what is damaged")


main()
