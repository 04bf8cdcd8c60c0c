# SPDX-License-Identifier: MIT
"""A copy of the tree in .mutants/, in which one line at a time is broken, and a build of it that is put back as it was."""
import functools
import os
import re
import resource
import shutil
import signal
import subprocess
import threading
import time

import line_counts
import mutations
import test_map
from line_counts import TOP

WORK = os.path.join(TOP, ".mutants")
TREE, BUILD, PRISTINE, TEMPORARY = (os.path.join(WORK, n) for n in ("tree", "build", "pristine", "tmp"))
# A test hangs when it takes this much longer than when its lines were counted.
TIMES, SECONDS_MORE = 5, 30
BYTES_AT_MOST = 4 << 30
# So many of those that a broken line passed are run once more to look for leaks.
LEAK_TESTS = 12
# Everything but these is read-only for a broken program, which might delete what it should not.
WRITABLE = 'for d in {own}; do mount --bind $d $d; done; for d in {others}; do mount --bind {temporary} $d; done; ' \
    'mount -o remount,bind,ro / && cd {build} && exec "$@"'
# make takes what is newer for the result of what is older.
AGES = (r"\.Po$|\.Plo$", r"\.o$", r"\.lo$", r"\.a$", r"(^|/)lib[^/]*\.(so.*|lai?|)$", r"\.(so|lai?)$", "")


def bring_copy_up_to_date():
    """Copies what differs, so that make builds only that; a source that was moved goes from where it was."""
    names = subprocess.run(["git", "-C", TOP, "ls-files", "-z"], check=True, capture_output=True).stdout.decode().split("\0")
    wanted = {n for n in names if n and os.path.exists(os.path.join(TOP, n))}
    for name in wanted:
        old, new = os.path.join(TOP, name), os.path.join(TREE, name)
        if not os.path.exists(new) or open(old, "rb").read() != open(new, "rb").read():
            os.makedirs(os.path.dirname(new), exist_ok=True)
            shutil.copy(old, new)
    for part in line_counts.PARTS:
        for directory, _, files in os.walk(os.path.join(TREE, part)):
            for path in (os.path.join(directory, f) for f in files if f.endswith((".c", ".h"))):
                if os.path.relpath(path, TREE) not in wanted:
                    os.unlink(path)


def make(*words, jobs=1):
    """(exit status, output)"""
    done = subprocess.run(["make", "-s", "-j", str(jobs), *words], cwd=BUILD, capture_output=True, text=True, errors="replace")
    return done.returncode, done.stdout + done.stderr


def prepare(jobs):
    """The copy, configured and built, and a second one of what was built.  Without debugging information equal objects are
    equal code; with the compiler's optimisation a change that makes no difference is none."""
    bring_copy_up_to_date()
    os.makedirs(TEMPORARY, exist_ok=True)
    os.chmod(TEMPORARY, 0o1777)
    if not os.path.exists(os.path.join(TREE, "configure")):
        subprocess.run(["./autogen.sh"], cwd=TREE, check=True, stdout=subprocess.DEVNULL)
    if not os.path.exists(os.path.join(BUILD, "Makefile")):
        os.makedirs(BUILD, exist_ok=True)
        subprocess.run([os.path.join(TREE, "configure"), "-q", "--disable-hardening", "CFLAGS=-O2", f"--prefix={BUILD}/inst"],
                       cwd=BUILD, check=True)
    # Programs find the library when they start, so that a new one is no reason to link them again.
    for targets in (lambda: ["all"], lambda: ["-o", "libsatchel.la", *make("print-check-programs")[1].split()]):
        status, said = make(*targets(), jobs=jobs)
        if status != 0:
            raise SystemExit(f"mutate: the copy does not build:\n{said[-2000:]}")
    if not os.path.exists(os.path.join(BUILD, "inst")):
        make("install")
    make("-o", "libsatchel.la", "install-sbinPROGRAMS", "install-binPROGRAMS")
    install(["libsatchel.so.0.0.0", *os.listdir(os.path.join(BUILD, "inst/lib/satchel/modules"))])
    shutil.rmtree(PRISTINE, ignore_errors=True)
    subprocess.run(["cp", "-a", BUILD, PRISTINE], check=True)


def age(name):
    return next(i for i, pattern in enumerate(AGES) if re.search(pattern, name))


