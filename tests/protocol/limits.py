#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Who is over a limit hears it in the words of the protocol, whatever the limit, at accept too: BYE, -ERR, 421."""
import os
import socket
import ssl
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import Server, case, equal, main, strict_context  # noqa: E402

LIMITS = ("--set", "server.gate_processes=1", "--set", "limits.connections_per_user=2", "--set", 'auth.failure_delay="0"')
server = Server(*LIMITS, "--set", "limits.connections_per_address=4", "--set", 'limits.login_timeout="2s"', "--set", 'lmtp.timeout="1s"', users=3)
TLS = {"imaps", "pop3s"}
TEMPORARY = {"imap": b"* BYE [UNAVAILABLE] ", "imaps": b"* BYE [UNAVAILABLE] ", "pop3": b"-ERR [SYS/TEMP] ", "pop3s": b"-ERR [SYS/TEMP] ", "lmtp": b"421 4."}


class Client:
    def __init__(self, service, source="127.0.0.1", on=None):
        self.s = socket.create_connection(("127.0.0.1", (on or server).ports[service]), 60, (source, 0))
        if service in TLS:
            self.s = strict_context((on or server).ca_file).wrap_socket(self.s, server_hostname="localhost")
        self.f = self.s.makefile("rb")

    def line(self):
        return self.f.readline()

    def ask(self, command):
        self.s.sendall(command + b"\r\n")
        return self.line()

    def rest(self):
        """Until the server closes, in an orderly way."""
        return self.f.read()

    def end(self):
        self.f.close()
        self.s.close()


@case
def of_an_address():
    """connections of an address: the fifth is told so, under TLS too, and other addresses are served"""
    for n, service in enumerate(TEMPORARY):
        source = f"127.5.0.{n + 1}"
        kept = [Client("imap", source) for _ in range(4)]
        for c in kept:
            equal(c.line()[:5], b"* OK ", "one of four")
        for _ in range(3):
            c = Client(service, source)
            answer = c.rest()
            equal((answer.startswith(TEMPORARY[service]), b"from your address" in answer, answer.count(b"\r\n")), (True, True, 1), f"{service}: {answer!r}")
            c.end()
        other = Client("imap", f"127.5.1.{n + 1}")
        equal(other.line()[:5], b"* OK ", "another address")
        for c in [*kept, other]:
            c.end()


@case
def of_a_user():
    """connections of a user: the login is refused, and the connection may try another"""
    kept = []
    for _ in range(2):
        c = Client("imap")
        c.line()
        equal(c.ask(b"a LOGIN u0001 pw")[:4], b"a OK", "login")
        kept.append(c)
    c = Client("imap", "127.5.2.1")
    c.line()
    equal(c.ask(b"a LOGIN u0001 pw")[:12], b"a NO [LIMIT]", "IMAP")
    equal(c.ask(b"b LOGIN u0002 pw")[:4], b"b OK", "another user")
    c.end()
    c = Client("pop3", "127.5.2.1")
    c.line()
    c.ask(b"USER u0001")
    equal(c.ask(b"PASS pw")[:15], b"-ERR [SYS/TEMP]", "POP3")
    c.end()
    for c in kept:
        c.end()


@case
def login_timeouts():
    """a login that takes too long"""
    for service in ("imap", "imaps", "pop3", "pop3s"):
        c = Client(service, "127.5.3.1")
        c.line()
        answer = c.rest()
        equal((answer.startswith(TEMPORARY[service]), answer.count(b"\r\n")), (True, 1), f"{service}: {answer!r}")
        c.end()
    c = Client("lmtp")
    c.line()
    equal(c.rest()[:6], b"421 4.", "LMTP: idle")
    c.end()


