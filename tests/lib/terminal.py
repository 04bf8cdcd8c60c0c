# SPDX-License-Identifier: MIT
"""Programs that want a terminal."""
import os
import pty
import select
import subprocess
import termios
import time


def terminal(*command, home, keys=(), silence=120):
    """Runs a program that wants a terminal.  @keys: (what to wait for, what to type then).  A program that
    prints nothing for @silence seconds hangs."""
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (24, 80))
    process = subprocess.Popen(["setsid", "--ctty", *command], stdin=slave, stdout=slave, stderr=slave,
                               env={**os.environ, "TERM": "vt100", "HOME": home})
    os.close(slave)
    deadline = time.monotonic() + silence
    screen, keys = b"", list(keys)
    while process.poll() is None and time.monotonic() < deadline:
        if select.select([master], [], [], 0.2)[0]:
            try:
                screen = (screen + os.read(master, 65536))[-4000:]
            except OSError:  # it closed its terminal: it is about to end
                break
            deadline = time.monotonic() + silence
            if keys and keys[0][0] in screen:
                os.write(master, keys.pop(0)[1])
                screen = b""
            if b"ress any key" in screen or b"rror in" in screen:
                break
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise AssertionError(f"{command[0]} did not end: {screen!r}")
    os.close(master)
    return screen
