# SPDX-License-Identifier: MIT
"""Which lines each test runs, counted by gcc in .coverage/ and kept there in map.json with the commit that was counted."""
import difflib
import functools
import json
import os
import subprocess
import time

import line_counts
from line_counts import BUILD, TOP

PATH = os.path.join(BUILD, "map.json")
# What comes first where several run a line: (how the name ends, how it begins, rank).
RANKS = ((".py", "", 3), ("", "satchel-storage-check", 1), ("", "tests/protocol/", 2))
# The storage suite is a test for each of these stacks: the drivers alone, and each layer over the quicker driver.  All of its
# 18 stacks at once take as long as everything else that is asked about a line.
MEMORY = "./tests/layers/.libs/memory.so"
STACKS = {"memory": [MEMORY], "maildir": ["./.libs/maildir.so"],
          "maildir-fs": ['./.libs/maildir.so:layout = "fs"; control_path = "control/%u"; other_server = "dovecot";'],
          "maildir-courier": ['./.libs/maildir.so:path = "%d/%n/Maildir"; other_server = "courier";'],
          **{layer + "+memory": [f"./tests/layers/.libs/{layer}.so", MEMORY]
             for layer in ("noop", "xor", "sealed", "sealed-told", "shows")},
          "retention+memory": ["./.libs/retention.so", MEMORY]}
# A test that takes longer comes last, whatever its rank.
SLOW_SECONDS = 30
# Of protocol scripts and of end-to-end tests no more are asked about a line than these: all scripts cost about the same, so
# those that run most of the file come first.
AT_MOST = {2: 15, 3: 3}


def rank(test):
    return next((r for end, start, r in RANKS if test.endswith(end) and test.startswith(start)), 0)


def is_end_to_end(test):
    """A test that starts servers: of the installed programs, and outside of the sandbox where they are counted."""
    return test.endswith(".py")


def command(test, tree):
    """The words that run a test in a build directory of @tree; a protocol script is a test of its own."""
    if test.endswith(".script"):
        own = {"tests/protocol/pop3": "run-pop3-script", "tests/protocol/lmtp": "run-lmtp-script"}
        program = own.get(os.path.dirname(test), "run-script")
        return [f"./tests/protocol/{program}", os.path.join(tree, test)]
    if is_end_to_end(test):
        return ["python3", os.path.join(tree, test)]
    if test.startswith("satchel-storage-check/"):
        return ["./satchel-storage-check", *STACKS[test.split("/")[1]]]
    return [os.path.join(tree, test)] if test.endswith(".sh") else [f"./{test}"]


def environment(build, tree):
    return {**os.environ, "G_DEBUG": "fatal-criticals", "SATCHEL_BUILDDIR": build, "SATCHEL_BUILD": build, "SATCHEL_SRCDIR": tree,
            "SATCHEL_MODULE_PATH": os.path.join(build, ".libs"), "SATCHEL_TEST_RUN": str(os.getpid())}


def all_tests():
    """Those that count: the programs of C, and each protocol script."""
    programs = [t for t in line_counts.tests_of_suites("unit", "protocol") if not t.endswith((".sh", ".py"))]
    programs += [f"satchel-storage-check/{stack}" for stack in STACKS]
    scripts = [f"tests/protocol/{d}/{n}" for d in ("imap", "clients", "pop3", "lmtp")
               for n in sorted(os.listdir(os.path.join(TOP, "tests/protocol", d))) if n.endswith(".script")]
    return programs + scripts


def present_commit():
    """The working tree as a commit, whether its changes are committed or not."""
    # Without it, stash fails where only times of files differ.
    subprocess.run(["git", "-C", TOP, "update-index", "-q", "--refresh"], capture_output=True)
    made = line_counts.run("git", "-C", TOP, "stash", "create", capture_output=True, text=True).stdout.strip()
    return made or line_counts.run("git", "-C", TOP, "rev-parse", "HEAD", capture_output=True, text=True).stdout.strip()


def run_counted(test, seconds):
    """The lines that the test runs, and its time."""
    for name in line_counts.files_with(".gcda"):
        os.unlink(os.path.join(BUILD, name))
    if is_end_to_end(test):
        line_counts.open_to_servers()
    began = time.monotonic()
    done = subprocess.run(["python3", os.path.join(TOP, "tests/lib/limited.py"), *command(test, TOP)], cwd=BUILD,
                          env={**environment(BUILD, TOP), "SATCHEL_SET": "server.sandbox=off", "SATCHEL_TEST_LIMIT": str(seconds)}, capture_output=True, text=True,
                          errors="replace")
    took = time.monotonic() - began
    lines = {name: sorted(n for n, count in found.items() if count)
             for name, found in line_counts.counted(line_counts.files_with(".gcda")).items()}
    return done.returncode, took, {name: found for name, found in lines.items() if found}