@case
def too_many_errors():
    """commands that are none"""
    for service, bad, last in (("imap", b"x\r\n" * 30, b"* BYE "), ("pop3", b"X\r\n" * 30, b"-ERR "), ("lmtp", b"X\r\n" * 30, b"421 4.7.0 ")):
        c = Client(service)
        c.line()
        c.s.sendall(bad)
        answer = c.rest().splitlines()
        equal(answer[-1].startswith(last) and b"oo many" in answer[-1], True, f"{service}: {answer[-1]!r}")
        c.end()
    c = Client("pop3")
    c.line()
    c.ask(b"USER u0003")
    equal(c.ask(b"PASS pw")[:3], b"+OK", "login")
    c.s.sendall(b"X\r\n" * 100)
    answer = c.rest().splitlines()
    equal(answer[-1], b"-ERR Too many bad commands", "after login")
    c.end()


@case
def too_long():
    """command lines"""
    c = Client("imap")
    c.line()
    c.s.sendall(b"a LOGIN " + b"x" * 100000)
    answer = c.rest()
    equal(b"* BYE [TOOBIG]" in answer, True, f"IMAP: {answer!r}")
    c.end()
    for service, start, more in (("pop3", b"-ERR ", b"QUIT"), ("lmtp", b"500 5.5.2 ", b"NOOP")):
        c = Client(service)
        c.line()
        answer = c.ask(b"NOOP " + b"x" * 100000)
        equal(answer[:len(start)], start, service)
        equal(c.ask(more)[:3] in (b"+OK", b"250"), True, "goes on")
        c.end()


@case
def of_all():
    """all connections of the server: those that wait in the queue are told after a while"""
    full = Server(*LIMITS, "--set", "limits.connections=3", users=1)
    kept = [Client("imap", on=full) for _ in range(3)]
    for c in kept:
        equal(c.line()[:5], b"* OK ", "one of three")
    waiting = {service: socket.create_connection(("127.0.0.1", full.ports[service]), 60) for service in TEMPORARY}
    for service, s in waiting.items():
        if service in TLS:
            s = strict_context(full.ca_file).wrap_socket(s, server_hostname="localhost")
        with s.makefile("rb") as f:
            answer = f.read()
        equal((answer.startswith(TEMPORARY[service]), b"oo many connections" in answer), (True, True), f"{service}: {answer!r}")
        s.close()
    kept.pop().end()
    c = Client("imap", on=full)
    equal(c.line()[:5], b"* OK ", "a place that came free")


@case
def many_over_the_limit_of_tls():
    """handshakes for a refusal only are few: a flood is cut, others go on"""
    source = "127.5.6.1"
    kept = [Client("imap", source) for _ in range(4)]
    told = cut = 0
    sockets = [socket.create_connection(("127.0.0.1", server.imaps), 60, (source, 0)) for _ in range(60)]
    for s in sockets:
        try:
            t = strict_context(server.ca_file).wrap_socket(s, server_hostname="localhost")
            with t.makefile("rb") as f:
                told += f.read().startswith(b"* BYE ")
            t.close()
        except (ssl.SSLError, ConnectionError):
            cut += 1
            s.close()
    equal(told + cut, 60, "each ends")
    equal(told > 0, True, f"{told} told, {cut} cut")
    other = Client("imaps", "127.5.6.2")
    equal(other.line()[:5], b"* OK ", "another address")
    for c in [*kept, other]:
        c.end()


@case
def network():
    """a peer that may not deliver is told 421, and its mail waits"""
    for name in os.listdir(server.config_dir):
        path = os.path.join(server.config_dir, name)
        if not os.path.isfile(path):
            continue
        with open(path) as f:
            text = f.read()
        with open(path, "w") as f:
            f.write(text.replace('protocol = "lmtp"; address', 'protocol = "lmtp"; networks = ( "127.9.0.0/16" ); address'))
    server.cli("reload")
    c = Client("lmtp", "127.9.0.1")
    equal(c.line()[:4], b"220 ", "a peer of the network")
    c.end()
    c = Client("lmtp", "127.8.0.1")
    equal(c.rest(), b"421 4.7.1 Your address may not deliver here\r\n", "another peer")
    c.end()


main()
