#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A webmail server tells the address of its own client in ID: whose word counts, and for what."""
import os
import re
import socket
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import Server, case, equal, free_port, main, wait_for  # noqa: E402

server = Server()
PORT = free_port()
WEBMAIL, STRANGER, OTHER, PROXY, CLIENT = "127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4", "198.51.100.7"
own = "".join(f'{{ name = "{name}"; protocol = "{name.rstrip("s")}"; address = "127.0.0.1"; port = {server.ports[name]}; '
              f'tls = {"true" if name.endswith("s") else "false"}; }}, ' for name in ("imap", "imaps", "pop3", "pop3s", "lmtp"))
server.stop("--keep")
OPTIONS = ("--set", f'listen.listeners=( {own} {{ name = "webmail"; protocol = "imap"; address = "127.0.0.1"; port = {PORT}; allow_cleartext = true; '
             f'id_networks = ( "{WEBMAIL}/32", "{OTHER}/32" ); trusted_proxies = ( "{PROXY}/32" ); }} )', "--set", 'auth.failure_delay="0"', "--set", "limits.login_failures=8")
server.start(*OPTIONS)


def login(identity, password="pw", source=WEBMAIL, user="u0001", port=PORT, header=b""):
    """The reply to LOGIN after ID with these fields."""
    with socket.create_connection(("127.0.0.1", port), 60, (source, 0)) as s:
        f = s.makefile("rb")
        s.sendall(header)
        f.readline()
        for tag, command in (("i", f"ID {identity}"), ("a", f"LOGIN {user} {password}")):
            s.sendall(f"{tag} {command}\r\n".encode())
            while not (line := f.readline()).startswith(tag.encode() + b" "):
                equal(line != b"", True, "the server goes on")
    return line.decode().strip()


def addresses():
    """What the log has of each login that was right."""
    return re.findall(r'login ok: user="u0001@example.org" rip=(\S+)', server.log())


def logged_as(*arguments, **named):
    before = len(addresses())
    equal(login(*arguments, **named)[:4], "a OK", "LOGIN")
    wait_for(lambda: len(addresses()) > before, "the log has it")
    return addresses()[-1]


@case
def whose_word_counts():
    """the webmail's word is the client's address; that of others, and what is no address, is nothing"""
    fields = f'("name" "Webmail" "x-originating-ip" "{CLIENT}" "x-originating-port" "4711")'
    equal(logged_as(fields), CLIENT, "the webmail")
    equal(logged_as('("X-Originating-IP" "2001:db8::7")'), "2001:db8::7", "IPv6, and capitals")
    equal(logged_as(f'("x-originating-ip" "{CLIENT}" "x-originating-ip" "203.0.113.9")'), CLIENT, "the first one counts")
    equal(logged_as(fields, source=STRANGER), STRANGER, "another peer")
    equal(logged_as(fields, port=server.ports["imap"]), WEBMAIL, "a listener without id_networks")
    for bad in ("NIL", '""', '"local"', '"198.51.100"', '"198.51.100.7 "', '"' + "1" * 300 + '"'):
        equal(logged_as(f'("x-originating-ip" {bad})'), WEBMAIL, bad)
    equal(logged_as("NIL"), WEBMAIL, "no fields")


@case
def limits_are_the_clients():
    """one client behind the webmail guesses until the limits stop it, and another is let in; lists have the client's address"""
    guess = '("x-originating-ip" "198.51.100.66")'
    for n in range(12):
        equal(login(guess, f"wrong{n}", user="u0002")[:4], "a NO", "a guess")
    equal("throttled" in server.log(), True, "the limits stop it")
    equal(login(guess, user="u0002")[:4], "a NO", "the right password from there")
    found = server.cli("auth", "throttle", "list").stdout
    equal(("198.51.100.66" in found, WEBMAIL in found), (True, False), found)
    equal(login(f'("x-originating-ip" "{CLIENT}")', user="u0001")[:4], "a OK", "another client")


def proxy_header(address):
    """The header of PROXY version 2 for a client with this address."""
    return b"\r\n\r\n\0\r\nQUIT\n\x21\x11" + struct.pack("!H", 12) + socket.inet_aton(address) + socket.inet_aton("192.0.2.254") + struct.pack("!HH", 4000, 143)


@case
def main_password():
    """where the main password is for submission and webmail, the webmail opens with it, also as one that tells its clients' addresses"""
    server.stop("--keep")
    told = f'("x-originating-ip" "{CLIENT}")'
    shut = "--set", 'auth.main_password="submission-and-web"'
    server.start(*OPTIONS, *shut, "--set", f'auth.webmail_networks=["{WEBMAIL}/32"]')
    equal([login(identity)[:4] for identity in ("NIL", told)], ["a OK", "a OK"], "the webmail, for itself and for a client")
    equal(addresses()[-1], CLIENT, "the client's address in the log")
    for what, got in (("a stranger", login("NIL", source=STRANGER)), ("who is not believed", login(told, source=STRANGER)),
                      ("another that tells addresses", login(told, source=OTHER)),
                      ("one that says that it tells of the webmail's client", login(f'("x-originating-ip" "{OTHER}")', source=OTHER)),
                      ("a proxy", login("NIL", source=PROXY, header=proxy_header(CLIENT)))):
        equal(got[:4], "a NO", what)
    equal(login("NIL", source=PROXY, header=proxy_header(WEBMAIL))[:4], "a OK", "the webmail behind a proxy")
    equal(login(told, source=PROXY, header=proxy_header(WEBMAIL))[:4], "a OK", "the same, which tells of a client")
    server.stop("--keep")
    server.start(*OPTIONS, *shut, "--set", f'auth.webmail_networks=["{PROXY}/32"]')
    equal(login("NIL", source=PROXY, header=proxy_header(CLIENT))[:4], "a OK", "a proxy that only webmails use")
    equal(login("NIL")[:4], "a NO", "the webmail, which is not named now")


main()
