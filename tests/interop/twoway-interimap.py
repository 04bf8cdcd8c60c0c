#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""interimap (QRESYNC) keeps two accounts equal, both ways, over restarts, lost indexes and killed processes."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from recorder import Recorder  # noqa: E402
from tap import Server, case, main, need, scratch  # noqa: E402
from twoway import SYSTEM_FLAGS, Account, Play  # noqa: E402

FLAGS = SYSTEM_FLAGS + ("$Forwarded", "$label1", "NonJunk")


@case
def both_ways():
    """1,000 random changes on each side with SATCHEL_LONG, 72 without"""
    need("interimap")
    server = Server()
    recorders = Recorder(server.ports["imap"]), Recorder(server.ports["imap"])
    work = scratch()
    config = os.path.join(work, "config")
    with open(config, "w") as f:
        f.write(f"database = {work}/state.db\n")
        for n, name in enumerate(("local", "remote")):
            f.write(f"""[{name}]
type = imap
host = 127.0.0.1
port = {recorders[n].port}
STARTTLS = NO
auth = PLAIN LOGIN
username = u000{n + 1}
password = {server.password}
compress = NO
""")
    os.chmod(config, 0o600)

    def program():
        return subprocess.run(["interimap", "--config", config], capture_output=True, timeout=300, env={**os.environ, "HOME": work})
    Play(server, Account(server, "u0002", FLAGS), Account(server, "u0001", FLAGS), recorders, program, unites_flags=True).go()


main()
