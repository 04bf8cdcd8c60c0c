# SPDX-License-Identifier: MIT
"""The clocks of a server, which a test moves (clock.c)."""
import mmap
import os
import struct
import time

from tap import TOP, run, scratch

STEP_S = 1200  # at once: less than server.hang_time below, or a process that is busy would seem to hang


class Clock:
    def __init__(self):
        work = scratch()
        os.chmod(work, 0o755)
        library, path = os.path.join(work, "clock.so"), os.path.join(work, "clock")
        run("cc", "-std=gnu17", "-Wall", "-O1", "-fPIC", "-shared", "-o", library, os.path.join(TOP, "tests/lib/clock.c"), "-ldl")
        with open(path, "wb+") as f:
            f.write(bytes(16))
            f.flush()
            self.map = mmap.mmap(f.fileno(), 16)
        self.passed_s = self.set_s = 0
        # A server that was built with a sanitizer wants that first, but works all the same.
        sanitizer = os.environ.get("ASAN_OPTIONS", "")
        self.wrapper = ("env", f"LD_PRELOAD={library}", f"SATCHEL_TEST_CLOCK={path}", f"ASAN_OPTIONS={sanitizer}:verify_asan_link_order=0")
        self.options = ("--set", 'server.hang_time="1h"', "--set", 'server.stuck_time="1d"')

    def _write(self):
        self.map[:] = struct.pack("=qq", round(self.passed_s * 1e9), round(self.set_s * 1e9))

    def now(self):
        """What the server takes the time to be."""
        return time.time() + self.passed_s + self.set_s

    def passes(self, seconds):
        """Every clock goes on."""
        while seconds > 0:
            step = min(seconds, STEP_S)
            self.passed_s += step
            seconds -= step
            self._write()

    def is_set(self, seconds):
        """Somebody sets the clock of the day forward, or back."""
        self.set_s += seconds
        self._write()
