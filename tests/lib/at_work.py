# SPDX-License-Identifier: MIT
"""Clients of one user at work, while the mail of the user is changed below them: one that waits for mail, mbsync, an MTA."""
import contextlib
import os
import re
import subprocess
import threading

from conversion import ask
from tap import equal, need, scratch


class Idle(threading.Thread):
    """Waits for mail, and comes back when it is told to leave; after a kill also when it is not told."""

    def __init__(self, server, user, bears_kills=False):
        super().__init__(daemon=True)
        self.server, self.user, self.bears_kills = server, user, bears_kills
        self.n_connections, self.n_exists, self.ends, self.error = 0, 0, False, None

    def run(self):
        while not self.ends and not self.error:
            try:
                self.wait()
            except Exception as e:  # noqa: B902 - told by the test
                self.error = None if self.bears_kills else e

    def wait(self):
        c = self.server.imap(self.user)
        self.n_connections += 1
        c.select()
        c.send(b"i IDLE\r\n")
        while not self.ends:
            line = c.readline()
            if not line or b"BYE" in line:
                return
            self.n_exists = max(self.n_exists, int((re.match(rb"\* (\d+) EXISTS", line) or [0, 0])[1]))


class Mbsync:
    """Keeps a copy of all that a user has."""

    def __init__(self, server, user):
        need("mbsync")
        self.work = scratch()
        os.mkdir(os.path.join(self.work, "mail"))
        self.config = os.path.join(self.work, "mbsyncrc")
        with open(self.config, "w") as f:
            f.write(f"""IMAPAccount a
Host 127.0.0.1
Port {server.ports["imap"]}
User {user}
Pass {server.password}
SSLType None

IMAPStore far
Account a

MaildirStore near
Path {self.work}/mail/
Inbox {self.work}/mail/INBOX
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
        self.sync(check=True)
        self.known = self.files()

    def sync(self, check=False):
        r = subprocess.run(["mbsync", "-c", self.config, "-a"], capture_output=True, timeout=900, text=True)
        equal((check and r.returncode, r.stderr if check and r.returncode else ""), (False if not check else 0, ""), "mbsync")
        return r.returncode == 0

    def files(self):
        """The messages on disk, by inode, which a message that is downloaded again would not have."""
        return {os.stat(os.path.join(d, f)).st_ino for d, _, names in os.walk(self.work) for f in names if os.path.basename(d) in ("cur", "new")}

    def assert_nothing_again(self):
        self.sync(check=True)
        equal(self.known - self.files(), set(), "messages that mbsync has downloaded again")


class Deliveries:
    """An MTA, which notes what was acknowledged."""

    def __init__(self, server, user, bears_kills=False):
        self.server, self.user, self.bears_kills = server, user, bears_kills
        self.done, self.n_failed = [], 0

    def one(self):
        name = f"live-{len(self.done) + self.n_failed}"
        try:
            self.server.deliver(b"Subject: live\r\nMessage-ID: <%s@example>\r\n\r\nlive\r\n" % name.encode(), self.user)
            self.done.append(name)
        except (OSError, AssertionError):
            if not self.bears_kills:
                raise
            self.n_failed += 1

    def assert_all_there(self):
        c = self.server.imap(self.user)
        c.select(readonly=True)
        found = [re.search(rb"<(live-\d+)@", x[1])[1].decode() for x in ask(c.fetch("1:*", "BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)]"))
                 if isinstance(x, tuple) and b"<live-" in x[1]]
        c.logout()
        equal([x for x in self.done if found.count(x) != 1], [], f"deliveries of {len(self.done)} that are not there, or twice")


def at_work(*works, pause=0.02):
    """Functions that go on in threads until the block is left; then errors of theirs are raised.  Nobody sends without a pause, and a
    conversion that is slowed down has to keep pace with them; the mail that comes should not outgrow what was there."""
    ends, errors = threading.Event(), []

    def go(work):
        try:
            while not ends.wait(pause):
                work()
        except BaseException as e:  # noqa: B902 - told below
            errors.append(e)

    @contextlib.contextmanager
    def block():
        threads = [threading.Thread(target=go, args=(work,), daemon=True) for work in works]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            ends.set()
            for thread in threads:
                thread.join(900)
        if errors:
            raise errors[0]
    return block()
