# SPDX-License-Identifier: MIT
"""Small file systems for servers of a test, which it fills and empties."""
import contextlib
import os
import subprocess

from tap import Skip, at_end, equal, scratch


class SmallDisk:
    """A tmpfs of its own.  @inodes bounds how many files it can have."""

    def __init__(self, size, inodes=None, at=None):
        """@at: the directory on which it is mounted; without one it gets a new one."""
        if os.getuid() != 0:
            raise Skip("mounting a small file system needs root")
        self.path = at or scratch()
        os.chmod(self.path, 0o755)
        options = f"size={size},mode=755" + (f",nr_inodes={inodes}" if inodes else "")
        r = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", self.path], capture_output=True, text=True)
        if r.returncode != 0:
            raise Skip(f"no tmpfs can be mounted here: {r.stderr.strip()}")
        at_end(lambda: subprocess.run(["umount", "-l", self.path]))

    def belongs_to(self, path):
        """Gives its root directory owner and mode of @path."""
        s = os.stat(path)
        os.chown(self.path, s.st_uid, s.st_gid)
        os.chmod(self.path, s.st_mode & 0o777)

    def free(self):
        s = os.statvfs(self.path)
        return s.f_bavail * s.f_frsize

    def fill(self, leave=0):
        """Another program takes all but about @leave bytes."""
        name = os.path.join(self.path, "fill")
        with open(name, "ab", buffering=0) as f, contextlib.suppress(OSError):
            if leave == 0:
                for size in (1 << 20, 65536, 4096):
                    with contextlib.suppress(OSError):
                        while f.write(b"f" * size):
                            pass
            else:
                os.posix_fallocate(f.fileno(), os.path.getsize(name), max(self.free() - leave, 1))
        if leave == 0:
            equal(os.statvfs(self.path).f_bfree, 0, "free blocks")

    def take_inodes(self):
        """Another program makes files until there can be no more."""
        os.makedirs(os.path.join(self.path, "files"), exist_ok=True)
        with contextlib.suppress(OSError):
            for n in range(1000000):
                os.close(os.open(os.path.join(self.path, "files", str(n)), os.O_CREAT | os.O_WRONLY))
        equal(os.statvfs(self.path).f_ffree, 0, "free inodes")

    def give_back(self):
        """The other program removes its files."""
        for name in ("fill", "files"):
            path = os.path.join(self.path, name)
            if os.path.isdir(path):
                for file in os.listdir(path):
                    os.unlink(os.path.join(path, file))
                os.rmdir(path)
            elif os.path.exists(path):
                os.unlink(path)
