#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a refused login tells: not by its text, and, as a statistic that is printed, not by its time either.  A classifier that gets
two timings, one of each kind, says which is which; 0.5 is a guess (AUC, the area under its curve)."""
import os
import random
import re
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import Server, case, equal, main  # noqa: E402

N = int(os.environ.get("SATCHEL_TIMINGS") or 2000)
# Cheap hashes: what differs beside the hash shows the more.
CHEAP = ("--set", 'passwd-file.memory="8K"', "--set", "passwd-file.passes=1")
server = Server(*CHEAP, users=4)
STORE = os.path.join(os.path.dirname(server.config_dir), "state/auth/totp")
with open(STORE + ".key", "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as key:
    key.write("a master key of 32 characters or more\n")
os.chown(STORE + ".key", os.stat(os.path.dirname(STORE)).st_uid, os.stat(os.path.dirname(STORE)).st_gid)
server.stop("--keep")
server.start(*CHEAP, "--set", "totp.enabled=true", "--set", f'totp.key="file:{STORE}.key"', "--set", f'totp.path="{STORE}"',
             "--set", 'auth.failure_delay="0"', "--set", 'auth.explain="never"', "--set", "limits.login_failures=100000")
server.cli("user", "lock", "u0003")
server.cli("totp", "enrol", "u0002", "--no-confirm", "--json")
# Each time another secret where a wrong one is sent: a repeated one goes a way of its own.
KINDS = {"wrong password": ("u0001", "no{}"), "no such user": ("u9999", "no{}"), "locked, right password": ("u0003", "pw"),
         "right password, no code": ("u0002", "pw"), "enrolled, wrong password": ("u0002", "no{}")}
timings = {kind: [] for kind in KINDS}


def auc(ours, others):
    """How often one of ours is greater than one of others; equal ones count half."""
    order = sorted([(x, 0) for x in ours] + [(x, 1) for x in others])
    rank, at = 0.0, 0
    while at < len(order):
        end = at
        while end < len(order) and order[end][0] == order[at][0]:
            end += 1
        rank += sum((at + 1 + end) / 2 for x in order[at:end] if x[1] == 0)
        at = end
    return (rank - len(ours) * (len(ours) + 1) / 2) / (len(ours) * len(others))


@case
def same_text():
    """each kind of failure is answered with the same text, and logged with its own reason"""
    answers = set()
    rounds = random.Random(7)
    s = f = None
    for n in range(N):
        if n % 50 == 0:  # within the time that a connection has to log in
            if s is not None:
                f.close()
                s.close()
            s = socket.create_connection(("127.0.0.1", server.ports["imap"]), 120)
            f = s.makefile("rb")
            f.readline()
        kinds = list(KINDS)
        rounds.shuffle(kinds)
        for kind in kinds:
            user, password = KINDS[kind]
            began = time.perf_counter_ns()
            s.sendall(f"a LOGIN {user} {password.format(n)}\r\n".encode())
            line = f.readline()
            timings[kind].append(time.perf_counter_ns() - began)
            answers.add(line)
            equal(line[:5], b"a NO ", f"{kind}: {line!r}")
    f.close()
    s.close()
    equal(len(answers), 1, f"texts: {answers}")
    log = server.log()
    for user, reason in (("u0001", "bad-password"), ("u9999", "unknown-user"), ("u0003", "locked"), ("u0002", "code-missing")):
        equal(bool(re.search(rf'reason={reason} user="{user}"', log)), True, f"{user}: {reason}")


@case
def statistic():
    """the areas under the curves are printed"""
    base = timings["wrong password"]
    for kind, others in timings.items():
        equal(len(others), N, f"timings of {kind}")
        median_us = sorted(others)[N // 2] / 1000
        print(f"# {kind}: median {median_us:.0f} us, AUC against a wrong password {auc(others, base):.3f} ({N}+{N} timings)", flush=True)


main()
