#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A user's mail goes to another store and back while he works: clients notice one reconnect at most, and nothing differs afterwards;
whatever is killed meanwhile, the conversion goes on or is taken back."""
import contextlib
import os
import random
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import LONG, case, equal, main, run_all, wait_for  # noqa: E402
from at_work import Deliveries, Idle, Mbsync, at_work  # noqa: E402
from conversion import HAS_BDB, PLACES, Conversions, only_grew, same, server_with_places  # noqa: E402

N_MAIL = 20000 if LONG else 300
N_KILLS = 50 if LONG else 7
server = server_with_places("--set", "janitor.interval=1s", users=6)
lab = Conversions(server)
USER = "u0001"
random.seed(1)


@case
def there_and_back():
    """Everything is the same at the new place, and back at the old one, of which nothing is left meanwhile"""
    lab.fill(USER, N_MAIL)
    before = lab.state(USER)
    equal(lab.result(USER, "--to", "maildir:other", "--dry-run")["state"], "would be converted", "dry run")
    equal(lab.place(USER), "default", "place after the dry run")
    for to in ("maildir:other", *(("bdb",) if HAS_BDB else ()), "default"):
        told = lab.result(USER, "--to", to, "--verify")
        print(f"# {told}", flush=True)
        equal((told["state"], told["verified"]), ("converted", True), "what was done")
        equal(lab.place(USER), to.replace("maildir", "default").replace("bdb", "tables"), "place")
        same(before, lab.state(USER))
        for other in {"default", "default:other"} - {lab.place(USER)}:
            equal(os.path.exists(lab.maildir(other, USER)), False, f"the store at {other}")
        equal(lab.status(USER), "none", "status")
    equal(lab.result(USER, "--to", "default")["state"], "there already", "once more")


@case
def refusals():
    """What is in the way is said, with the exit status that fits, and nothing changes"""
    for options, status, words in ((("--to", "nowhere"), 65, "no profile"), (("--to", "maildir:none"), 65, "settings of maildir name its volumes"),
                                   (("--abort",), 66, "no conversion"), ((), 64, "--to is missing"), (("--to", "default", "--status"), 64, "together"),
                                   (("--to", "default", "--throttle", "fast"), 64, "see satchel convert --help")):
        r = lab.convert(USER, *options, check=False)
        equal((r.returncode, words in r.stderr), (status, True), f"{options}: {r.stderr}")
    r = lab.convert("u0005", "nobody", "--to", "nowhere", check=False)
    equal(r.stderr.splitlines(), [f'satchel: {user}@{server.domain}: {why}' for user, why in (
        ("u0005", 'there is no profile and no driver of a profile with the name "nowhere"; see storage.profiles'),
        ("nobody", f"nobody@{server.domain}: no such user; `satchel user list` shows all"))], "errors of several users")
    server.deliver(b"Subject: x\r\n\r\nx\r\n", "u0002")
    equal(lab.result("u0002", "--to", "maildir:other", "--keep-old")["state"], "converted", "with --keep-old")
    equal(os.path.exists(lab.maildir("default", "u0002")), True, "the store that was kept")
    server.deliver(b"Subject: y\r\n\r\ny\r\n", "u0002")
    r = lab.convert("u0002", "--to", "default", check=False)
    equal((r.returncode, "--replace" in r.stderr), (73, True), r.stderr)
    equal(lab.result("u0002", "--to", "default", "--replace")["state"], "converted", "with --replace")
    c = server.imap("u0002")
    equal(c.select()[1], [b"2"], "messages after it")
    c.logout()


@case
def one_at_a_time():
    """A conversion at work keeps others out; one that is interrupted, or whose user is released, waits, and is taken back"""
    user = "u0004"
    for _ in range(2):
        server.deliver(b"Subject: x\r\n\r\n" + b"long line of text\r\n" * 5000, user)
    command = lab.begin(user, "--to", "maildir:other", "--throttle", "1K")
    equal(lab.told(user)["at_work"], True, "the conversion is at work")
    for options in (("--to", "maildir:other"), ("--abort",)):
        r = lab.convert(user, *options, check=False)
        equal((r.returncode, " at work" in r.stderr), (75, True), r.stderr)
    command.send_signal(signal.SIGINT)
    said = command.communicate(timeout=60)[1]
    equal((command.returncode, "the same command goes on" in said), (130, True), f"an interrupt: {said}")
    equal((lab.status(user), lab.told(user)["at_work"]), ("copying", False), "after an interrupt")
    r = lab.convert(user, "--to", "default", check=False)
    equal((r.returncode, "finish it with --to default:other" in r.stderr), (65, True), r.stderr)
    command = lab.begin(user, "--to", "maildir:other", "--throttle", "1K")
    server.cli("release", user)
    said = command.communicate(timeout=60)[1]
    equal((command.returncode, "is released" in said), (69, True), f"the conversion ends when its user is released: {said}")
    server.cli("adopt", user)
    wait_for(lambda: lab.convert(user, "--abort", check=False).returncode == 0, "--abort")
    equal((lab.status(user), lab.place(user), os.path.exists(lab.maildir("other", user))), ("none", "default", False), "after --abort")


@case
def another_history():
    """A copy whose driver has lost an index, or whose messages somebody has removed, begins anew and is right in the end"""
    user = "u0005"
    lab.fill(user, 60)
    before = lab.state(user)
    command = lab.begin(user, "--to", "maildir:other", "--throttle", "1K")
    wait_for(lambda: "cur" in os.listdir(lab.maildir("other", user)) and len(messages(user)) >= 10, "the copy grows")
    command.send_signal(signal.SIGINT)
    command.communicate(timeout=60)
    server.stop("--keep")
    os.unlink(os.path.join(lab.maildir("other", user), "satchel-index"))
    server.start()
    equal(lab.result(user, "--to", "maildir:other", "--verify")["verified"], True, "after the loss of an index")
    same(before, lab.state(user))
    command = lab.begin(user, "--to", "default", "--throttle", "1K")
    wait_for(lambda: "cur" in os.listdir(lab.maildir("default", user)) and len(messages(user, "default")) >= 10, "the copy grows")
    command.send_signal(signal.SIGINT)
    command.communicate(timeout=60)
    os.unlink(messages(user, "default")[3])
    equal(lab.result(user, "--to", "default", "--verify")["verified"], True, "after the loss of a message")
    same(before, lab.state(user))


def messages(user, where="other"):
    return [os.path.join(d, f) for d in ("cur", "new") for d in [os.path.join(lab.maildir(where, user), d)] for f in sorted(os.listdir(d))]


@case
def clients_at_work():
    """IDLE, mbsync and LMTP during a conversion there and back: one reconnect each, no delivery deferred, nothing downloaded again"""
    mbsync, mta, idle, synced = Mbsync(server, USER), Deliveries(server, USER), Idle(server, USER), []
    before = lab.state(USER)
    idle.start()
    wait_for(lambda: idle.n_connections == 1, "IDLE")
    with at_work(mta.one, lambda: synced.append(mbsync.sync())):
        for to in (PLACES[-1], "default"):
            told = lab.result(USER, "--to", to, "--verify")
            print(f"# {told}", flush=True)
            equal(told["held_ms"] <= 1000 or not LONG, True, f"how long nothing could be changed: {told['held_ms']} ms")
            idle.n_exists = 0
            wait_for(lambda: idle.n_exists > 0 or idle.error, "IDLE hears")
    idle.ends = True
    mta.one()
    wait_for(lambda: not idle.is_alive(), "the end of IDLE")
    equal(idle.error, None, "IDLE")
    equal(idle.n_connections <= 3, True, f"connections of IDLE: {idle.n_connections}")
    equal(synced.count(False) <= 2, True, f"runs of mbsync that failed: {synced.count(False)} of {len(synced)}")
    mbsync.assert_nothing_again()
    mta.assert_all_there()
    only_grew(before, lab.state(USER))
    print(f"# {len(mta.done)} deliveries, {len(synced)} runs of mbsync, of which {synced.count(False)} failed", flush=True)


VICTIMS = ("mail", "auth", "command", "janitor", "gate", "mail", "master")


def pid_of(role):
    return next((pid for pid, what in server.roles().items() if what == role), None)


def kill_one(victim, command):
    if victim == "command":
        command.kill()
    elif victim == "master":
        os.kill(server.pid, signal.SIGKILL)
        server.stop("--keep")
        server.start()
    else:
        os.kill(wait_for(lambda: pid_of(victim), victim), signal.SIGKILL)


def kill_in_the_middle(user, to, i):
    """Begins a conversion and kills somebody; `janitor` is the mail process when the upkeep has taken over what a command left."""
    victim = VICTIMS[i % len(VICTIMS)]
    slow = ("--throttle", "500K" if LONG else "60K") if i % 3 < 2 and victim != "janitor" else ()
    if victim == "janitor":
        command = lab.begin_removal(user, "--to", to)
        command.kill()
    else:
        command = lab.begin(user, "--to", to, *slow)
    with contextlib.suppress(subprocess.TimeoutExpired):
        command.wait(random.random() * (4 if LONG and victim != "janitor" else 1))
    kill_one("mail" if victim == "janitor" else victim, command)
    command.communicate(timeout=120)
    return victim


def finish(user, to, counts):
    """What an admin would do then: nothing is left in the middle."""
    told = wait_for(lambda: lab.told(user), "the server after a kill")
    counts[told["state"]] = counts.get(told["state"], 0) + 1
    if told["state"] == "copying":
        options = ("--abort",) if random.random() < .3 else ("--to", to)
        counts[options[0]] = counts.get(options[0], 0) + 1
        ends_well(user, *options)
    elif told["state"] != "none":
        ends_well(user, "--to", told["at"])


def ends_well(user, *options):
    """Gives a command until it works, and tells what it said last if it never does."""
    said = []

    def once():
        r = lab.convert(user, *options, check=False)
        said[:] = [r.returncode, r.stderr[-500:]]
        return r.returncode == 0
    wait_for(once, lambda: f"convert {options}, which said last {said}, at {lab.told(user)}")


@case
def killed():
    """Whoever is killed, with clients at work, the conversion goes on or is taken back, and nothing is lost"""
    user, counts = "u0003", {}
    lab.fill(user, min(N_MAIL, 2000))
    before = lab.state(user)
    mbsync, mta, idle, synced = Mbsync(server, user), Deliveries(server, user, True), Idle(server, user, True), []
    idle.start()
    with at_work(mta.one, lambda: synced.append(mbsync.sync()), pause=0.5 if LONG else 0.02):
        for i in range(N_KILLS):
            to = PLACES[(PLACES.index(lab.place(user)) + 1) % len(PLACES)]
            victim = kill_in_the_middle(user, to, i)
            finish(user, to, counts)
            only_grew(before, wait_for(lambda: lab.state(user), f"mail after the kill of {victim}"))
    idle.ends = True
    mbsync.assert_nothing_again()
    mta.assert_all_there()
    only_grew(before, lab.state(user))
    equal(counts.get("copying", 0) > 0, True, f"kills in the middle: {counts}")
    print(f"# {N_KILLS} kills: {counts}; {len(mta.done)} deliveries acknowledged, {mta.n_failed} not; "
          f"{len(synced)} runs of mbsync, {synced.count(False)} failed; IDLE came {idle.n_connections} times", flush=True)


main()
