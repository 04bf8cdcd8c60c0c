#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a refused login tells: not by its text, and, as a statistic that is printed, not by its time either.  A classifier that gets
two timings, one of each kind, says which is which; 0.5 is a guess (AUC, the area under its curve), and p, of the rank test of Mann,
Whitney and Wilcoxon, how often chance alone is as far from it."""
import math
import os
import random
import re
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from factor import FactorServer  # noqa: E402
from tap import LONG, REAL_HASHES, case, equal, main  # noqa: E402

N_CHEAP = int(os.environ.get("SATCHEL_TIMINGS") or (2000 if LONG else 100))
N_REAL = int(os.environ.get("SATCHEL_TIMINGS") or (2000 if LONG else 10))
# Each time another secret where a wrong one is sent: a repeated one goes a way of its own.
KINDS = {"wrong password": ("u0001", "no{}"), "no such user": ("u9999", "no{}"), "locked, right password": ("u0003", "pw"),
         "right password, no code": ("u0002", "pw"), "enrolled, wrong password": ("u0002", "no{}"),
         "enrolled, right password, wrong code": ("u0004", "pw{:06}")}
REASONS = {"u0001": {"bad-password"}, "u9999": {"unknown-user"}, "u0003": {"locked"}, "u0002": {"code-missing", "bad-password"}}


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


def chance(area, n):
    """How often two groups of @n from one distribution are as far apart (two-sided, by the normal approximation)."""
    return math.erfc(abs(area - 0.5) / math.sqrt((2 * n + 1) / (12 * n * n)) / math.sqrt(2))


def connect(server):
    s = socket.create_connection(("127.0.0.1", server.ports["imap"]), 120)
    f = s.makefile("rb")
    f.readline()
    return s, f


def time_logins(server, n_timings, n_together):
    """({kind: [nanoseconds]}, the answers).  @n_together: rounds in one connection, which has a time to log in."""
    timings, answers = {kind: [] for kind in KINDS}, set()
    order = random.Random(7)
    s = f = None
    for n in range(n_timings):
        if n % n_together == 0:
            if s is not None:
                f.close()
                s.close()
            s, f = connect(server)
        kinds = list(KINDS)
        order.shuffle(kinds)
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
    return timings, answers


def compare(n_timings, n_together, first=()):
    totp = FactorServer("--set", 'auth.explain="never"', "--set", "limits.login_failures=100000", users=4, first=first)
    server = totp.server
    server.cli("user", "lock", "u0003")
    for user in ("u0002", "u0004"):
        totp.enrol(user)
    timings, answers = time_logins(server, n_timings, n_together)
    equal(len(answers), 1, f"texts: {answers}")
    log = server.log()
    server.stop()
    for user, reasons in REASONS.items():
        equal(set(re.findall(rf'reason=(\S+) user="{user}"', log)), reasons, f"reasons of {user}")
    base = timings["wrong password"]
    for kind, others in timings.items():
        equal(len(others), n_timings, f"timings of {kind}")
        area = auc(others, base)
        print(f"# {kind}: median {sorted(others)[n_timings // 2] / 1000:.0f} us; against a wrong password AUC {area:.3f}, "
              f"p {chance(area, n_timings):.3f} ({n_timings}+{n_timings} timings)", flush=True)


@case
def cheap_hashes():
    """each kind of failure is answered with the same text and logged with its own reason, with hashes that cost nothing,
    so that what differs beside the hash shows the more"""
    compare(N_CHEAP, 50)


@case
def real_hashes():
    """the same with the Argon2id of the default settings"""
    compare(N_REAL, 5, REAL_HASHES)


main()
