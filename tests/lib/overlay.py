# SPDX-License-Identifier: MIT
"""Other servers in overlays of the root file system: their packages conflict with one another and with what the machine
has, and nothing of them is to stay on it.  A layer of packages is installed once and kept for the next run; each overlay
begins with a copy of it, so that tests that use the same server run at the same time."""
import contextlib
import fcntl
import glob
import os
import shutil
import socket
import stat
import subprocess
import sys
import tempfile

from tap import Skip, at_end, awaiting, has_ended, lacking, run, wait_for

SCRATCH = os.environ.get("SATCHEL_PEERS") or "/var/tmp/satchel-peers"
POSTFIX_PACKAGES = ("postfix", "/usr/sbin/postfix", "postfix")
SPAM_PACKAGES = ("spam-filters", "/usr/bin/rspamd", "postfix", "rspamd", "redis-server", "spamassassin", "spamd")
EXIM_PACKAGES = ("exim", "/usr/sbin/exim4", "exim4-daemon-heavy")
DOVECOT_PACKAGES = ("dovecot", "/usr/sbin/dovecot", "dovecot-imapd", "dovecot-pop3d", "dovecot-lmtpd")


def there_are(*packages):
    """Returns the packages that this release has."""
    def is_there(package):
        r = subprocess.run(["apt-cache", "policy", package], capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"})
        return "Candidate: " in r.stdout and "Candidate: (none)" not in r.stdout
    return [package for package in packages if is_there(package)]


@contextlib.contextmanager
def locked(path, what):
    with open(path, "w") as lock, awaiting(what):
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def mount(root, up, work):
    r = run("mount", "-t", "overlay", "overlay", "-o", f"lowerdir=/,upperdir={up},workdir={work}", root, check=False)
    if r.returncode != 0:
        raise Skip(f"no overlay can be mounted here: {r.stderr.decode(errors='replace').strip()}")
    run("mount", "-t", "proc", "proc", root + "/proc")
    make_devices(root + "/dev")


def make_devices(dev):
    """A /dev of its own, as Debian has it, whatever rights the machine's has; where nodes cannot be made, the machine's."""
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


def unmount(root):
    """Lists everything that is mounted there and below, the last mount first."""
    with open("/proc/self/mounts") as f:
        places = [line.split()[1] for line in f]
    for place in reversed(places):
        if place == root or place.startswith(root + "/"):
            subprocess.run(["umount", "-l", place], capture_output=True)


def in_root(root, *command, **options):
    return run("chroot", root, *command, **options)


def install_packages(root, name, packages):
    with open(root + "/usr/sbin/policy-rc.d", "w") as f:
        f.write("#!/bin/sh\nexit 101\n")
    os.chmod(root + "/usr/sbin/policy-rc.d", 0o755)
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    if not glob.glob("/var/lib/apt/lists/*_Packages*"):
        in_root(root, "apt-get", "-q", "update", env=env, check=False)
    r = in_root(root, "apt-get", "-q", "-y", "install", "--no-install-recommends", *packages, env=env, check=False)
    if r.returncode != 0:
        lacking(f"{name} cannot be installed: {r.stderr[-300:]!r}")


def layer(name, program, *packages):
    """Returns the directory with the installed packages, which is laid over the root directory of this machine."""
    if os.getuid() != 0:
        raise Skip(f"{name} in an overlay needs root")
    place = os.path.join(SCRATCH, name)
    up, work, complete = place + "-up", place + "-work", place + ".complete"
    os.makedirs(place, exist_ok=True)
    with locked(place + ".lock", f"the installation of {name} by another test"):
        if os.path.exists(complete) and os.path.exists(up + program):
            return up
        # What an installation that was cut off left behind is no ground to stand on.
        unmount(place)
        for directory in (up, work):
            shutil.rmtree(directory, ignore_errors=True)
            os.makedirs(directory)
        try:
            mount(place, up, work)
            install_packages(place, name, packages)
        finally:
            unmount(place)
        with open(complete, "w"):
            pass
    return up


def places_locked():
    """Held by whoever makes or removes a place, so that nobody meets one that is half made or half gone."""
    return locked(os.path.join(SCRATCH, "places.lock"), "other tests that make or remove overlays")


def new_place(name):
    """A directory for one overlay and the open file that keeps it from being cleaned away; those of tests that were killed go."""
    os.makedirs(SCRATCH, exist_ok=True)
    with places_locked():
        for old in glob.glob(os.path.join(SCRATCH, "use-*")):
            with open(old + "/lock", "a") as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    continue
                remove_place(old)
        place = tempfile.mkdtemp(prefix=f"use-{name}-", dir=SCRATCH)
        lock = open(place + "/lock", "w")
        fcntl.flock(lock, fcntl.LOCK_EX)
    os.chmod(place, 0o755)
    for sub in ("root", "work"):
        os.mkdir(os.path.join(place, sub))
    return place, lock


def remove_place(place):
    unmount(place + "/root")
    if not os.path.ismount(place + "/root"):
        shutil.rmtree(place, ignore_errors=True)


def own_etc():
    """Runs the test again where /etc is its own: what is made there is gone with its last process, however that ends."""
    if os.environ.pop("SATCHEL_OWN_ETC", None) is None:
        os.environ["SATCHEL_OWN_ETC"] = "yes"
        os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable, *sys.argv])
    run("mount", "-t", "tmpfs", "tmpfs", "/mnt")  # seen here alone, as all that follows
    for directory in ("/mnt/up", "/mnt/work"):
        os.mkdir(directory)
    os.chmod("/mnt/up", 0o755)
    r = run("mount", "-t", "overlay", "overlay", "-o", "lowerdir=/etc,upperdir=/mnt/up,workdir=/mnt/work", "/etc", check=False)
    if r.returncode != 0:
        raise Skip(f"no overlay can be mounted here: {r.stderr.decode(errors='replace').strip()}")


class Overlay:
    """`root`: where it is mounted until the end of the test; `shared` {inside: outside}: directories bound into it."""

    def __init__(self, name, program, *packages, shared=None):
        packages_layer = layer(name, program, *packages)
        self.place, self.lock = new_place(name)
        self.root = self.place + "/root"
        self.processes = []
        at_end(self.close)
        run("cp", "-a", packages_layer, self.place + "/up")  # it cannot lie between: overlayfs wants no layer inside another
        mount(self.root, self.place + "/up", self.place + "/work")
        for inside, outside in (shared or {}).items():
            os.makedirs(self.root + inside, exist_ok=True)
            run("mount", "--bind", outside, self.root + inside)

    def run(self, *command, **options):
        return in_root(self.root, *command, **options)

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

    def close(self):
        self.stop()
        with places_locked():
            remove_place(self.place)
        self.lock.close()


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), 2).close()
        return True
    except OSError:
        return False


def wait_port(port, what, seconds=120):
    wait_for(lambda: listens(port), f"{what} listens on port {port}", seconds)


def wait_closed(port):
    wait_for(lambda: not listens(port), f"nothing listens on port {port}")
