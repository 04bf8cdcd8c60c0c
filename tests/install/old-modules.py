#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Modules that were built before the public structures grew work in a server that was built after.  A copy of the tree gets a member
more in each structure that may grow (types.h says which); its server then runs the end-to-end tests of each kind of module with
the modules of this tree, unchanged."""
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import LONG, TOP, Skip, case, equal, main, run, scratch  # noqa: E402

# Builds and tests of one run share a look at the tree (tools/lib/build.sh).
RUN = os.environ.get("SATCHEL_TEST_RUN") or f"old-modules-{os.getpid()}"

BUILD = os.environ.get("SATCHEL_BUILD") or os.path.join(TOP, ".build")
# Drivers, layers, protocols, filters, passdbs and userdbs, services and helpers are in them.
TESTS = ("tests/protocol/locked.py", "tests/fault/helper.py")
LONG_TESTS = ("tests/fault/reload.py", "tests/fault/crash.py", "tests/fault/hang.py")
GROWN = "  gpointer grown[3];\n"
state = {}


def grow(text):
    """The header with a member more wherever one may come, and how many did."""
    def longer(m):
        body = m[0]
        if "SATCHEL_RESERVED (" in body:
            return re.sub(r"SATCHEL_RESERVED \((\d+)\)", lambda r: f"gpointer grown; SATCHEL_RESERVED ({int(r[1]) - 1})", body)
        may_grow = re.search(r"\{\s*size_t size;", body) or "SATCHEL_MADE_BY_CORE" in body or "struct SatchelModule\n" in body
        return body[:body.rindex("\n}") + 1] + GROWN + body[body.rindex("\n}") + 1:] if may_grow else body
    changed = re.sub(r"^(?:typedef )?struct Satchel\w+\n\{\n(?:[^}].*\n|\n)*?\}[^;]*;", longer, text, flags=re.M)
    return changed, changed.count("grown")


def make_core(tree, build):
    """Builds and installs what makes a server but its modules, as fast as it goes: only the old ones are to be found."""
    inst = os.path.join(build, "inst")
    os.mkdir(build)
    run("/bin/dash", os.path.join(tree, "configure"), "CONFIG_SHELL=/bin/dash", f"--prefix={inst}", f"--sysconfdir={inst}/etc", f"--localstatedir={inst}/var", "--disable-hardening",
        "--enable-precompiled-headers", "CFLAGS=-O0 -g0", cwd=build)
    left_out = ("module_LTLIBRARIES=", "noinst_LTLIBRARIES=", "bin_PROGRAMS=satchel", "man_MANS=", "dist_man_MANS=")
    # A cache of compiled files has none of these, and would be filled for nobody.
    run("make", "-s", f"-j{os.cpu_count()}", "-C", build, *left_out, "all", timeout=1800, env={**os.environ, "CCACHE_DISABLE": "1"})
    run("make", "-s", "-C", build, *left_out, "install", timeout=1800)
    with open(os.path.join(build, ".built-for"), "w") as f:
        f.write(RUN)


@case
def server_grows():
    """the server builds with a member more in each structure that may grow"""
    tree = os.path.join(scratch(), "tree")
    os.chmod(os.path.dirname(tree), 0o755)
    shutil.copytree(TOP, tree, symlinks=True, ignore=lambda folder, names: [n for n in names if n.startswith((".build", ".git", ".quick"))])
    n = 0
    folder = os.path.join(tree, "include", "satchel")
    for name in os.listdir(folder):
        with open(os.path.join(folder, name)) as f:
            text, n_here = grow(f.read())
        with open(os.path.join(folder, name), "w") as f:
            f.write(text)
        n += n_here
    equal(n > 40, True, f"structures that grew: {n}")
    build = os.path.join(tree, ".build")
    make_core(tree, build)
    state["build"] = build
    print(f"# {n} structures grew", flush=True)


def works(test):
    def look():
        if "build" not in state:
            raise Skip("no grown server, see above")
        r = subprocess.run([sys.executable, os.path.join(TOP, test)], capture_output=True, text=True,
                           env={**os.environ, "SATCHEL_BUILD": state["build"], "SATCHEL_MODULES_BUILD": BUILD, "SATCHEL_TEST_RUN": RUN})
        equal(r.returncode, 0, r.stdout[-6000:] + r.stderr[-2000:])
    look.__doc__ = f"old modules in it: {test}"
    return look


for one in TESTS + (LONG_TESTS if LONG else ()):
    case(works(one))

main()
