#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""interimap (QRESYNC) keeps two accounts equal, both ways, over restarts, lost indexes and killed processes."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from recorder import Recorder  # noqa: E402
from tap import Server, case, equal, main, need, scratch  # noqa: E402
from twoway import SYSTEM_FLAGS, Account, Play  # noqa: E402

FLAGS = SYSTEM_FLAGS + ("$Forwarded", "$label1", "NonJunk")
server = Server(users=3)


def interimap(local, remote):
    """A program that keeps two accounts equal.  @local, @remote: (port, user)."""
    work = scratch()
    config = os.path.join(work, "config")
    with open(config, "w") as f:
        f.write(f"database = {work}/state.db\n")
        for name, (port, user) in (("local", local), ("remote", remote)):
            f.write(f"""[{name}]
type = imap
host = 127.0.0.1
port = {port}
STARTTLS = NO
auth = PLAIN LOGIN
username = {user}
password = {server.password}
""")
    os.chmod(config, 0o600)
    return lambda: subprocess.run(["interimap", "--config", config], capture_output=True, timeout=300,
                                  env={**os.environ, "HOME": work})


@case
def both_ways():
    """1,000 random changes on each side with SATCHEL_LONG, 72 without"""
    need("interimap")
    recorders = Recorder(server.ports["imap"]), Recorder(server.ports["imap"])
    program = interimap((recorders[0].port, "u0001"), (recorders[1].port, "u0002"))
    Play(server, Account(server, "u0002", FLAGS), Account(server, "u0001", FLAGS), recorders, program, unites_flags=True).go()


@case
def empty_account():
    """all of it to an empty account"""
    need("interimap")
    r = interimap((server.ports["imap"], "u0001"), (server.ports["imap"], "u0003"))()
    equal(r.returncode, 0, f"interimap: {r.stderr[-500:]!r}")
    accounts = Account(server, "u0001", FLAGS), Account(server, "u0003", FLAGS)
    contents = [account.read() for account in accounts]
    equal(sum(map(len, contents[0].values())) > 0, True, "there is something to compare")
    equal(contents[1], contents[0], "the account that was empty")
    for account in accounts:
        account.leave()


main()
