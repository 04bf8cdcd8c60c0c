#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A layer, and a driver, that were built against the headers of the ABI's first day (tests/install/abi-N.tar.xz, decision 0088) pass the
suite of today under today's core: methods and members that came later are not asked of them."""
import glob
import os
import re
import shlex
import subprocess
import sys
import tarfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import TOP, case, equal, main, run, scratch  # noqa: E402

BUILD = os.environ.get("SATCHEL_BUILDDIR") or os.path.join(TOP, ".build")
with open(os.path.join(TOP, "include/satchel/module.h")) as header:
    ABI = re.search(r"#define SATCHEL_ABI (\d+)", header.read())[1]
TODAY = {name: os.path.join(BUILD, "tests/layers/.libs", name + ".so") for name in ("memory", "noop")}
work = scratch()


def build(name):
    """Compiles a module of the first day, without anything of today."""
    day = os.path.join(work, f"abi-{ABI}")
    if not os.path.isdir(day):
        with tarfile.open(os.path.join(TOP, f"tests/install/abi-{ABI}.tar.xz")) as archive:
            archive.extractall(work)
    module = os.path.join(work, name + ".so")
    flags = shlex.split(run("pkg-config", "--cflags", "glib-2.0", text=True).stdout)
    run("cc", "-std=gnu17", "-O0", "-fPIC", "-shared", "-DNAME=\"" + name + "\"", "-I" + os.path.join(day, "include"), "-o", module,
        os.path.join(day, "layers", name + ".c"), *(sorted(glob.glob(os.path.join(day, "layers/memory_*.c"))) if name == "memory" else []), *flags)
    os.chmod(module, 0o755)
    return module


def passes(*levels):
    """Runs the whole suite over a stack; no case fails, and most are run."""
    r = subprocess.run([os.path.join(BUILD, "satchel-storage-check"), *levels], capture_output=True, text=True,
                       env={**os.environ, "TMPDIR": "/dev/shm"})
    equal(r.returncode, 0, r.stdout[-3000:] + r.stderr[-3000:])
    results = re.findall(r"^(ok|not ok) \d+ \S+(.*)$", r.stdout, re.M)
    n = sum(1 for result, rest in results if result == "ok" and "SKIP" not in rest)
    equal(n > 90, True, f"cases that passed: {n}")
    print(f"# {n} of {len(results)} cases", flush=True)


@case
def methods_came_later():
    """the tables of today are longer than those of the first day, or nothing is tried here"""
    build("xor")
    with open(os.path.join(work, f"abi-{ABI}/include/satchel/storage.h")) as old, open(os.path.join(TOP, "include/satchel/storage.h")) as new:
        methods = [set(re.findall(r"^  [^\n]*?\(\*(\w+)\)", f.read(), re.M)) for f in (old, new)]
    equal(methods[0] - methods[1], set(), "methods that are gone")
    equal(len(methods[1] - methods[0]) > 0, True, "methods that came later")
    print("# since then: " + ", ".join(sorted(methods[1] - methods[0])), flush=True)


def stack(name):
    def look():
        passes(build(name), TODAY["memory"])
    look.__doc__ = f"the first layer {name} over a driver of today"
    return look


for one in ("xor", "sealed", "kept"):
    case(stack(one))


@case
def driver():
    """the first driver memory under a layer of today"""
    passes(TODAY["noop"], build("memory"))


main()
