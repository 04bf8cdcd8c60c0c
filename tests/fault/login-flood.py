#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""App passwords under a flood: how many logins a second they open, alone and while strangers guess from everywhere.  The rates are
printed; what must be is that every right login gets in, and that auth stays within its memory."""
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from factor import FactorServer  # noqa: E402
from tap import LARGE_HASHES, LONG, case, equal, main, scratch  # noqa: E402

USERS, CLIENTS, GUESSERS = 8, 24, 2400  # more guessers than may wait for a hash
GUESSES_PER_S = 2000
N_LOGINS, N_MEANWHILE, N_GUESSES = (15000, 6000, 100000) if LONG else (600, 300, 2400)
GROWTH_MAX_KB = 160 * 1024  # limits.hash_memory, and room for tables
totp = FactorServer(users=USERS, first=LARGE_HASHES, app_passwords=True)
server = totp.server
NAMES = [f"u{n:04}" for n in range(1, USERS + 1)]
SECRETS = {name: totp.app_password(name) for name in NAMES}
seen = {}


def memory_kb(role, line):
    """A line of /proc/PID/status, the sum of a role's processes."""
    total = 0
    for pid in (pid for pid, its in server.roles().items() if its == role):
        with open(f"/proc/{pid}/status") as f:
            total += int(re.search(rf"{line}:\s+(\d+)", f.read())[1])
    return total


def memory():
    return {role: {line: memory_kb(role, line) for line in ("VmRSS", "VmHWM")} for role in ("gate", "auth")}


def spent_ms():
    """The CPU time of each role so far, in milliseconds."""
    spent = {}
    for pid, role in server.roles().items():
        with open(f"/proc/{pid}/stat") as f:
            fields = f.read().rpartition(")")[2].split()
        spent[role] = spent.get(role, 0) + (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")
    return spent


def load(n_logins, n_guesses=0):
    """What login-load says, and the CPU time of each role."""
    secrets = os.path.join(scratch(), "secrets")
    with open(secrets, "w") as f:
        f.writelines(f"{name} {secret}\n" for name, secret in SECRETS.items())
    before = spent_ms()
    words = (totp.proxied, secrets, n_logins, CLIENTS, n_guesses, GUESSERS if n_guesses else 0, GUESSES_PER_S)
    r = subprocess.run([os.path.join(os.environ["SATCHEL_BUILDDIR"], "tests/lib/login-load"), *map(str, words)], capture_output=True, text=True, check=False)
    equal((r.returncode, r.stderr), (0, ""), "login-load")
    after = spent_ms()
    return json.loads(r.stdout), {role: after[role] - before[role] for role in after}


@case
def alone():
    """logins with app passwords, each over a connection of its own: all get in"""
    got, spent = load(N_LOGINS)
    seen.update(got)
    each = ", ".join(f"{role} {ms / got['logins']:.2f}" for role, ms in sorted(spent.items()))
    print(f"# {got['logins']} logins, {got['logins_per_s']} a second; milliseconds of CPU for each: {each}", flush=True)
    equal(got["logins"] >= N_LOGINS, True, f"{got}")


@case
def under_guesses():
    """the same while 2,400 addresses guess passwords over connections that they keep: all get in, and memory is bounded"""
    before = memory()
    got, spent = load(N_MEANWHILE, N_GUESSES)
    after = memory()
    answers = got["answers"]
    print(f"# seconds of CPU: {', '.join(f'{role} {ms / 1000:.2f}' for role, ms in sorted(spent.items()))}")
    print(f"# {got['guesses']} guesses, {got['guesses_per_s']} a second, answered {answers}; meanwhile {got['logins']} logins, "
          f"{got['logins_per_s']} a second, {got['logins_per_s'] / max(seen.get('logins_per_s', 0), 1):.2f} of those without guesses")
    for role in ("gate", "auth"):
        print(f"# memory of {role}: {before[role]['VmRSS']} KiB before, {after[role]['VmRSS']} after, {after[role]['VmHWM']} at most", flush=True)
    equal(got["logins"] >= N_MEANWHILE, True, f"{got}")
    equal(sum(answers.values()) >= N_GUESSES, True, "answers")
    equal(set(answers) <= {"AUTHENTICATIONFAILED", "UNAVAILABLE"}, True, f"{answers}")
    for role in ("gate", "auth"):
        grown = after[role]["VmHWM"] - before[role]["VmHWM"]
        equal(grown < GROWTH_MAX_KB, True, f"{role} grew by {grown} KiB")


@case
def afterwards():
    """afterwards each user's password and app password open the mailbox"""
    server.cli("auth", "throttle", "clear", "--all")
    for name in NAMES:
        equal(totp.imap(name, SECRETS[name]), "OK", "app password")
    equal(totp.imap("u0001", server.password), "OK", "password")


main()