def load():
    """{"tests": {name: what it ran}, "can_run": {commit: {file: lines}}}"""
    try:
        with open(PATH, encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        return {"tests": {}, "can_run": {}}


def save(known):
    with open(PATH + ".new", "w", encoding="utf-8") as file:
        json.dump(known, file)
    os.replace(PATH + ".new", PATH)


def count(tests, jobs, seconds):
    """Runs tests one by one, and keeps what each ran."""
    line_counts.build(jobs)
    commit, known = present_commit(), load()
    known["can_run"][commit] = {name: sorted(found) for name, found in line_counts.counted(line_counts.files_with(".gcno")).items()}
    for test in tests or all_tests():
        status, took, lines = run_counted(test, seconds)
        print(f"{took:7.1f} s  {sum(map(len, lines.values())):>6} lines  {test}{'' if status == 0 else f'  (status {status})'}", flush=True)
        known["tests"][test] = {"commit": commit, "seconds": round(took, 1), "passes": status == 0, "lines": lines}
        used = {entry["commit"] for entry in known["tests"].values()}
        known["can_run"] = {c: found for c, found in known["can_run"].items() if c in used or c == commit}
        save(known)


@functools.lru_cache(maxsize=None)
def text_at(commit, name):
    said = subprocess.run(["git", "-C", TOP, "show", f"{commit}:{name}"], capture_output=True, text=True, errors="replace")
    return said.stdout.split("\n") if said.returncode == 0 else []


@functools.lru_cache(maxsize=None)
def names_then(commit):
    """{name of now: name in the commit} of files that were moved since."""
    said = subprocess.run(["git", "-C", TOP, "diff", "--name-status", "--diff-filter=R", "-M", "-l0", commit],
                          capture_output=True, text=True, errors="replace").stdout
    return {now: then for _, then, now in (line.split("\t") for line in said.splitlines())}


def name_then(commit, name):
    return names_then(commit).get(name, name)


@functools.lru_cache(maxsize=None)
def lines_then(commit, name, tree):
    """{line of now: line of the commit}; one that is new stands for the nearest line before it that was there."""
    with open(os.path.join(tree, name), encoding="utf-8") as file:
        now = file.read().split("\n")
    then, found = text_at(commit, name_then(commit, name)), {}
    for a, b, size in difflib.SequenceMatcher(None, then, now, autojunk=False).get_matching_blocks():
        found.update({b + i + 1: a + i + 1 for i in range(size)})
    for number in range(1, len(now) + 1):
        found.setdefault(number, found.get(number - 1, 0))
    return found


def order(tests, name):
    """@tests as the map has them, those to ask first first."""
    def cost(test):
        entry = tests[test]
        most = -len(entry["lines"].get(name_then(entry["commit"], name), ())) if rank(test) == 2 else 0
        return entry["seconds"] > SLOW_SECONDS, rank(test), most, entry["seconds"]
    asked, n_asked = [], {}
    for test in sorted((t for t in tests if rank(t) < 3 or tests[t]["seconds"] <= SLOW_SECONDS), key=cost):
        n_asked[rank(test)] = n_asked.get(rank(test), 0) + 1
        if n_asked[rank(test)] <= AT_MOST.get(rank(test), len(tests)):
            asked.append(test)
    return asked


def tests_of(known, name, number, tree):
    """The tests that run a line, in the order in which to ask them.  gcc counts a statement of several lines at the first one,
    so a line that has no count has that of the line before.  A file that is newer than the map may be run by all that run others of
    its directory."""
    def runs_it(entry):
        old_name = name_then(entry["commit"], name)
        if old_name not in known["can_run"][entry["commit"]]:
            return any(os.path.dirname(other) == os.path.dirname(old_name) for other in entry["lines"])
        then, can_run = lines_then(entry["commit"], name, tree)[number], known["can_run"][entry["commit"]].get(old_name, ())
        while then > 0 and then not in can_run:
            then -= 1
        return then in entry["lines"].get(old_name, ())
    return order({t: entry for t, entry in known["tests"].items() if entry["passes"] and runs_it(entry)}, name)
