#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""offlineimap keeps an account and Maildirs equal, both ways, over restarts, lost indexes and killed processes."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from recorder import Recorder  # noqa: E402
from tap import Server, case, main, need, scratch  # noqa: E402
from twoway import SYSTEM_FLAGS, Account, Maildirs, Play  # noqa: E402

KEYWORDS = ("$Forwarded", "NonJunk", "$label1")


@case
def both_ways():
    """1,000 random changes on each side with SATCHEL_LONG, 72 without"""
    need("offlineimap")
    server = Server()
    recorder = Recorder(server.ports["imap"])
    work = scratch()
    config = os.path.join(work, "offlineimaprc")
    custom = "".join(f"customflag_{letter} = {keyword}\n" for letter, keyword in zip("abc", KEYWORDS))
    with open(config, "w") as f:
        f.write(f"""[general]
accounts = a
metadata = {work}/state
ui = quiet
[Account a]
localrepository = near
remoterepository = far
[Repository near]
type = Maildir
localfolders = {work}/mail
sep = /
{custom}
[Repository far]
type = IMAP
remotehost = 127.0.0.1
remoteport = {recorder.port}
remoteuser = u0001
remotepass = {server.password}
ssl = no
starttls = no
maxconnections = 1
""")
    os.mkdir(os.path.join(work, "mail"))
    # It carries keywords from the server only, and a local letter T as \\Deleted only: what goes is unlinked.
    flags = SYSTEM_FLAGS + KEYWORDS
    near = Maildirs(os.path.join(work, "mail"), dict(zip(flags, "SRFDabc")), SYSTEM_FLAGS, unlink_only=True)

    def program():
        return subprocess.run(["offlineimap", "-c", config, "-o", "-1"], capture_output=True, timeout=300,
                              env={**os.environ, "HOME": work})
    Play(server, Account(server, "u0001", flags), near, [recorder], program).go()


main()