def put_back(name, code, since):
    """The file of the tree, and all that was built from it since."""
    with open(os.path.join(TREE, name), "w", encoding="utf-8") as file:
        file.write(code)
    os.utime(os.path.join(TREE, name), (since - 1, since - 1))
    changed = []
    for directory, _, names in os.walk(BUILD):
        for path in (os.path.join(directory, n) for n in names):
            if not os.path.islink(path) and os.stat(path).st_mtime >= since:
                changed.append(os.path.relpath(path, BUILD))
    now = time.time_ns()
    for changed_name in changed:
        old, new = os.path.join(PRISTINE, changed_name), os.path.join(BUILD, changed_name)
        if os.path.exists(old):
            os.unlink(new)
            shutil.copy(old, new)
            when = now + 1000000 * age(changed_name)
            os.utime(new, ns=(when, when))


def objects_of(name):
    """(target of make, object) of each that is compiled from a source."""
    directory, base = os.path.dirname(name), os.path.basename(name)[:-2]
    names = [n for n in sorted(os.listdir(os.path.join(BUILD, directory))) if re.fullmatch(rf"(\w+-)?{base}\.l?o", n)]
    stems = {n[:-3] for n in names if n.endswith(".lo")}
    return [(os.path.join(directory, n), os.path.join(directory, ".libs" if n.endswith(".lo") else "", re.sub(r"\.l?o$", ".o", n)))
            for n in names if n.endswith(".lo") or n[:-2] not in stems]


def compile_broken(name):
    """An outcome where there is nothing to test, or None."""
    differs = False
    for target, built in objects_of(name):
        if make(target)[0] != 0:
            return mutations.NOT_COMPILED
        with open(os.path.join(BUILD, built), "rb") as new, open(os.path.join(PRISTINE, built), "rb") as old:
            differs = new.read() != old.read()
        if differs:
            break
    return None if differs else mutations.EQUIVALENT


def link(name, test):
    """What the test runs of a broken source.  Programs find libsatchel.so when they start, and need no linking for it."""
    is_core = "/libsatchel_la-" in objects_of(name)[0][0]
    module = name.split("/")[1] if name.startswith("modules/") else None
    built = ["libsatchel.la"] if is_core else [n for n in os.listdir(BUILD) if module and re.fullmatch(rf"{module}(-\w+)?\.la", n)]
    targets = list(built)
    if test_map.is_end_to_end(test):
        targets += [] if built else ["install-sbinPROGRAMS"]
    elif not is_core:
        targets = [test_map.command(test, TREE)[0][2:]] + (built if test_map.rank(test) else [])
    status, said = make(*([] if is_core else ["-o", "libsatchel.la"]), *targets)
    if status != 0:
        raise SystemExit(f"mutate: {test} does not link:\n{said[-2000:]}")
    if test_map.is_end_to_end(test):
        install([n.replace(".la", ".so.0.0.0" if is_core else ".so") for n in built])


def install(names):
    """Libraries to where servers find them; libtool would link all modules again."""
    for name in (n for n in names if n.endswith((".so", ".0"))):
        to = os.path.join(BUILD, "inst/lib", name if name.startswith("libsatchel") else f"satchel/modules/{name}")
        shutil.copy(os.path.join(BUILD, ".libs", name), to + ".new")
        os.replace(to + ".new", to)


@functools.lru_cache(maxsize=None)
def cage():
    """The words before a command that make the rest of the machine read-only, where the system lets us."""
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode != 0:
        return ()
    others = " ".join(d for d in ("/tmp", "/var/tmp") if not BUILD.startswith(d + "/"))
    script = WRITABLE.format(own=f"{BUILD} {TREE}", others=others, temporary=TEMPORARY, build=BUILD)
    return ("unshare", "--mount", "sh", "-c", script, "sh")


def limit_memory():
    resource.setrlimit(resource.RLIMIT_DATA, (BYTES_AT_MOST, BYTES_AT_MOST))
    resource.setrlimit(resource.RLIMIT_FSIZE, (BYTES_AT_MOST, BYTES_AT_MOST))


@functools.lru_cache(maxsize=None)
def leak_finder():
    """gcc's library that finds memory which nobody frees, in programs that were not built for it; as make check-asan does."""
    path = subprocess.run(["gcc", "-print-file-name=liblsan.so"], capture_output=True, text=True).stdout.strip()
    return path if os.path.isabs(path) else None


