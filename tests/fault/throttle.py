#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Guessing on a real server: from many addresses, by a flood, and with auth killed and stopped; owners get in, administrators see why,
and nobody gets in who should not."""
import ipaddress
import json
import os
import re
import signal
import socket
import struct
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import LARGE_HASHES, LONG, Server, case, equal, main, run_all, wait_for  # noqa: E402

LIMIT = 20  # of an account; 15 from networks that are not known, 5 from one network
CONNECTIONS, N_GUESSES = 20, 100 if LONG else 20  # guesses of each connection in a flood
server = Server("--set", 'auth.failure_delay="0"', "--set", f"limits.login_failures={LIMIT}", *LARGE_HASHES, users=8)
STATE = os.path.join(os.path.dirname(server.config_dir), "state/auth")
# One more listener, for a proxy: it says where its clients come from.
proxy_socket = socket.socket()
proxy_socket.bind(("127.0.0.1", 0))
PROXIED = proxy_socket.getsockname()[1]
proxy_socket.close()
OWN = "".join(f'{{ name = "{name}"; protocol = "{name.rstrip("s")}"; address = "127.0.0.1"; port = {server.ports[name]}; '
              f'tls = {"true" if name.endswith("s") else "false"}; }}, ' for name in ("imap", "imaps", "pop3", "pop3s", "lmtp"))
server.stop("--keep")
server.start("--set", 'auth.failure_delay="0"', "--set", f"limits.login_failures={LIMIT}", "--set",
             f'listen.listeners=( {OWN} {{ name = "proxied"; protocol = "imap"; address = "127.0.0.1"; port = {PROXIED}; '
             'allow_cleartext = true; trusted_proxies = ( "127.0.0.0/8" ); } )')


class Client:
    """A connection that a proxy has passed on, from @address."""

    def __init__(self, address):
        source, here = ipaddress.ip_address(address), ipaddress.ip_address("192.0.2.254" if "." in address else "2001:db8::fe")
        payload = source.packed + here.packed + struct.pack("!HH", 4000, 143)
        header = b"\r\n\r\n\0\r\nQUIT\n\x21" + (b"\x11" if source.version == 4 else b"\x21") + struct.pack("!H", len(payload)) + payload
        self.s = socket.create_connection(("127.0.0.1", PROXIED), 120)
        self.s.sendall(header)
        self.f = self.s.makefile("rb")
        equal(self.f.readline()[:4], b"* OK", "greeting")

    def login(self, user, password):
        """"OK", or the response code of the refusal."""
        self.s.sendall(f"a LOGIN {user} {password}\r\n".encode())
        while (line := self.f.readline())[:1] == b"*":
            pass
        return "OK" if line[:4] == b"a OK" else re.search(rb"\[([A-Z]+)\]", line).group(1).decode()

    def end(self):
        self.f.close()
        self.s.close()


def login(address, user, password):
    c = Client(address)
    try:
        return c.login(user, password)
    finally:
        c.end()


def reasons(user):
    return re.findall(rf'auth failed: .*reason=(\S+) user="{user}"', server.log())


def auth_pid():
    pid, = [pid for pid, role in server.roles().items() if role == "auth"]
    return pid


@case
def owner_gets_in():
    """guesses from hundreds of addresses at once: the account stays within its limit, and its owner gets in from home"""
    home, work = "203.0.113.7", "2001:db8:7::1"
    equal(login(home, "u0001", "pw"), "OK", "from home")
    equal(login(work, "u0001", "pw"), "OK", "from work")

    def guess(first):
        for n in range(first, first + 20):
            equal(login(f"198.{n % 200}.1.1", "u0001", f"guess{n}"), "AUTHENTICATIONFAILED", f"guess {n}")
    run_all(*(lambda first=first: guess(first) for first in range(0, 200, 20)))
    equal(reasons("u0001").count("bad-password"), LIMIT - LIMIT // 4, "guesses that were looked at")
    equal(reasons("u0001").count("throttled"), 200 - LIMIT + LIMIT // 4, "guesses that were not")
    equal(login("198.51.100.1", "u0001", "pw"), "AUTHENTICATIONFAILED", "the right one from somewhere")
    equal(login(home, "u0001", "pw"), "OK", "from home, all the same")
    equal(login("2001:db8:7::2", "u0001", "pw"), "OK", "and from the same network at work")
    equal(login("198.51.100.1", "u0002", "pw"), "OK", "another user")


@case
def administrators():
    """list shows what is refused and why; clear forgets it; both as JSON, too"""
    text = server.cli("auth", "throttle", "list").stdout
    equal(bool(re.search(r"^account +u0001@example\.org +- +15 +15 +0 +5 +yes ", text, re.M)), True, text)
    entries = json.loads(server.cli("auth", "throttle", "list", "u0001", "--json").stdout)["entries"]
    equal(sorted(x["network"] for x in entries if x["kind"] == "known"), ["2001:db8:7::", "203.0.113.7"], "known networks")
    account, = [x for x in entries if x["kind"] == "account"]
    equal((account["user"], account["failures"], account["limit"], account["refused"]), ("u0001@example.org", 15, 15, True), "the account")
    equal({x["user"] for x in entries}, {"u0001@example.org"}, "nobody else's")
    equal([x for x in json.loads(server.cli("auth", "throttle", "list", "--json").stdout)["entries"] if x["refused"] is not True], [], "only refused")
    equal(server.cli("auth", "throttle", "clear", check=False).returncode, 64, "clear without a name")
    equal(json.loads(server.cli("auth", "throttle", "clear", "u0001", "--json").stdout), {"failures": 15, "networks": 0}, "cleared")
    equal(login("198.51.100.1", "u0001", "pw"), "OK", "from somewhere, now")
    equal("2 networks" in server.cli("auth", "throttle", "clear", "--networks", "u0002").stdout, False, "only hers")
    equal(server.cli("auth", "throttle", "list", "u0002").stdout.strip(), "There is nothing.", "nothing is known of her")
    server.cli("auth", "throttle", "clear", "--all")
    equal(server.cli("auth", "throttle", "list", "--all").stdout.strip(), "There is nothing.", "nothing is left")


def test(user, password, *options, code):
    """The answer of `auth test`, of which the exit status is @code."""
    r = server.cli("auth", "test", user, "--stdin", "--json", *options, input=password + "\n", check=False)
    equal(r.returncode, code, f"exit status of auth test {user}: {r.stdout}{r.stderr}")
    return json.loads(r.stdout)


@case
def tests_of_logins():
    """auth test says how a login would end and why, counts for nothing, and leaves no password anywhere"""
    right = test("u0003", "pw", "--service", "imap", "--from", "198.51.100.9", code=0)
    equal((right["succeeds"], right["reason"], right["credential"]), (True, "right", "password"), "right")
    steps = [(x["step"], x.get("source", ""), x["found"]) for x in right["steps"]]
    equal(("passdb", "passwd-file", "knows the user") in steps, True, steps)
    equal(("password", "passwd-file", "is right") in steps, True, steps)
    equal([x for x in steps if x[0] == "throttle"], [("throttle", "", "lets the attempt through, from a network that is not known")], "limits")
    equal("mail process" in next(x[2] for x in steps if x[0] == "place"), True, steps)
    for n in range(2 * LIMIT):
        equal(test("u0003", f"guess-secret{n}", "--from", "198.51.100.9", code=77)["reason"], "bad-password", "wrong")
        if n > 2:
            break
    equal(test("nobody", "guess-secret", code=77)["reason"], "unknown-user", "unknown")
    equal(json.loads(server.cli("auth", "throttle", "list", "u0003", "--json").stdout)["entries"], [], "nothing was counted, and nothing is known")
    server.cli("user", "lock", "u0004")
    equal(test("u0004", "pw", code=77)["reason"], "locked", "locked")
    for n in range(LIMIT):
        login(f"198.{n}.1.1", "u0003", f"guess{n}")
    shut = test("u0003", "pw", "--from", "198.51.100.9", code=77)
    equal(shut["reason"], "throttled", "too many guesses")
    equal([x["found"] for x in shut["steps"] if x["step"] == "throttle"][1], "without it the login would end as: right", "and what it would be")
    os.rename(os.path.join(STATE, "passwd"), os.path.join(STATE, "passwd.away"))
    try:
        equal(test("u0003", "pw", code=75)["reason"], "unavailable", "the file is gone")
    finally:
        os.rename(os.path.join(STATE, "passwd.away"), os.path.join(STATE, "passwd"))
    equal(server.cli("auth", "test", "u0003", "--stdin", "--from", "here", input="x\n", check=False).returncode, 64, "no address")
    equal("guess-secret" in server.log(), False, "no password in the log")
    equal('request="auth-test u0003 ' in server.log(), True, "the request itself is there")
    equal(re.findall(r"(?m)login ok: user=\"u0003", server.log()), [], "no session was opened")


@case
def flood():
    """wrong logins over 20 connections at once: who was in lately gets in meanwhile, and auth keeps its size"""
    status = f"/proc/{auth_pid()}/status"

    def rss_kb():
        with open(status) as f:
            return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1))
    home = "203.0.113.50"
    equal(login(home, "u0005", "pw"), "OK", "before")
    before = rss_kb()
    ended = threading.Event()
    n_in = [0]

    def guess(k):
        try:
            c = Client(f"198.18.{k}.1")
            for n in range(N_GUESSES):
                equal(c.login(f"u{n:04d}" if n % 2 else f"nobody{k}-{n}", f"guess{k}-{n}") in ("AUTHENTICATIONFAILED", "UNAVAILABLE"), True, "a guess")
            c.end()
        finally:
            if k == 0:
                ended.set()

    def owner():
        while True:
            last = ended.is_set()
            equal(login(home, "u0005", "pw"), "OK", "meanwhile")
            n_in[0] += 1
            if last:
                break
    run_all(owner, *(lambda k=k: guess(k) for k in range(CONNECTIONS)))
    equal(n_in[0] > 0, True, "logins meanwhile")
    grown = rss_kb() - before
    print(f"# {n_in[0]} logins meanwhile; auth grew by {grown} KiB", flush=True)
    equal(grown < 160 * 1024, True, f"auth grew by {grown} KiB, more than limits.hash_memory")


@case
def restart():
    """auth killed: who was known is known again, guesses before are forgotten, and no login slips through"""
    equal(login("203.0.113.60", "u0006", "pw"), "OK", "from home")
    path = os.path.join(STATE, "known-networks")
    wait_for(lambda: os.path.exists(path) and "u0006@example.org\t203.0.113.60" in open(path).read(), "the network is stored")
    equal(os.stat(path).st_mode & 0o777, 0o600, "mode of the file")
    os.kill(auth_pid(), signal.SIGKILL)
    wait_for(lambda: login("203.0.113.61", "u0006", "no") == "AUTHENTICATIONFAILED", "auth is back")
    for n in range(LIMIT + 5):
        equal(login(f"198.{n}.1.1", "u0006", f"guess{n}"), "AUTHENTICATIONFAILED", f"guess {n}")
    equal(login("198.51.100.1", "u0006", "pw"), "AUTHENTICATIONFAILED", "from somewhere")
    equal(login("203.0.113.60", "u0006", "pw"), "OK", "from home, after the restart")


@case
def stopped():
    """auth stopped: every protocol says in time that it cannot tell, nothing is granted late, and all goes on by itself"""
    pid = auth_pid()
    n_before = server.log().count("login ok:")

    def imap():
        equal(login("203.0.113.60", "u0006", "pw"), "UNAVAILABLE", "IMAP")

    def pop3():
        with socket.create_connection(("127.0.0.1", server.ports["pop3"]), 120) as s:
            f = s.makefile("rb")
            f.readline()
            s.sendall(b"USER u0007\r\n")
            equal(f.readline()[:3], b"+OK", "USER")
            s.sendall(b"PASS pw\r\n")
            equal(f.readline()[:15], b"-ERR [SYS/TEMP]", "POP3")
            f.close()
    os.kill(pid, signal.SIGSTOP)
    try:
        run_all(imap, imap, pop3)
    finally:
        os.kill(pid, signal.SIGCONT)
    equal(login("203.0.113.60", "u0006", "pw"), "OK", "afterwards")
    equal(server.log().count("login ok:"), n_before + 1, "logins that were granted")
    equal(auth_pid(), pid, "the same process")


main()
