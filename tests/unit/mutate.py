#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tools/mutate: which changes it makes, how it goes on with a table, what it says of a run, and which tests it asks."""
import contextlib
import importlib.machinery
import importlib.util
import io
import os
import random
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.environ.get("SATCHEL_SRCDIR") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."), "tests/lib"))
from tap import TOP, case, equal, main, scratch  # noqa: E402

loader = importlib.machinery.SourceFileLoader("mutate", os.path.join(TOP, "tools/mutate"))
mutate = importlib.util.module_from_spec(importlib.util.spec_from_loader("mutate", loader))
loader.exec_module(mutate)
import mutant_build  # noqa: E402
import mutations  # noqa: E402
import test_map  # noqa: E402

CODE = """/* if (a == 1) */
static const int table[] = {
  1 == 1,
};

static gboolean
work (int a, int b)
{
  if (a == 3 && b < 2)
    return FALSE;
  g_return_val_if_fail (a != 0, FALSE);
  call (a, "b == 1");
  return TRUE;
}
"""


def write(directory, name, text):
    with open(os.path.join(directory, name), "w", encoding="utf-8") as file:
        file.write(text)
    return os.path.join(directory, name)


def made_up(count):
    return [(f"core/storage/file{i}.c", i + 1, 2, 3, "off by one", "<", "<=") for i in range(count)]


def break_lines(*arguments):
    with contextlib.redirect_stdout(io.StringIO()):
        return mutate.break_lines(*arguments)


@case
def bodies():
    """what is broken are statements of functions: no comment, text, table or check of arguments"""
    directory = scratch()
    write(directory, "a.c", CODE)
    found = mutations.candidates(directory, ["."])
    equal(sorted({m[1] for m in found}), [9, 10, 12, 13], "lines")
    equal({mutations.broken(CODE, m).split("\n")[8] for m in found if m[1] == 9},
          {"  if (!(a == 3 && b < 2))", "  if (a == 3 || b < 2)", "  if (a != 3 && b < 2)", "  if (a == 3 && b >= 2)",
           "  if (a == 3 && b <= 2)", "  if (a == 4 && b < 2)", "  if (a == 3 && b < 3)"}, "changes of line 9")
    equal([mutations.broken(CODE, m).split("\n")[11] for m in found if m[1] == 12], ["  ;"], "changes of line 12")
    for mutation in found:
        differ = [a != b for a, b in zip(CODE.split("\n"), mutations.broken(CODE, mutation).split("\n"))]
        equal(differ.index(True) + 1 if sum(differ) == 1 else None, mutation[1], f"the one line that {mutation} changes")


@case
def once_a_line():
    """no line is broken twice"""
    directory = scratch()
    write(directory, "a.c", CODE)
    equal(sorted(m[1] for m in mutations.one_a_line(mutations.candidates(directory, ["."]))), [9, 10, 12, 13], "lines")


@case
def replaced():
    """what does not compile or is equivalent stands in the table, and others are broken for it"""
    table, tried = os.path.join(scratch(), "table.tsv"), []
    results = iter(["does not compile", "equivalent", "ALIVE", "killed by a", "not covered"])

    def attempt(mutation):
        tried.append(mutation)
        return next(results)
    equal(break_lines(made_up(9), 2, table, False, attempt, lambda: False), True, "whether it is done")
    equal(tried, made_up(9)[:4], "what was tried")
    equal(list(mutations.read_rows(table).values()), ["does not compile", "equivalent", "ALIVE", "killed by a"], "results")


@case
def resumed():
    """a run that stopped in the middle of a row goes on with that row, and ends as if it had not stopped"""
    whole, part = (os.path.join(scratch(), n) for n in ("whole.tsv", "part.tsv"))
    chance = random.Random(3)
    results = [chance.choice(["ALIVE", "killed by a", "does not compile", "timed out in b"]) for _ in range(40)]

    def result_of(mutation):
        return results[mutation[1] - 1]
    break_lines(made_up(40), 12, whole, False, result_of, lambda: False)
    patience = iter([False] * 5 + [True])
    equal(break_lines(made_up(40), 12, part, False, result_of, lambda: next(patience)), False, "whether it is done")
    equal(len(mutations.read_rows(part)), 5, "rows when the time was over")
    with open(part, "a", encoding="utf-8") as file:
        file.write(mutations.row_of(made_up(40)[5], "killed by tests/un"))
    tried = []
    equal(break_lines(made_up(40), 12, part, True, lambda m: tried.append(m) or result_of(m), lambda: False), True, "whether it is done now")
    equal(tried[0], made_up(40)[5], "what was tried first")
    with open(whole, encoding="utf-8") as a, open(part, encoding="utf-8") as b:
        equal(b.read(), a.read(), "the table")
    equal(break_lines(made_up(40), 12, part, True, None, None), True, "a run with nothing left to do")
    with open(whole, encoding="utf-8") as a, open(part, encoding="utf-8") as b:
        equal(b.read(), a.read(), "the table after it")