def command_for_leaks(test):
    """The program itself, since libtool's script would be looked at, too."""
    program, *arguments = test_map.command(test, TREE)
    directory, name = os.path.split(program)
    real = next((p for p in (f"{directory}/.libs/lt-{name}", f"{directory}/.libs/{name}") if os.path.exists(os.path.join(BUILD, p))), program)
    return ["env", f"LD_PRELOAD={leak_finder()}", f"LD_LIBRARY_PATH={BUILD}/.libs",
            f"LSAN_OPTIONS=suppressions={TREE}/tests/lsan.supp:print_suppressions=0", real, *arguments]


def run(test, seconds, finds_leaks=False):
    """KILLED, TIMED_OUT, or None if the test passes.  It is ended at its first failure."""
    command = command_for_leaks(test) if finds_leaks else test_map.command(test, TREE)
    words = [*cage(), "python3", os.path.join(TOP, "tests/lib/limited.py"), *command]
    child = subprocess.Popen(words, cwd=BUILD, env=test_map.environment(BUILD, TREE), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, text=True, errors="replace", preexec_fn=limit_memory)
    over = threading.Event()

    def end():
        over.set()
        child.send_signal(signal.SIGTERM)
    timer = threading.Timer(seconds, end)
    timer.start()
    failed = False
    try:
        for line in child.stdout:
            if line.startswith(("not ok", "Bail out!")) and " # TODO" not in line:
                failed = True
                break
        if failed:
            child.send_signal(signal.SIGTERM)
        status = child.wait()
    finally:
        timer.cancel()
        if child.poll() is None:
            child.send_signal(signal.SIGTERM)
            child.wait()
    if failed:
        return mutations.KILLED
    if over.is_set():
        return mutations.TIMED_OUT
    return mutations.KILLED if status != 0 else None


def limit_of(known, test):
    return SECONDS_MORE + TIMES * known["tests"][test]["seconds"]


def ask_tests(known, name, tests):
    """(outcome, test, whether it was a leak) of the first that notices."""
    linked = set()
    for test in tests:
        target = (test_map.command(test, TREE)[0], test_map.rank(test))
        if target not in linked:
            link(name, test)
        linked.add(target)
        outcome = run(test, limit_of(known, test))
        if outcome is not None:
            return outcome, test, False
    for test in tests[:LEAK_TESTS]:
        if leak_finder() and test not in leaking and not test.endswith((".py", ".sh")):
            if run(test, limit_of(known, test), True) == mutations.KILLED:
                return mutations.KILLED, test, True
    return mutations.ALIVE, None, False


leaking = set()  # tests that the finder of leaks does not let pass as they are


def confirm(known, outcome, test, is_leak):
    """The result, with the line put back: what hung, leaked, or failed with servers must not do so now.  None: it does, so that
    the test tells nothing."""
    had_servers = outcome == mutations.KILLED and test_map.is_end_to_end(test)
    is_in_doubt = outcome == mutations.TIMED_OUT or had_servers
    if is_in_doubt and run(test, limit_of(known, test)) is not None:
        return None
    if is_leak and run(test, limit_of(known, test), True) is not None:
        leaking.add(test)
        return mutations.ALIVE
    if test is None:
        return outcome
    return f"{outcome} {'by' if outcome == mutations.KILLED else 'in'} {test}{' (a leak)' if is_leak else ''}"


def ask_broken(known, mutation, tests):
    """What ask_tests says with the line broken, or an outcome where there is nothing to ask.  The copy is put back whatever happens."""
    name = mutation[0]
    with open(os.path.join(TREE, name), encoding="utf-8") as file:
        code = file.read()
    since = time.time()
    try:
        with open(os.path.join(TREE, name), "w", encoding="utf-8") as file:
            file.write(mutations.broken(code, mutation))
        nothing = compile_broken(name)
        if nothing or not tests:
            return nothing or mutations.NOT_COVERED, None, False
        return ask_tests(known, name, tests)
    finally:
        put_back(name, code, since)


def try_mutation(known, mutation, only=()):
    """The result, as the table has it.  A test that does not pass in the tree as it is, because the machine is busy, is left out."""
    tests = [t for t in test_map.tests_of(known, *mutation[:2], TREE) if not only or t in only]
    result, are_left_out = None, False
    while result is None:
        outcome, test, is_leak = ask_broken(known, mutation, tests)
        if outcome == mutations.NOT_COVERED and are_left_out:
            return mutations.ALIVE
        result = confirm(known, outcome, test, is_leak)
        if result is None:
            tests, are_left_out = tests[tests.index(test) + 1:], True
            print(f"mutate: {test} does not pass in the tree as it is within {limit_of(known, test):.0f} s", flush=True)
    return result
