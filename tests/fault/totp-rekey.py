#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The master key of one-time codes is changed while auth is killed at any moment: all secrets can be read with one of both keys, and
strings, codes and recovery codes go on."""
import json
import os
import random
import re
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from factor import FactorServer  # noqa: E402
from tap import LONG, case, equal, main, need, wait_for  # noqa: E402

need("oathtool")
ROUNDS = 60 if LONG else 5
USERS = [f"u{n:04}" for n in range(1, 7)]
totp = FactorServer("--set", "limits.login_failures=1000", users=len(USERS))
server = totp.server
keys = [totp.key]
stored, secrets = {}, {}


def restart(new_key=None):
    """Both settings name the same key where there is no new one, since the devserver keeps those of before."""
    server.stop("--keep")
    server.start(*totp.options, "--set", f'totp.key="file:{keys[-1]}"', "--set", f'totp.new_key="file:{new_key or keys[-1]}"')


def with_next():
    """Another key, which the server knows from now on."""
    path = f"{totp.key}{len(keys)}"
    totp.write_key(path, os.urandom(32).hex() + "\n")
    restart(path)
    return path


def key_ids():
    """Of what counts in the file: the ids of the keys that it is sealed with."""
    with open(totp.store) as f:
        last = {words[2]: words[-1] for words in (line.split() for line in f) if words[1] in "um" and len(words) > 3}
    return {re.match(r"([0-9a-f]{8}):", sealed)[1] for sealed in last.values()}


def check(what):
    for user in USERS:
        equal(totp.imap(user, stored[user]), "OK", f"{what}: {user} with the string that opened a grant")


@case
def enrolment():
    """users are enrolled, and have logged in"""
    for user in USERS:
        secrets[user] = totp.enrol(user)
        stored[user] = server.password + totp.code(secrets[user], -30)
        equal(totp.imap(user, stored[user]), "OK", user)
    equal(len(key_ids()), 1, "keys")


@case
def refusals():
    """without another key nothing is changed, and the command says what to do"""
    r = server.cli("totp", "rekey", check=False)
    equal((r.returncode != 0, "totp.new_key" in r.stderr), (True, True), r.stderr)
    restart()
    r = server.cli("totp", "rekey", check=False)
    equal((r.returncode != 0, "the same key" in r.stderr), (True, True), r.stderr)
    check("afterwards")


@case
def change():
    """the key is changed while the server runs; the old one opens nothing then"""
    codes = [json.loads(line)["code"] for line in server.cli("totp", "recovery-codes", "u0001", "--json").stdout.splitlines()[:-1]]
    before = key_ids()
    path = with_next()
    equal(f"{len(USERS)} secrets" in server.cli("totp", "rekey").stdout, True, "how many")
    equal((len(key_ids()), key_ids() & before), (1, set()), "keys in the file")
    check("at once")
    restart()
    equal("UNAVAILABLE" in totp.imap("u0001", stored["u0001"]), True, "with the old key alone")
    equal("totp.key is not the key" in server.log(), True, "the log says why")
    keys.append(path)
    restart()
    check("with the new key")
    equal(totp.imap("u0001", f"{server.password} {codes[0]}", "127.0.0.2"), "OK", "a recovery code of before")
    equal(totp.imap("u0002", server.password + totp.code(secrets["u0002"])), "OK", "a new code of before")


@case
def kills():
    """auth is killed while it seals all anew: one key opens all, whichever it is"""
    chance = random.Random(3)
    outcomes = {"old": 0, "new": 0}
    took_s = 0.2
    for n in range(ROUNDS):
        before, path = key_ids(), with_next()
        pid, = [pid for pid, role in server.roles().items() if role == "auth"]

        def kill(pid=pid, after_s=chance.uniform(0.2, 0.9) * took_s):
            time.sleep(after_s)  # any moment will do
            os.kill(pid, signal.SIGKILL)
        killer = threading.Thread(target=kill)
        began = time.monotonic()
        killer.start()
        done = server.cli("totp", "rekey", check=False).returncode == 0
        took_s = took_s if not done else time.monotonic() - began
        killer.join()
        wait_for(lambda pid=pid: [p for p, role in server.roles().items() if role == "auth" and p != pid], "auth is back")
        wait_for(lambda: "UNAVAILABLE" not in totp.imap("u0001", "nothing"), "auth answers")
        check(f"round {n}, with both keys")
        equal(len(key_ids()), 1, f"round {n}: keys in the file")
        is_new = key_ids() != before
        equal(is_new or not done, True, f"round {n}: what was acknowledged is so")
        outcomes["new" if is_new else "old"] += 1
        if is_new:
            keys.append(path)
        restart()
        check(f"round {n}, with the {'new' if is_new else 'old'} key alone")
    print(f"# {outcomes}", flush=True)


main()
