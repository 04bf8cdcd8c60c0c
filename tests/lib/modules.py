# SPDX-License-Identifier: MIT
"""Test modules, built as their authors would: installed headers, pkg-config and a compiler."""
import os
import shlex
import shutil

from tap import TOP, run, scratch

# SATCHEL_MODULES_BUILD: where modules come from, and what they are built against, when that is not the server's own build.
# SATCHEL_MODULES_FROM: a directory with sources of test modules and include/, both from another day, which are built in place of today's.
OTHER_DAY = os.environ.get("SATCHEL_MODULES_FROM")
INST = os.path.join(os.environ.get("SATCHEL_MODULES_BUILD") or os.environ.get("SATCHEL_BUILD") or os.path.join(TOP, ".build"), "inst")


class Modules:
    """A module directory of the test, with the installed modules and those that are built into it."""

    def __init__(self):
        run(os.path.join(TOP, "tools/lib/build.sh"), os.path.dirname(INST))
        work = scratch()
        os.chmod(work, 0o755)
        self.dir = os.path.join(work, "modules")
        shutil.copytree(os.path.join(INST, "lib/satchel/modules"), self.dir)

    def add(self, source, name, *flags):
        """@source: a path below tests/."""
        where, headers = (OTHER_DAY, ["-I" + os.path.join(OTHER_DAY, "include")]) if OTHER_DAY else (os.path.join(TOP, "tests"), [])
        env = {**os.environ, "PKG_CONFIG_PATH": os.path.join(INST, "lib/pkgconfig")}
        found = shlex.split(run("pkg-config", "--cflags", "--libs", "satchel", env=env, text=True).stdout)
        run("cc", "-std=gnu17", "-Wall", "-fPIC", "-shared", "-o", os.path.join(self.dir, name + ".so"), os.path.join(where, source), *headers, *flags, *found)

    def options(self, *names):
        """Returns the options and environment with which a server uses this directory."""
        enabled = [x for name in names for x in ("--set", name + ".enabled=true")]
        return ["--set", "server.module_dir=" + self.dir, *enabled]
