# SPDX-License-Identifier: MIT
"""A client that must not notice anything else that goes on in the server."""
import threading
import time

from tap import equal, wait_for


class Noops(threading.Thread):
    """An IMAP client that sends NOOPs all the time while the server has other work, and prints how long its answers took."""

    def __init__(self, server, user="u0001"):
        super().__init__(daemon=True)
        self.server = server
        self.client, self.is_over, self.n, self.error = server.imap(user), False, 0, None
        self.took = []
        self.mails = self.mail_processes()

    def mail_processes(self):
        return {pid for pid, role in self.server.roles().items() if role == "mail"}

    def run(self):
        try:
            while not self.is_over:
                begin = time.monotonic()
                equal(self.client.noop()[0], "OK", "NOOP")
                self.took.append(time.monotonic() - begin)
                self.n += 1
        except Exception as e:  # noqa: B902 - told by the test
            self.error = e

    def __enter__(self):
        self.start()
        return self

    def wait_more(self):
        """Waits until some NOOPs have been answered from now on."""
        n = self.n
        wait_for(lambda: self.error or self.n > n + 20, "NOOPs are answered", 60)
        equal(self.error, None, "NOOP")

    def __exit__(self, *ignored):
        self.is_over = True
        self.join(60)
        equal(self.error, None, "the session")
        self.client.logout()
        took = sorted(self.took)
        print(f"# {len(took)} NOOPs meanwhile: p50 {took[len(took) // 2] * 1000:.2f} ms, p99 {took[len(took) * 99 // 100] * 1000:.2f} ms, "
              f"longest {took[-1] * 1000:.1f} ms", flush=True)
        equal(self.mail_processes(), self.mails, "the mail processes are the same")
