#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What `make install DESTDIR=` puts where systemd and fail2ban read: without holes, valid, and as closed as promised."""
import glob
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import TOP, case, equal, main, need, run, scratch  # noqa: E402

BUILD = os.environ.get("SATCHEL_BUILD") or os.environ.get("SATCHEL_BUILDDIR") or os.path.join(TOP, ".build")
dest = scratch()
prefix = ""


def installed(*parts):
    return os.path.join(dest + prefix, *parts)


def units(pattern="*"):
    found = sorted(glob.glob(installed("lib/systemd/system", "satchel" + pattern)))
    equal(len(found) > 0, True, f"installed units {pattern}")
    return found


@case
def no_holes():
    """every file is there, no name of the build is left in one, and each program of a unit is where the unit says"""
    global prefix
    # Not the modules: libtool links them anew in the tree for that, where other tests load them.
    run("make", "-s", "-C", BUILD, "install", f"DESTDIR={dest}", "module_LTLIBRARIES=", timeout=300)
    with open(os.path.join(BUILD, "Makefile")) as f:
        prefix = re.search(r"^prefix = (\S+)$", f.read(), re.M).group(1)
    files = units() + [installed("lib", part) for part in ("systemd/system-preset/50-satchel.preset", "sysusers.d/satchel.conf", "tmpfiles.d/satchel.conf")]
    files += glob.glob(installed("*/fail2ban/filter.d/satchel.conf")) + glob.glob(installed("lib/pkgconfig/satchel.pc"))
    equal(len(files), 5 + 3 + 2, f"files: {files}")
    for path in files:
        with open(path) as f:
            text = f.read()
        equal(re.findall(r"@\w+@|\$\{(?:exec_)?prefix\}/(?:s?bin|lib/systemd)", text), [], path)
        for program in re.findall(r"^Exec\w+=(\S+)", text, re.M):
            equal(os.access(dest + program, os.X_OK), True, f"{path}: {program}")


@case
def verified():
    """systemd-analyze verify has nothing to say"""
    need("systemd-analyze")
    # The programs are looked for without DESTDIR: those of the build's own installation are the same.
    r = run("systemd-analyze", "verify", "--man=no", *units(), check=False, text=True)
    ours = [line for line in (r.stdout + r.stderr).splitlines() if "satchel" in line and "is not executable" not in line]
    equal(ours, [], "systemd-analyze verify")


@case
def exposure():
    """systemd's measure of exposure: 2.5 at most under root's master, 1.5 at most under one account"""
    need("systemd-analyze")
    for pattern, most in ((".service", 2.5), ("-unprivileged.service", 1.5)):
        said = run("systemd-analyze", "security", "--no-pager", "--offline=yes", *units(pattern), text=True, check=False).stdout
        figure = float(re.search(r"exposure level for \S+ (\d+\.\d)", said).group(1))
        equal(figure <= most, True, f"satchel{pattern}: {figure}")


@case
def nothing_by_itself():
    """the preset disables every unit that can be enabled"""
    with open(installed("lib/systemd/system-preset/50-satchel.preset")) as f:
        disabled = re.findall(r"^disable (\S+)$", f.read(), re.M)
    for path in units():
        with open(path) as f:
            if "[Install]" in f.read():
                equal(os.path.basename(path) in disabled, True, path)


main()
