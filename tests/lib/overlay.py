# SPDX-License-Identifier: MIT
"""Other servers in overlays of the root file system: their packages conflict with one another and with what the machine
has, and nothing of them is to stay on it.  An overlay is installed once and kept for the next run."""
import fcntl
import os
import shutil
import socket
import stat
import subprocess
import time

from tap import Skip, at_end, run, wait_for

SCRATCH = os.environ.get("SATCHEL_PEERS") or "/var/tmp/satchel-peers"


def has_ended(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def there_are(*packages):
    """Those that this release has."""
    def is_there(package):
        r = subprocess.run(["apt-cache", "policy", package], capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"})
        return "Candidate: " in r.stdout and "Candidate: (none)" not in r.stdout
    return [package for package in packages if is_there(package)]


class Overlay:
    """`root`: where it is mounted until the end of the test; `shared` {inside: outside}: directories bound into it."""

    def __init__(self, name, program, *packages, shared=None):
        if os.getuid() != 0:
            raise Skip(f"{name} in an overlay needs root")
        self.root = os.path.join(SCRATCH, name)
        self.shared = shared or {}
        self.processes = []
        os.makedirs(self.root, exist_ok=True)
        self.lock = open(self.root + ".lock", "w")  # one test at a time uses it
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        self.unmount()
        # What an installation that was cut off left behind is no ground to stand on.
        complete = self.root + ".complete"
        for sub in ("-up", "-work"):
            if not os.path.exists(complete):
                shutil.rmtree(self.root + sub, ignore_errors=True)
            os.makedirs(self.root + sub, exist_ok=True)
        r = run("mount", "-t", "overlay", "overlay", "-o",
                f"lowerdir=/,upperdir={self.root}-up,workdir={self.root}-work", self.root, check=False)
        if r.returncode != 0:
            raise Skip(f"no overlay can be mounted here: {r.stderr.decode(errors='replace').strip()}")
        at_end(self.close)
        run("mount", "-t", "proc", "proc", self.root + "/proc")
        self.make_devices()
        with open(self.root + "/usr/sbin/policy-rc.d", "w") as f:
            f.write("#!/bin/sh\nexit 101\n")
        os.chmod(self.root + "/usr/sbin/policy-rc.d", 0o755)
        if not os.path.exists(self.root + program):
            env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
            r = self.run("apt-get", "-q", "-y", "install", "--no-install-recommends", *packages, env=env, timeout=600, check=False)
            if r.returncode != 0:
                raise Skip(f"{name} cannot be installed: {r.stderr[-300:]!r}")
        with open(complete, "w"):
            pass
        for inside, outside in self.shared.items():
            os.makedirs(self.root + inside, exist_ok=True)
            run("mount", "--bind", outside, self.root + inside)

    def make_devices(self):
        """A /dev of its own, as Debian has it, whatever rights the machine's has; where nodes cannot be made, the machine's."""
        dev = self.root + "/dev"
        run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", dev)
        try:
            for name, minor in (("null", 3), ("zero", 5), ("full", 7), ("random", 8), ("urandom", 9)):
                os.mknod(f"{dev}/{name}", stat.S_IFCHR, os.makedev(1, minor))
                os.chmod(f"{dev}/{name}", 0o666)
        except PermissionError:
            run("umount", dev)
            run("mount", "--rbind", "/dev", dev)
            run("mount", "--make-rslave", dev)
            return
        os.symlink("/proc/self/fd", dev + "/fd")
        os.mkdir(dev + "/shm")
        os.chmod(dev + "/shm", 0o1777)

    def run(self, *command, **options):
        return run("chroot", self.root, *command, **options)

    def start(self, *command, **options):
        """A program that stays; ended with the overlay, with all that it started, also in process groups of their own."""
        p = subprocess.Popen(["unshare", "--pid", "--fork", "--kill-child", "chroot", self.root, *command], stdin=subprocess.DEVNULL, start_new_session=True, **options)
        self.processes.append(p)
        return p

    def stop(self):
        for p in self.processes:
            with open(f"/proc/{p.pid}/task/{p.pid}/children") as f:
                inits = f.read().split()
            for signal in (15, 9):
                try:
                    os.killpg(p.pid, signal)
                except ProcessLookupError:
                    break
                try:
                    p.wait(10)
                    break
                except subprocess.TimeoutExpired:
                    continue
            # The first process of a pid namespace ends after all others of it: then their ports are free.
            for init in inits:
                wait_for(lambda pid=init: has_ended(pid), f"the end of process {init}")
        self.processes = []

    def unmount(self):
        for place in [*self.shared, "/dev", "/proc", ""]:
            if os.path.ismount(self.root + place):
                subprocess.run(["umount", "-l", self.root + place], capture_output=True)

    def close(self):
        self.stop()
        self.unmount()
        self.lock.close()


def wait_port(port, what, seconds=30):
    deadline = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 2).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise AssertionError(f"{what}: port {port} does not answer")
            time.sleep(0.05)
