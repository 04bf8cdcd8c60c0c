#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The socketmap protocol: which recipients there are, as LMTP says it too, and what cannot be told now."""
import os
import signal
import smtplib
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from mta import SocketmapClient, listeners, run_path  # noqa: E402
from tap import Server, case, equal, main, wait_for  # noqa: E402

server = Server(users=3)
AUTH, MAP = run_path(server, "mta-auth"), run_path(server, "mta-map")
server.stop("--keep")
with open(os.path.join(server.config_dir, "aliases"), "w") as aliases:
    aliases.write("info@example.org: u0001@example.org, u0002@example.org\n@catch.example: u0002@example.org\nbroken@example.org: nobody@example.org\n")
server.start(*listeners(server, AUTH, MAP))


def lmtp(address):
    with smtplib.LMTP("127.0.0.1", server.lmtp, timeout=60) as c:
        c.ehlo()
        c.mail("a@example.net")
        return c.rcpt(address)[0]


@case
def as_lmtp_says():
    """users, spellings, details, aliases, catch-alls; strangers, other domains, what is no address: the answer is that of RCPT"""
    c = SocketmapClient(MAP)
    known = ("u0001@example.org", "U0001@Example.ORG", "u0001+lists@example.org", "info@example.org", "x@catch.example", '"u0001"@example.org')
    unknown = ("nobody@example.org", "u0001@elsewhere.example", "nobody+u0001@example.org")
    for address in (*known, *unknown):
        got = c.ask(address)
        equal(got, "OK " + address.replace('"', "") if address in known else "NOTFOUND ", address)
        equal(lmtp(f"<{address}>"), 250 if address in known else 550, f"LMTP about {address}")
    equal(c.ask("broken@example.org").startswith("TEMP "), True, "an alias that leads nowhere is the administrator's mistake")
    equal(lmtp("<broken@example.org>"), 451, "LMTP about it")
    for odd in ("", "@example.org", "@", "<u0001@example.org>", " u0001@example.org", "u0001@example.org x", "u0001@example.org\r\n", "a\0b", "u0001@example.org\0x", "x" * 4000,
                '"u0001@example.org', "\001\002"):
        equal(c.ask(odd), "NOTFOUND ", repr(odd[:40]))
    equal(c.ask("u0001@example.org"), "OK u0001@example.org", "the connection goes on")


@case
def maps():
    """there is one map"""
    c = SocketmapClient(MAP)
    for request in ("domains example.org", "recipients", "", "recipientsu0001@example.org", "Recipients u0001@example.org"):
        c.send(request)
        equal(c.reply(), "PERM the one map here is recipients", request)


@case
def pipelined():
    """many requests at once are answered in order, in any pieces"""
    c = SocketmapClient(MAP)
    addresses = [f"u{n % 6:04d}@example.org" for n in range(500)]
    c.send(*(f"recipients {address}" for address in addresses))
    for address in addresses:
        equal(c.reply(), f"OK {address}" if address[:5] in ("u0001", "u0002", "u0003") else "NOTFOUND ", address)
    request = b"28:recipients u0001@example.org,"
    for split in range(1, len(request)):
        c.s.sendall(request[:split])
        c.s.sendall(request[split:])
        equal(c.reply(), "OK u0001@example.org", f"split at {split}")


@case
def garbage():
    """what is no netstring, or longer than 4,096 bytes, is refused and ends the connection"""
    for bad in (b"GET / HTTP/1.1\r\n", b"4097:", b"99999999999999999999:", b"01:x,", b"3:abcd", b"\n"):
        c = SocketmapClient(MAP)
        c.s.sendall(bad)
        equal(c.reply(), "PERM this is no netstring, or longer than 4,096 bytes", repr(bad))
        equal(c.reply(), "", f"closed after {bad!r}")


@case
def cannot_tell():
    """a database that cannot be read, and auth that is gone, make nobody unknown"""
    c = SocketmapClient(MAP)
    passwd = os.path.join(os.path.dirname(server.config_dir), "state/auth/passwd")
    with open(passwd) as f:
        good = f.read()
    os.chmod(passwd, 0o604)  # which others may read, so that it is not believed
    try:
        for address in ("u0001@example.org", "nobody@example.org"):
            wait_for(lambda: c.ask(address).startswith("TEMP "), f"{address} cannot be told")
    finally:
        os.chmod(passwd, 0o600)
    equal(bool(good), True, "the file")
    wait_for(lambda: (c.ask("u0001@example.org"), c.ask("nobody@example.org")) == ("OK u0001@example.org", "NOTFOUND "), "it is read again")
    (pid,) = [pid for pid, role in server.roles().items() if role == "auth"]
    os.kill(pid, signal.SIGSTOP)
    c.send("recipients nobody@example.org")
    os.kill(pid, signal.SIGKILL)
    equal(c.reply().startswith("TEMP "), True, "auth died while it was asked")
    wait_for(lambda: c.ask("nobody@example.org") == "NOTFOUND ", "auth is back")


main()
