#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The key of a login, from the password database to the layer: two sessions of one user, one with the key of a message and one without."""
import imaplib
import os
import poplib
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from modules import Modules  # noqa: E402
from tap import Server, case, equal, main, strict_context  # noqa: E402

modules = Modules()
modules.add("layers/sealed.c", "sealed", '-DNAME="sealed"')
modules.add("layers/keydb.c", "keydb")
server = Server(*modules.options("sealed", "keydb"))
SEALED = b"Sealed: wax\r\nSubject: secret\r\n\r\nsecret body\r\n"
PLAIN = b"Subject: open\r\n\r\nopen body\r\n"


def imap(password):
    c = imaplib.IMAP4_SSL("127.0.0.1", server.imaps, ssl_context=strict_context(server.ca_file), timeout=60)
    c.login("u0001", password)
    c.select()
    return c


def pop3(password):
    c = poplib.POP3_SSL("127.0.0.1", server.pop3s, context=strict_context(server.ca_file), timeout=60)
    c.user("u0001")
    c.pass_(password)
    return c


def bodies(c):
    """What FETCH says, and the bodies that came."""
    status, data = c.fetch("1:*", "(BODY.PEEK[TEXT])")
    text = data[-1] if status == "NO" else b""
    return status, [part[1] for part in data if isinstance(part, tuple)], text


def assert_locked(c):
    status, data = c.fetch("1:*", "(BODY.PEEK[TEXT])")
    equal(status, "NO", "FETCH without the key")
    equal(b"[NOPERM]" in data[0], True, f"answer: {data}")
    # What can be read came before; imaplib keeps it aside.
    equal([part[1] for part in c.response("FETCH")[1] if isinstance(part, tuple)], [b"open body\r\n"], "bodies")
    status, data = c.search(None, "SUBJECT", "secret")
    equal((status, b"[NOPERM]" in data[0]), ("NO", True), f"SEARCH: {data}")


def assert_open(c):
    equal(bodies(c)[:2], ("OK", [b"secret body\r\n", b"open body\r\n"]), "FETCH with the key")
    equal(c.search(None, "SUBJECT", "secret"), ("OK", [b"1"]), "SEARCH")


@case
def two_sessions():
    """at the same time one session reads what the other is told as locked, over IMAP"""
    with_key, without = imap("pw wax"), imap("pw")
    for content in (SEALED, PLAIN):
        equal(without.append("INBOX", None, None, content)[0], "OK", "APPEND")
    with_key.noop()
    without.noop()
    for _ in range(2):
        assert_open(with_key)
        assert_locked(without)
    other = imap("pw gum")
    assert_locked(other)
    for c in (with_key, without, other):
        c.logout()


@case
def remembered():
    """logins that auth remembers have their key, and no other"""
    for _ in range(3):
        c = imap("pw wax")
        assert_open(c)
        c.logout()
        c = imap("pw")
        assert_locked(c)
        c.logout()
    server.cli("reload")
    c = imap("pw wax")
    assert_open(c)
    c.logout()


@case
def over_pop3():
    """POP3: listed for all, sent to who has the key"""
    c = pop3("pw")
    equal((c.stat()[0], len(c.uidl()[1])), (2, 2), "STAT and UIDL")
    equal(b"\r\n".join(c.retr(2)[1]).endswith(b"open body"), True, "RETR of what is not locked")
    for refused in (lambda: c.retr(1), lambda: c.top(1, 0)):
        try:
            refused()
            raise AssertionError("a locked message was sent")
        except poplib.error_proto as e:
            equal(b"-ERR [SYS/PERM]" in e.args[0], True, f"refusal: {e}")
    c.quit()
    c = pop3("pw wax")
    equal(b"\r\n".join(c.retr(1)[1]) + b"\r\n", SEALED, "RETR with the key")
    c.quit()


@case
def nobody_crashed():
    """no process died, and no log line has a key"""
    log = server.log()
    equal([line for line in log.splitlines() if " died" in line or "wax" in line], [], "log")


main()
