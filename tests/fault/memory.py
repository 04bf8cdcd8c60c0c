#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Memory that a crowd used goes back when the crowd has gone: gates with TLS before login, mail processes after it."""
import os
import re
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import LONG, Server, case, equal, main, strict_context, wait_for  # noqa: E402

CROWD, TURNS = (1500, 3) if LONG else (1200, 2)
AT_ONCE = 100  # that log in: a slow machine has no time for all of them within that of a login
server = Server("--set", "server.gate_processes=1", "--set", "server.mail_processes=1", "--set", "limits.connections_per_address=100000",
                "--set", "limits.connections_per_user=100000", "--set", "limits.login_timeout=10m", users=1)
context = strict_context(server.ca_file)


def resident(role):
    """Kilobytes."""
    pid, = [pid for pid, name in server.roles().items() if name == role]
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS:"))


def guest():
    s = context.wrap_socket(socket.create_connection(("127.0.0.1", server.imaps), 60), server_hostname="localhost")
    s.recv(4096)
    return s


def tagged_line(s):
    data = b""
    while not (found := re.search(rb"^a .*\r\n", data, re.MULTILINE)):
        piece = s.recv(4096)
        if not piece:
            return b"the connection ended after " + data
        data += piece
    return found.group()


def crowd(n, logs_in):
    guests = [guest() for _ in range(n)]
    for some in [guests[i:i + AT_ONCE] for i in range(0, n, AT_ONCE)] if logs_in else []:
        for s in some:
            s.send(b"a LOGIN u0001 %s\r\n" % server.password.encode())
        for s in some:
            equal(tagged_line(s)[:4], b"a OK", "the answer to LOGIN")
    return guests


def check(role, logs_in):
    for s in crowd(40, logs_in):  # what is made once and stays
        s.close()
    before = resident(role)
    for turn in range(TURNS):
        guests = crowd(CROWD, logs_in)
        full = resident(role)
        equal(full > before * 1.2, True, f"{role}: a crowd needs memory: {before} kB before, {full} kB with it")
        for s in guests:
            s.close()
        wait_for(lambda: resident(role) <= before * 1.05,
                 lambda: f"{role}: back to {before} kB after turn {turn}, now {resident(role)} kB")


@case
def gate_before_login():
    """a gate is as small as before when thousands of TLS connections have gone"""
    check("gate", False)


@case
def gate_after_login():
    """and when they had logged in, and were relayed"""
    check("gate", True)


@case
def mail():
    """so is a mail process"""
    check("mail", True)


main()
