#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The process of a module (role helper): asked, killed, hung, slow, talking rubbish, taken over; everybody else goes on meanwhile."""
import json
import os
import re
import signal
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from modules import Modules  # noqa: E402
from tap import Server, case, equal, free_port, main, wait_for  # noqa: E402

HANG_S = 2
TIMEOUT, UNAVAILABLE = "14", "8"  # SatchelErrorCode
PORT = free_port()
modules = Modules()
modules.add("helpers/probe.c", "probe")
modules.add("helpers/probe.c", "second", '-DNAME="second"')
server = Server(*modules.options("probe", "second"), "--set", "server.mail_processes=1", "--set", "server.gate_processes=1",
                "--set", f"server.hang_time={HANG_S}s", "--set", "helpers.overdue=500ms", "--set", "helpers.files=100", "--set", "helpers.memory=512M",
                "--set", f'listen.listeners=( {{ name = "p"; protocol = "probe"; address = "127.0.0.1"; port = {PORT}; }}, '
                         f'{{ name = "s"; protocol = "second"; address = "127.0.0.1"; port = {free_port()}; }} )', users=2)


class Probe:
    """A connection to the service that asks the helper."""

    def __init__(self):
        self.socket = socket.create_connection(("127.0.0.1", PORT), timeout=60)
        self.file = self.socket.makefile("r", encoding="ascii", newline="\n")
        self.n = 0

    def send(self, command, how="ask", timeout_ms=20000):
        self.n += 1
        self.socket.sendall(f"{self.n} {how} {timeout_ms} {command}\n".encode())
        return str(self.n)

    def answer(self):
        """tag, "ok" or "error", the rest."""
        return tuple(self.file.readline().rstrip("\n").split(" ", 2))

    def ask(self, command, how="ask", timeout_ms=20000):
        tag = self.send(command, how, timeout_ms)
        got = self.answer()
        equal(got[0], tag, "tag")
        return got[1], got[2]

    def close(self):
        self.file.close()
        self.socket.close()


def lines(pattern):
    return [line for line in server.log().splitlines() if re.search(pattern, line)]


def process(module="probe"):
    """Its row of `satchel status --json`."""
    answer = json.loads(server.cli("status", "--json", check=False).stdout or "{}")
    return next((row for row in answer.get("lines", []) if row.get("text") == "process" and row.get("module") == module), {})


def pid_of(module="probe"):
    def look():
        row = process(module)
        return row.get("state") == "ready" and int(row["pid"])
    return wait_for(look, f"the helper of {module} is ready", 60)


def works():
    """Asks until it answers: it may be starting."""
    probe = Probe()
    wait_for(lambda: probe.ask("echo hello") == ("ok", "hello"), "the helper answers", 60)
    probe.close()


@case
def answers():
    """calls from the main loop, from jobs and with mail are answered; two modules have a process each"""
    probe = Probe()
    equal(probe.ask("echo hello"), ("ok", "hello"), "from the main loop")
    equal(probe.ask("echo hello", "job"), ("ok", "hello"), "from a job")
    equal(probe.ask("5000000", "mail"), ("ok", "5000000 5000000"), "content")
    equal(int(probe.ask("pid")[1]), pid_of(), "who answers")
    equal(pid_of() != pid_of("second"), True, "two processes")
    probe.close()


if __name__ == "__main__":
    main()
