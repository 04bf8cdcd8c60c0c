#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""mbsync keeps an account and Maildirs equal, both ways, over restarts, lost indexes (volumes that are put back) and killed processes."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from recorder import Recorder  # noqa: E402
from tap import Server, case, main, need, scratch  # noqa: E402
from twoway import NEW_FOLDERS, SYSTEM_FLAGS, Account, Maildirs, Play  # noqa: E402


@case
def both_ways():
    """1,000 random changes on each side with SATCHEL_LONG, 72 without"""
    need("mbsync")
    server = Server()
    recorder = Recorder(server.ports["imap"])
    work = scratch()
    config = os.path.join(work, "mbsyncrc")
    with open(config, "w") as f:
        f.write(f"""IMAPAccount a
Host 127.0.0.1
Port {recorder.port}
User u0001
Pass {server.password}
SSLType None

IMAPStore far
Account a

MaildirStore near
Path {work}/mail/
Inbox {work}/mail/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Expunge Both
Sync All
SyncState *
""")
    os.mkdir(os.path.join(work, "mail"))
    flags = SYSTEM_FLAGS + ("$Forwarded",)
    near = Maildirs(os.path.join(work, "mail"), dict(zip(flags + ("\\Deleted",), "SRFDPT")), flags)

    def program():
        return subprocess.run(["mbsync", "-c", config, "-a"], capture_output=True, timeout=300)
    Play(server, Account(server, "u0001", flags), near, [recorder], program, NEW_FOLDERS + ("deep/er/st",)).go()


main()
