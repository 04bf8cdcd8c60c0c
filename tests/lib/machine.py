# SPDX-License-Identifier: MIT
"""A machine with a real systemd as its first process, in namespaces of its own (processes, mounts, network, control
groups) over a root directory that it never writes to: what it changes lies in memory and goes with it.  The machine
it runs on needs no systemd of its own."""
import contextlib
import ctypes
import glob
import os
import signal
import subprocess

from tap import Skip, at_end, run, wait_for

_libc = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1

# What would reach out of the namespaces, or has nothing to do in them.
MASKED = ("systemd-sysctl.service systemd-modules-load.service systemd-remount-fs.service systemd-tmpfiles-setup-dev.service "
          "systemd-tmpfiles-setup-dev-early.service systemd-update-utmp.service systemd-journal-flush.service "
          "systemd-random-seed.service systemd-udevd.service systemd-udev-trigger.service systemd-udevd-kernel.socket "
          "systemd-udevd-control.socket systemd-hwdb-update.service systemd-firstboot.service systemd-binfmt.service "
          "dev-hugepages.mount dev-mqueue.mount sys-kernel-debug.mount sys-kernel-tracing.mount sys-kernel-config.mount "
          "sys-fs-fuse-connections.mount proc-sys-fs-binfmt_misc.automount systemd-timesyncd.service systemd-resolved.service "
          "systemd-networkd.service systemd-networkd.socket systemd-logind.service systemd-journald-audit.socket tmp.mount").split()

# Two steps: the control group first, so that its namespace begins there.  A tree that is mounted apart is bound in.
ENTER = r'''
set -e
cg=$1/cgroup
mkdir -p "$cg" "$1/over" "$1/root"
mount -t cgroup2 cgroup2 "$cg"
mkdir "$cg/$2"
echo 0 > "$cg/$2/cgroup.procs"
umount "$cg"
mount -t tmpfs -o mode=755 tmpfs "$1/over"
mkdir "$1/over/up" "$1/over/work"
exec unshare --cgroup sh -c "$3" enter "$@"
'''
BOOT = r'''
set -e
root=$1/root
mount -t overlay overlay -o "lowerdir=$4,upperdir=$1/over/up,workdir=$1/over/work" "$root"
for pair in $5; do
    mkdir -p "$root${pair#*:}"
    mount --bind "${pair%%:*}" "$root${pair#*:}"
    mount -o remount,bind,ro "$root${pair#*:}"
done
mount -t proc proc "$root/proc"
mount --bind "$root/proc/sys" "$root/proc/sys"
mount -o remount,bind,ro "$root/proc/sys"
mount -t sysfs -o ro,nosuid,nodev,noexec sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for n in null:1:3 zero:1:5 full:1:7 random:1:8 urandom:1:9 tty:5:0; do
    minor=${n##*:} n=${n%:*}
    mknod -m 666 "$root/dev/${n%:*}" c "${n#*:}" "$minor"
done
ln -s /proc/self/fd "$root/dev/fd"
mkdir "$root/dev/shm" "$root/dev/pts"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
hostname mail.example.org
ip link set lo up
chroot "$root" sh -c "$6"
cd "$root"
mkdir -p .old
if pivot_root . .old 2>/dev/null; then
    umount -l /.old
    rmdir /.old
    set --
else # the root here is no mount: a chroot
    mount --move . /
    set -- chroot .
fi
exec "$@" env -i container=satchel-test PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    /usr/lib/systemd/systemd --unit=satchel-test.target --log-target=journal --show-status=0
'''
PREPARE = r'''
rm -rf /etc/systemd/system/*.wants /etc/systemd/journald.conf.d
mkdir -p /etc/systemd/system /etc/systemd/journald.conf.d
echo mail.example.org > /etc/hostname
printf '[Journal]\nStorage=volatile\nRateLimitIntervalSec=0\nReadKMsg=no\n' > /etc/systemd/journald.conf.d/test.conf
printf '[Unit]\nRequires=basic.target systemd-journald.service\nAfter=basic.target\nAllowIsolate=yes\n' > /etc/systemd/system/satchel-test.target
for unit in %s; do ln -sf /dev/null /etc/systemd/system/$unit; done
rm -f /var/lib/man-db/auto-update
: > /etc/fstab
rm -f /etc/machine-id; : > /etc/machine-id
printf '#!/bin/sh\nexit 0\n' > /usr/sbin/policy-rc.d; chmod 755 /usr/sbin/policy-rc.d
''' % " ".join(MASKED)


