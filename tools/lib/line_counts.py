# SPDX-License-Identifier: MIT
"""The build with gcc's counters in .coverage/, and which lines of core/ and modules/ a run of it counted."""
import collections
import concurrent.futures
import json
import os
import subprocess

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
BUILD = os.path.join(TOP, ".coverage")
PARTS = ("core/", "modules/")
# For one gcov; they are shared out among the processors.
FILES_AT_ONCE = 40


def run(*words, **options):
    return subprocess.run(words, check=True, **options)


def build(jobs=os.cpu_count()):
    """Programs, modules and tests, with counters."""
    os.makedirs(BUILD, exist_ok=True)
    if not os.path.exists(os.path.join(TOP, "configure")):
        run("./autogen.sh", cwd=TOP, stdout=subprocess.DEVNULL)
    if not os.path.exists(os.path.join(BUILD, "Makefile")):
        run(os.path.join(TOP, "configure"), "-q", "--disable-hardening", "CFLAGS=-O0 -g --coverage", "LDFLAGS=--coverage",
            # What ends a process writes its counts.
            "CPPFLAGS=-D_exit=exit", f"--prefix={BUILD}/inst", cwd=BUILD)
    # One after the other: `all` is a make of its own, and two at once would write the same objects.
    run("make", "-s", "-j", str(jobs), "all", cwd=BUILD)
    programs = run("make", "-s", "print-check-programs", cwd=BUILD, capture_output=True, text=True).stdout.split()
    run("make", "-s", "-j", str(jobs), *programs, cwd=BUILD)


def open_to_servers():
    """Installs the programs, and lets the users that servers run as write counts: into files that are there."""
    run("make", "-s", "install", cwd=BUILD, stdout=subprocess.DEVNULL)
    for name in files_with(".gcno"):
        path = os.path.join(BUILD, name[:-len(".gcno")] + ".gcda")
        open(path, "wb").close()
        os.chmod(path, 0o666)


def tests_of_suites(*suites):
    found = []
    for suite in suites:
        found += run("make", "-s", "print-tests", f"SUITE={suite}", cwd=BUILD, capture_output=True, text=True).stdout.split()
    return found


def files_with(suffix):
    return [os.path.relpath(os.path.join(d, n), BUILD) for d, _, names in os.walk(BUILD) for n in names if n.endswith(suffix)]


def counted_by_gcov(names):
    said = subprocess.run(["gcov", "--json-format", "--stdout", *names], cwd=BUILD, capture_output=True, text=True).stdout
    found = {}
    for text in said.splitlines():
        for file in json.loads(text)["files"] if text.startswith("{") else ():
            name = os.path.relpath(os.path.realpath(os.path.join(BUILD, file["file"])), TOP)
            if name.startswith(PARTS) and "/tests/" not in name:
                lines = found.setdefault(name, collections.Counter())
                for line in file["lines"]:
                    lines[line["line_number"]] += line["count"]
    return found


def counted(names, jobs=os.cpu_count()):
    """{file: {line: count}} of objects, by their .gcno or .gcda; lines that can run have a count, of 0 too."""
    parts = [names[i:i + FILES_AT_ONCE] for i in range(0, len(names), FILES_AT_ONCE)]
    total = {}
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for found in pool.map(counted_by_gcov, parts):
            for name, lines in found.items():
                total.setdefault(name, collections.Counter()).update(lines)
    return total
