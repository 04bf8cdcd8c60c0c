#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What an admin sees of a running server: satchel who, kick, status, reload, stop."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import Server, case, equal, has_ended, main, of_clear_mail, wait_for  # noqa: E402

server = Server()
keep = []


def rows(text):
    return [line.split() for line in text.splitlines()]


@case
def who():
    """who is a table for people and objects for programs; TLS is told as it is"""
    keep.extend([server.imap("u0001"), server.pop3_session("u0001"), server.imap("u0002", tls=False)])
    table = rows(server.cli("who").stdout)
    equal(table[0], ["USER", "SERVICE", "ADDRESS", "TLS", "SESSION", "AGE"], "header")
    domain = "@" + server.domain
    want = [["u0001" + domain, "imap", "127.0.0.1", "yes"], ["u0001" + domain, "pop3", "127.0.0.1", "yes"], ["u0002" + domain, "imap", "127.0.0.1", "no"]]
    equal(sorted(row[:4] for row in table[1:]), want, "rows")
    said = json.loads(server.cli("who", "--json").stdout)["lines"]
    equal(sorted([x["user"], x["service"], x["address"], "yes" if x["tls"] is True else "no"] for x in said), want, "objects")
    equal(sorted(x["session"] for x in said), sorted(row[4] for row in table[1:]), "session ids")


@of_clear_mail("the logins that seal are in the log too")
@case
def login_lines():
    """the log tells of each login whether it came over TLS, implicit or not"""
    found = [line for line in server.log().splitlines() if "login ok:" in line]
    equal(sorted((line.split("service=")[1].split()[0], line.split("tls=")[1].split()[0]) for line in found),
          [("imap", "no"), ("imap", "yes"), ("pop3", "yes")], "login lines")


@case
def status():
    """status names the server and each process, with its state"""
    text = server.cli("status").stdout
    equal(f"pid {server.pid}: running" in text.splitlines()[0], True, text)
    processes = [row[:4] for row in rows(text) if len(row) == 6 and row[0] in ("auth", "mail", "gate")]
    equal(sorted((int(row[2]), row[0]) for row in processes), sorted(server.roles().items()), "processes")
    equal({row[3] for row in processes}, {"ready"}, "states")


@case
def kick():
    """kick tells how many sessions it ended; with a credential only those that it opened"""
    credentials = [line["credential"] for line in json.loads(server.cli("who", "--json").stdout)["lines"]
                   if line.get("user", "").startswith("u0001@")]
    equal(credentials, ["password", "password"], "what opened them")
    equal(server.cli("kick", "u0001", "app:1").stdout.split()[:2], ["0", "sessions"], "of another credential")
    equal(server.cli("kick", "u0001").stdout.split()[:2], ["2", "sessions"], "u0001")
    wait_for(lambda: "u0001" not in server.cli("who").stdout, "they end")
    equal(server.cli("kick", "u0001").stdout.split()[:2], ["0", "sessions"], "again")
    equal(keep[2].noop()[0], "OK", "another user")


@case
def reload():
    """a reload with a mistake in the configuration ends with 78, a good one with 0"""
    path = os.path.join(server.config_dir, "conf.d", "mistake.conf")
    with open(path, "w") as f:
        f.write('limits = { connections = 0; };\n')
    r = server.cli("reload", check=False)
    os.unlink(path)
    equal(r.returncode, 78, r.stdout + r.stderr)
    equal("connections" in r.stdout + r.stderr, True, "the mistake is named")
    equal(server.cli("reload").returncode, 0, "without it")


@case
def stop():
    """stop returns when the server has ended"""
    server.cli("stop")
    equal(has_ended(server.pid), True, "the server's process has ended")


main()