def _die_with_parent():
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Machine:
    """`lower`: the root directory, or several with colons between, the upper ones first (SATCHEL_MACHINE_ROOT; else that of this
    machine); `shared` {outside: inside}: directories it sees, read-only."""

    def __init__(self, lower=None, shared=None):
        lower = lower or os.environ.get("SATCHEL_MACHINE_ROOT") or "/"
        self.place = "/run/satchel-test-%d" % os.getpid()
        self.group = "satchel-test-%d-%d" % (os.getpid(), id(self) & 0xffff)
        self.first = None
        if os.getuid() != 0:
            raise Skip("a machine in namespaces needs root")
        if not any(os.path.exists(os.path.join(root, "usr/lib/systemd/systemd")) for root in lower.split(":")):
            raise Skip(f"there is no systemd in {lower}")
        for place in glob.glob("/run/satchel-test-*"):  # of a run that was killed
            if not os.path.exists("/proc/" + place.rpartition("-")[2]):
                _clean(place, f"satchel-test-{place.rpartition('-')[2]}-*")
        os.makedirs(self.place, mode=0o700, exist_ok=True)
        pairs = " ".join(f"{outside}:{inside}" for outside, inside in (shared or {}).items())
        self.log = open(os.path.join(self.place, "console"), "wb")
        self.outer = subprocess.Popen(["unshare", "--mount", "--pid", "--fork", "--kill-child", "--uts", "--ipc", "--net", "--propagation", "private",
                                       "sh", "-c", ENTER, "enter", self.place, self.group, BOOT, lower, pairs, PREPARE],
                                      stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, preexec_fn=_die_with_parent)
        at_end(self.close)
        self.first = wait_for(self._first, "the first process")
        wait_for(self._is_up, "the start of systemd", 60)

    def _console(self):
        with open(os.path.join(self.place, "console"), errors="replace") as f:
            return f.read()[-600:]

    def _first(self):
        if self.outer.poll() is not None:
            raise Skip(f"no machine can be made here: {self._console()}")
        with open(f"/proc/{self.outer.pid}/task/{self.outer.pid}/children") as f:
            pids = f.read().split()
        return int(pids[0]) if pids else None

    def _is_up(self):
        if self.outer.poll() is not None:
            raise Skip(f"no systemd starts here: {self._console()}")
        try:
            with open(f"/proc/{self.first}/comm") as f:
                if f.read().strip() != "systemd":
                    return False
        except OSError:
            return False
        r = self.run("systemctl", "is-system-running", check=False)
        return r.stdout.decode().strip() in ("running", "degraded")

    def run(self, *command, **options):
        """Runs a command inside; its output is bytes unless text=True."""
        return run("nsenter", "-t", str(self.first), "-m", "-u", "-i", "-n", "-p", "-C", "-r", "--", "env", "-i",
                   "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "HOME=/root", "TERM=dumb",
                   "DEBIAN_FRONTEND=noninteractive", *command, **options)

    def say(self, *command, **options):
        """Returns the output of a command, which must succeed."""
        return self.run(*command, **options).stdout.decode().strip()

    def runs(self, pid, program):
        """Says whether the process runs the file that has this name now; a unit's mount namespace may show other paths than this one."""
        return self.run("test", f"/proc/{pid}/exe", "-ef", program, check=False).returncode == 0

    def fails(self, *command):
        """Returns both outputs of a command, which must fail."""
        r = self.run(*command, check=False)
        if r.returncode == 0:
            raise AssertionError(f"{command} succeeded: {r.stdout!r}")
        return (r.stdout + r.stderr).decode()

    def put(self, path, content, mode=0o644):
        self.run("sh", "-c", 'mkdir -p "$(dirname "$1")"; cat > "$1"; chmod "$2" "$1"', "put", path, oct(mode)[2:], input=content.encode())

    def state(self, unit):
        return self.say("systemctl", "show", "-p", "ActiveState", "--value", unit)

    def journal(self, unit):
        self.run("journalctl", "--sync")  # what was logged until now is in it
        return self.say("journalctl", "--no-pager", "-o", "cat", "-u", unit)

    def processes(self, unit):
        """{pid inside: command line} of a unit's control group."""
        r = self.run("sh", "-c", 'for p in $(cat /sys/fs/cgroup/system.slice/$1/cgroup.procs 2>/dev/null); do '
                     'printf "%s " $p; tr "\\0" " " < /proc/$p/cmdline; echo; done', "processes", unit, check=False)
        return {int(line.split()[0]): line.partition(" ")[2].strip() for line in r.stdout.decode().splitlines() if line.strip()}

    @contextlib.contextmanager
    def network(self):
        """Sockets that this thread makes inside the block belong to the machine."""
        with open("/proc/thread-self/ns/net") as ours, open(f"/proc/{self.first}/ns/net") as theirs:
            _setns(theirs.fileno())
            try:
                yield
            finally:
                _setns(ours.fileno())

    def close(self):
        if self.first is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.first, signal.SIGKILL)  # with it goes every process of the namespace
            self.first = None
        else:
            self.outer.kill()
        self.outer.wait(30)
        self.log.close()
        _clean(self.place, self.group)


def _clean(place, groups):
    """Removes the control groups, which outlive their processes."""
    subprocess.run(["unshare", "--mount", "--propagation", "private", "sh", "-c",
                    'mkdir -p "$1/cgroup"; mount -t cgroup2 cgroup2 "$1/cgroup" && find "$1/cgroup"/$2 -depth -type d -exec rmdir {} +',
                    "clean", place, groups], capture_output=True, timeout=60)
    subprocess.run(["rm", "-rf", "--one-file-system", place], capture_output=True, timeout=60)


def _setns(fd):
    if _libc.setns(fd, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")