@case
def reported():
    """the report has a row a directory, counts no change that made no difference, and names those that lived"""
    rows = {("a/b/x.c:3:1", "off by one", "< => <="): "ALIVE", ("a/b/y.c:4:1", "off by one", "1 => 0"): "killed by t",
            ("a/z.c:5:1", "off by one", "> => >="): "timed out in t", ("a/z.c:6:1", "negated condition", "(q) => (!(q))"): "not covered",
            ("a/z.c:7:1", "off by one", "> => >="): "equivalent", ("a/z.c:8:1", "off by one", "> => >="): "does not compile"}
    equal(mutations.in_words(rows, ["a", "a/b"]).split("\n")[2:],
          ["| `a` | 2 | 0 | 1 | 0 | 1 | 50 % |", "| `a/b` | 2 | 1 | 0 | 1 | 0 | 50 % |", "| all | 4 | 1 | 1 | 1 | 1 | 50 % |", "",
           "- `a/b/x.c:3:1`, off by one: `< => <=`", "- `a/z.c:6:1`, negated condition: `(q) => (!(q))` (not covered)"], "report")


@case
def again():
    """what lived is broken again where it is now, and nothing else"""
    now = [("a.c", 7, 2, 3, "off by one", "<", "<="), ("a.c", 90, 2, 3, "off by one", "<", "<="), ("b.c", 7, 2, 3, "off by one", "<", "<="),
           ("a.c", 8, 2, 3, "off by one", ">", ">=")]
    rows = {("a.c:5:3", "off by one", "< => <="): "ALIVE", ("b.c:7:3", "off by one", "< => <="): "killed by a",
            ("a.c:8:3", "off by one", "> => >="): "not covered", ("gone.c:1:1", "off by one", "< => <="): "ALIVE"}
    equal(mutations.survivors_among(rows, now), [now[0], now[3]], "what is broken again")


