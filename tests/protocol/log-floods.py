#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A stranger cannot fill the disk with log lines: each kind is bounded for an address, the rest is counted."""
import os
import re
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import Server, case, equal, main, wait_for  # noqa: E402
from wire import Wire  # noqa: E402

MANY = ("--set", "limits.connections_per_address=300", "--set", "limits.login_failures=100000", "--set", 'auth.failure_delay="0"')
server = Server(*MANY, users=2)
hasty = Server(*MANY, "--set", 'limits.login_timeout="1s"', "--set", 'limits.handshake_timeout="1s"', users=2)   # for those who time out
WAIT_S = 90  # the counts are told after half a minute


def dial(service, source, to=server):
    return socket.create_connection(("127.0.0.1", to.ports[service]), 60, (source, 0))


def ended(s):
    try:
        while s.recv(65536):
            pass
    except ConnectionResetError:
        pass
    s.close()


def counted(kind, source, at=server):
    """Lines of an address, and how many more of them were counted."""
    log = at.log()
    lines = len(re.findall(rf" {kind}:.* rip={re.escape(source)} ", log))
    more = sum(int(n) for n in re.findall(rf" {kind}: (\d+) more lines like this from {re.escape(source)}\n", log))
    return lines, more


def flood(kind, source, n, connect, batch=100, at=server):
    """@connect makes one connection that brings one line."""
    before = os.path.getsize(at.log_file)
    for start in range(0, n, batch):
        for s in [connect(source) for _ in range(min(batch, n - start))]:
            ended(s)
    wait_for(lambda: counted(kind, source, at)[0] >= 20, f"lines of {kind}")
    size = os.path.getsize(at.log_file) - before
    equal(size < 100 * 250, True, f"{size} bytes of {kind}")
    floods.append((kind, source, n, at))


floods = []


@case
def tls_garbage():
    """what is no TLS, on the ports of TLS"""
    def connect(source):
        s = dial("imaps" if len(floods) % 2 == 0 else "pop3s", source)
        s.sendall(b"GET / HTTP/1.0\r\n\r\n")
        return s
    flood("tls failed", "127.3.0.1", 2000, connect)


@case
def handshake_timeouts():
    """a handshake that never begins"""
    flood("tls failed", "127.3.0.2", 400, lambda source: dial("imaps", source, hasty), 200, hasty)


@case
def login_timeouts():
    """connections that never log in"""
    flood("closed", "127.3.0.3", 400, lambda source: dial("imap", source, hasty), 200, hasty)
    flood("closed", "127.3.0.4", 400, lambda source: dial("pop3", source, hasty), 200, hasty)


@case
def bad_commands():
    """commands that are none"""
    def connect(source):
        s = dial("imap", source)
        s.sendall(b"x\r\n" * 3)
        return s
    flood("closed", "127.3.0.5", 1000, connect)


@case
def over_the_limit():
    """connections beyond those that an address may have"""
    own = Server("--set", "limits.connections_per_address=5", users=1)  # where those that stay may stay
    kept = [socket.create_connection(("127.0.0.1", own.ports["imap"]), 60, ("127.3.0.6", 0)) for _ in range(5)]
    for s in kept:
        s.recv(4096)
    for _ in range(1000):
        ended(socket.create_connection(("127.0.0.1", own.ports["imap"]), 60, ("127.3.0.6", 0)))
    for s in kept:
        s.close()
    lines = own.log().count("reason=connections-per-address")
    equal(0 < lines < 60, True, f"{lines} lines")


@case
def failed_logins():
    """more than any filter needs, and no more: 200 an hour of an address"""
    for _ in range(500):
        s = dial("imap", "127.3.0.7")
        s.sendall(b"a LOGIN u0001 no\r\nb LOGIN u0001 no\r\nc LOGOUT\r\n")
        ended(s)
    lines, _ = counted("auth failed", "127.3.0.7")
    equal(200 <= lines < 250, True, f"{lines} lines")
    floods.append(("auth failed", "127.3.0.7", 1000, server))


@case
def trusted_peers():
    """an MTA that hands on a stranger's flood"""
    for _ in range(200):
        w = Wire(server, "lmtp")
        w.send(b"FOO\r\n" * 20 + b"QUIT\r\n")
        w.rest()
    lines = len(re.findall(r" lmtp: .* closed: reason=bad-commands\n", server.log()))
    equal(0 < lines <= 1000, True, f"{lines} lines")


@case
def others_are_heard():
    """meanwhile one more address has its line at once"""
    s = dial("imaps", "127.3.1.1")
    s.sendall(b"garbage\r\n\r\n")
    ended(s)
    wait_for(lambda: counted("tls failed", "127.3.1.1")[0] == 1, "a line of another address")


@case
def counts():
    """lines and counts add up to what happened"""
    for kind, source, n, at in floods:
        wait_for(lambda: sum(counted(kind, source, at)) >= n, lambda: f"{kind} of {source}: {n}, now {counted(kind, source, at)}", WAIT_S)
        equal(sum(counted(kind, source, at)), n, f"{kind} of {source}")


main()
