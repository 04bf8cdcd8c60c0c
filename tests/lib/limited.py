#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs one test program: limited.py PROGRAM ARGUMENT...  A test that hangs says where before it is ended, no process of a
test outlives it, and the log ends with the time that the test took.  SATCHEL_TEST_LIMIT: seconds that a test may take."""
import ctypes
import os
import resource
import shutil
import signal
import subprocess
import sys
import time

LIMIT = float(os.environ.get("SATCHEL_TEST_LIMIT") or (3600 if os.environ.get("SATCHEL_LONG") else 900))
# For what a test does when its time is over: the dump (tests/lib/tap.py), the end of its servers, its unmounting.
GRACE = 60
PR_SET_CHILD_SUBREAPER = 36
STACKS_AT_MOST = 8
INTERRUPTED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def say(text):
    """Prints lines as diagnostics of TAP, which go to the log."""
    print("".join(f"# {line}\n" for line in text.splitlines()), end="", flush=True)


def parents():
    """{process: its parent} of all processes."""
    found = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat") as f:
                found[int(name)] = int(f.read().rpartition(")")[2].split()[1])
        except OSError:
            pass
    return found


def descendants(of):
    """Lists processes, those that start others first."""
    parent_of = parents()
    found = []
    generation = [of]
    while generation:
        generation = [pid for pid, parent in parent_of.items() if parent in generation]
        found += generation
    return found


def describe(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            words = f.read().replace(b"\0", b" ").decode(errors="replace").strip()
        with open(f"/proc/{pid}/stat") as f:
            name, _, rest = f.read().partition("(")[2].rpartition(")")
        with open(f"/proc/{pid}/wchan") as f:
            place = f.read().strip("0\n") or "user space"
    except OSError:
        return f"{pid}: has ended"
    return f"{pid}, child of {rest.split()[1]}, state {rest.split()[0]}, in {place}: {words or name:.200}"


def is_python(pid):
    try:
        return os.path.basename(os.readlink(f"/proc/{pid}/exe")).startswith("python")
    except OSError:
        return False


def tell_state(test):
    """Where every process of the test is.  A test in Python tells more itself; of C the debugger tells the stacks."""
    processes = descendants(os.getpid())
    say("\n".join(describe(pid) for pid in processes))
    if is_python(test):
        os.kill(test, signal.SIGUSR1)
        return
    if not shutil.which("gdb"):
        say("there is no gdb: no stacks")
        return
    for pid in processes[:STACKS_AT_MOST]:
        try:
            r = subprocess.run(["gdb", "-p", str(pid), "-batch", "-nx", "-ex", "thread apply all backtrace 30"],
                               stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=GRACE)
        except subprocess.TimeoutExpired:
            continue
        stack = [line for line in r.stdout.splitlines() if line.startswith(("#", "Thread"))]
        say(f"stacks of {pid}:\n" + "\n".join(stack))


class Expired(Exception):
    """The time allowed for a wait is over."""


def alarm(_sign, _frame):
    raise Expired


def wait_for_end(test, seconds):
    """Waits for the test and returns its status; processes that others leave behind are reaped meanwhile."""
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        while True:
            pid, status = os.wait()
            if pid == test:
                return status
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def end_processes(processes):
    for pid in processes:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def end_all():
    """Ends the processes that are left.  The children of a process that ends become this one's."""
    while True:
        end_processes(descendants(os.getpid()))
        try:
            os.wait()
        except ChildProcessError:
            return


def interrupt(sign, _frame):
    for other in INTERRUPTED:
        signal.signal(other, signal.SIG_IGN)
    end_all()
    sys.exit(128 + sign)


started = []  # a Popen that nobody keeps would take the status of a test that ends at once


def start(command):
    try:
        started.append(subprocess.Popen(command, stdin=subprocess.DEVNULL))
        return started[0].pid
    except OSError as e:
        print(f"Bail out! {command[0]}: {e.strerror}", flush=True)
        sys.exit(99)


def wait_for_test(test):
    """Returns the exit status as a shell reports it."""
    try:
        status = wait_for_end(test, LIMIT)
    except Expired:
        say(f"the test has run for {LIMIT:g} s, which is its limit")
        tell_state(test)
        try:
            if not is_python(test):
                end_processes([test])
            wait_for_end(test, GRACE)
        except Expired:
            end_processes([test])
        return 124
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def main(command):
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGALRM, alarm)
    for sign in INTERRUPTED:
        signal.signal(sign, interrupt)
    began = time.monotonic()
    code = wait_for_test(start(command))
    left = [describe(pid) for pid in descendants(os.getpid())]
    if left:
        say("left running by the test, ended now:\n" + "\n".join(left))
    end_all()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    say(f"took {time.monotonic() - began:.1f} s, computed for {used.ru_utime + used.ru_stime:.1f} s")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