@case
def asked():
    """tests that run a line are asked in order; a line added since belongs to the one before, a statement to its first line"""
    then = "one\ntwo\nthree\nfour\nfive\n"
    now = "zero\none\ntwo\nnew\nthree\nfour\nfive\n"
    directory = scratch()
    write(directory, "x.c", then)
    for words in (["init", "-q"], ["add", "x.c"], ["-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-q", "-m", "a"]):
        subprocess.run(["git", "-C", directory, *words], check=True, env={**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null"})
    commit = subprocess.run(["git", "-C", directory, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    write(directory, "x.c", now)
    tests = {name: {"commit": commit, "seconds": seconds, "passes": passes, "lines": {"x.c": lines}}
             for name, seconds, passes, lines in (("tests/protocol/imap/a.script", 1, True, [2, 4]), ("tests/unit/slow", 99, True, [2]),
                                                  ("tests/unit/quick", 2, True, [2]), ("satchel-storage-check/maildir", 9, True, [1, 2, 4]),
                                                  ("tests/unit/red", 1, False, [2]), ("tests/unit/other", 1, True, [5]))}
    known = {"tests": tests, "can_run": {commit: {"x.c": [1, 2, 4, 5]}}}
    before, test_map.TOP = test_map.TOP, directory
    try:
        in_order = ["tests/unit/quick", "satchel-storage-check/maildir", "tests/protocol/imap/a.script", "tests/unit/slow"]
        equal(test_map.tests_of(known, "x.c", 3, directory), in_order, "tests of a line that moved")
        equal(test_map.tests_of(known, "x.c", 4, directory), in_order, "tests of a line that is new")
        equal(test_map.tests_of(known, "x.c", 5, directory), in_order, "tests of a line that continues a statement")
        equal(test_map.tests_of(known, "x.c", 2, directory), ["satchel-storage-check/maildir"], "tests of the first line")
        equal(test_map.tests_of(known, "x.c", 1, directory), [], "tests of a line before all others")
        write(directory, "z.c", "int z;\n")
        equal(test_map.tests_of(known, "z.c", 1, directory), ["tests/unit/other", *in_order], "tests of a file that is newer than the map")
        os.mkdir(os.path.join(directory, "moved"))
        subprocess.run(["git", "-C", directory, "mv", "x.c", "moved/y.c"], check=True)
        test_map.names_then.cache_clear()
        equal(test_map.tests_of(known, "moved/y.c", 3, directory), in_order, "tests of a line whose file moved")
    finally:
        test_map.TOP = before


@case
def stacks():
    """the storage suite can be asked about each stack alone"""
    build = os.environ["SATCHEL_BUILDDIR"]
    for stack in test_map.STACKS:
        words = test_map.command(f"satchel-storage-check/{stack}", TOP)
        listed = subprocess.run([*words, "-l"], cwd=build, env=test_map.environment(build, TOP), capture_output=True, text=True).stdout
        equal(f"/conformance/{stack.split('-')[0]}" in listed, True, f"cases of {stack}")


@case
def hung():
    """a test that hangs is told from one that fails, and ended"""
    directory = scratch()
    hangs = write(directory, "hangs.sh", "#!/bin/sh\necho ok 1\nsleep 1000 & echo $! > left\nwait\n")
    fails = write(directory, "fails.sh", "#!/bin/sh\necho ok 1\necho not ok 2\nexec sleep 1000\n")
    passes = write(directory, "passes.sh", "#!/bin/sh\necho 'not ok 1 # TODO later'\n")
    crashes = write(directory, "crashes.sh", "#!/bin/sh\necho ok 1\nkill -SEGV $$\n")
    for name in (hangs, fails, passes, crashes):
        os.chmod(name, 0o755)
    before = mutant_build.BUILD, mutant_build.TREE, mutant_build.TEMPORARY
    mutant_build.BUILD = mutant_build.TREE = mutant_build.TEMPORARY = directory
    try:
        for seconds in (3, 20, 120):  # a busy machine takes a while to start it
            equal(mutant_build.run(hangs, seconds), mutations.TIMED_OUT, "one that hangs")
            if os.path.exists(os.path.join(directory, "left")):
                break
        with open(os.path.join(directory, "left"), encoding="utf-8") as file:
            equal(os.path.exists(f"/proc/{file.read().strip()}"), False, "what it left running")
        equal(mutant_build.run(fails, 600), mutations.KILLED, "one that fails")
        equal(mutant_build.run(crashes, 600), mutations.KILLED, "one that crashes")
        equal(mutant_build.run(passes, 600), None, "one that passes")
    finally:
        mutant_build.BUILD, mutant_build.TREE, mutant_build.TEMPORARY = before


@case
def doubt():
    """what hung, or failed with servers, counts only if it passes with the line put back"""
    known = {"tests": {name: {"seconds": 1} for name in ("tests/protocol/lmtp.py", "tests/unit/test-store")}}
    before, says = mutant_build.run, {"now": None}
    mutant_build.run = lambda *_: says["now"]
    try:
        for outcome, test in ((mutations.KILLED, "tests/protocol/lmtp.py"), (mutations.TIMED_OUT, "tests/unit/test-store")):
            says["now"] = None
            equal(mutations.outcome(mutant_build.confirm(known, outcome, test, False)), outcome, f"{outcome}, and passes now")
            says["now"] = mutations.KILLED
            equal(mutant_build.confirm(known, outcome, test, False), None, f"{test}, which does not pass in the tree as it is")
        equal(mutant_build.confirm(known, mutations.KILLED, "tests/unit/test-store", False), "killed by tests/unit/test-store",
              "a test without servers")
    finally:
        mutant_build.run = before


@case
def left_out():
    """a test that does not pass in the tree as it is tells nothing, and those after it are asked; if none of them notices, the line lives"""
    tests = ["tests/unit/a", "tests/unit/b", "tests/unit/c"]
    known = {"tests": {name: {"seconds": 1} for name in tests}}
    asked = []

    def ask_broken(_known, _mutation, left):
        asked.append(list(left))
        test = next((t for t in left if t in notices), None)
        return (mutations.TIMED_OUT, test, False) if test else (mutations.ALIVE if left else mutations.NOT_COVERED, None, False)
    before = mutant_build.ask_broken, mutant_build.run, test_map.tests_of
    mutant_build.ask_broken, mutant_build.run, test_map.tests_of = ask_broken, lambda test, *_: mutations.TIMED_OUT if test in slow else None, lambda *_: tests
    try:
        for notices, slow, result, rounds in ((("tests/unit/a", "tests/unit/b"), ("tests/unit/a",), "timed out in tests/unit/b", [tests, tests[1:]]),
                                              (("tests/unit/b",), ("tests/unit/b",), mutations.ALIVE, [tests, tests[2:]]),
                                              (("tests/unit/c",), ("tests/unit/c",), mutations.ALIVE, [tests, []])):
            asked.clear()
            equal((mutant_build.try_mutation(known, ("core/x.c", 1)), asked), (result, rounds), f"{notices} notice, {slow} are slow")
    finally:
        mutant_build.ask_broken, mutant_build.run, test_map.tests_of = before


main()
