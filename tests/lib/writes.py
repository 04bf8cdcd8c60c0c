# SPDX-License-Identifier: MIT
"""Programs that are killed before each of their writes in turn (writes.c)."""
import mmap
import os
import signal
import struct
import subprocess
import threading

from tap import TOP, run, scratch, wait_for

PLAN = "=iii"


class Writes:
    """@role: of a server's processes this one counts; without it the program itself."""

    def __init__(self, role=None):
        work = scratch()
        os.chmod(work, 0o755)
        library, path = os.path.join(work, "writes.so"), os.path.join(work, "writes")
        run("cc", "-std=gnu17", "-Wall", "-O1", "-fPIC", "-shared", "-o", library, os.path.join(TOP, "tests/lib/writes.c"), "-ldl")
        with open(path, "wb+") as f:
            f.write(bytes(struct.calcsize(PLAN)))
            f.flush()
            os.fchmod(f.fileno(), 0o666)  # a server's processes have accounts of their own
            self.map = mmap.mmap(f.fileno(), struct.calcsize(PLAN))
        # A program that was built with a sanitizer wants that first, but works all the same.
        sanitizer = os.environ.get("ASAN_OPTIONS", "")
        self.environment = {"LD_PRELOAD": library, "SATCHEL_TEST_WRITES": path, "ASAN_OPTIONS": f"{sanitizer}:verify_asan_link_order=0"}
        if role:
            self.environment["SATCHEL_TEST_ROLE"] = role
        self.wrapper = ("env", *(f"{key}={value}" for key, value in self.environment.items()))

    def _set(self, stop_at):
        self.map[:] = struct.pack(PLAN, stop_at, 0, 0)

    def _stopped(self):
        return struct.unpack(PLAN, self.map[:])[2]

    def kill_at(self, n, work):
        """Runs @work in a thread while the n-th write of the program is its end.  False: it made fewer."""
        self._set(n)
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        try:
            wait_for(lambda: self._stopped() or not thread.is_alive(), f"write {n}, or the end of the work")
            pid = self._stopped()
            self.map[0:4] = struct.pack("=i", 0)
            if pid:
                os.kill(pid, signal.SIGKILL)
            thread.join(120)
            if thread.is_alive():
                raise AssertionError("the work hangs")
            return pid != 0
        finally:
            self._set(0)

    def command(self, server, *arguments, text=""):
        """The satchel command, to be killed; to be run by kill_at."""
        from instance import Instance
        command, environment = Instance(server.dir).command(arguments)
        return lambda: subprocess.run(command, env={**(environment or os.environ), **self.environment}, input=text, text=True,
                                      capture_output=True, timeout=600, check=False)
