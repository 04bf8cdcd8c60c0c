#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a conversion leaves when its last step fails, is interrupted or dies: the old store, or a copy that is taken back.  It is told, and the
same command, another one for the user, or the upkeep removes it; nobody is served from it."""
import os
import shutil
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import case, equal, main, wait_for  # noqa: E402
from conversion import HAS_BDB, Conversions, same, server_with_places  # noqa: E402

N_FILES = 8000   # a removal that takes long enough to be met
server = server_with_places("--set", "janitor.interval=0", users=4)
lab = Conversions(server)


def clutter(directory, n):
    """Files beside the mail, which go with it."""
    path = os.path.join(directory, "clutter")
    os.mkdir(path)
    for i in range(n):
        os.close(os.open(os.path.join(path, str(i)), os.O_CREAT | os.O_WRONLY))
    chown_like(path, directory)
    return path


def chown_like(path, model):
    os.chown(path, os.stat(model).st_uid, os.stat(model).st_gid)


def block(directory):
    """A tree that is too deep to be removed; what stands in the way, for the test to remove."""
    path = os.path.join(directory, "deep")
    os.makedirs(os.path.join(path, *["d"] * 300))
    for d, _, _ in os.walk(path):
        chown_like(d, directory)
    return path


def n_left(path):
    try:
        return len(os.listdir(path))
    except FileNotFoundError:
        return 0


def interrupt(command, n):
    """An interrupt while something is removed: what the command said."""
    command.send_signal(signal.SIGINT)
    out, said = command.communicate(timeout=120)
    equal(command.returncode, 130, f"exit status: {out[-300:]} {said}")
    return said + out


@case
def what_cannot_be_removed():
    """An old store that cannot be removed stays, the user is at the new place, and both is told; later the same command removes it"""
    user = "u0001"
    lab.fill(user, 60)
    before, old = lab.state(user), lab.maildir("default", user)
    deep = block(old)
    r = lab.convert(user, "--to", "maildir:other", check=False)
    equal((r.returncode, "the user is converted, but the old store stays: " in r.stderr), (74, True), r.stderr)
    equal((lab.place(user), lab.status(user)), ("default:other", "not cleaned up"), "where the user is")
    same(before, lab.state(user))
    equal((lab.result(user, "--to", "maildir:other", "--dry-run")["state"], os.path.exists(old)), ("would be cleaned up", True), "a dry run")
    shutil.rmtree(deep)
    equal((lab.result(user, "--to", "maildir:other")["state"], os.path.exists(old)), ("cleaned up", False), "once more")
    equal(lab.status(user), "none", "then")


@case
def another_command_cleans_up():
    """A command for another place, also for the one that the user came from, first removes what is left there"""
    user = "u0001"
    before, old = lab.state(user), lab.maildir("default:other", user)
    deep = block(old)
    equal(lab.convert(user, "--to", "default", check=False).returncode, 74, "a conversion whose last step fails")
    r = lab.convert(user, "--to", "maildir:other", check=False)
    equal((r.returncode, lab.place(user)), (74, "default"), f"nothing begins over what is left: {r.stderr}")
    equal(lab.result(user, "--to", "maildir:other", "--dry-run")["state"], "would be converted", "a dry run over what is left")
    shutil.rmtree(deep)
    equal(lab.result(user, "--to", "maildir:other")["state"], "converted", "back again")
    equal((lab.place(user), lab.status(user)), ("default:other", "none"), "where the user is")
    same(before, lab.state(user))


@case
def interrupted():
    """The removal of a big old store shows how far it is, and others are served; an interrupt ends it, and the same command goes on"""
    user = "u0002"
    lab.fill(user, 60)
    before, old = lab.state(user), lab.maildir("default", user)
    files = clutter(old, N_FILES)
    command = lab.begin_removal(user, "--to", "maildir:other")
    equal(lab.convert(user, "--to", "maildir:other", check=False).returncode, 75, "another command meanwhile")
    server.deliver(b"Subject: x\r\n\r\nx\r\n", "u0003")
    said = interrupt(command, N_FILES)
    equal("the user is converted, but a part of the old store is left" in said, True, said)
    equal((lab.place(user), lab.status(user)), ("default:other", "not cleaned up"), "where the user is")
    equal(n_left(files) < N_FILES, True, "files that were removed")
    same(before, lab.state(user))
    equal((lab.result(user, "--to", "maildir:other")["state"], os.path.exists(old)), ("cleaned up", False), "once more")
    same(before, lab.state(user))


@case
def taken_back_in_parts():
    """A copy that was removed in part is not gone on with: it is removed first, and the mail is whole at the new place"""
    user = "u0004"
    lab.fill(user, 60)
    before, copy = lab.state(user), lab.maildir("default:other", user)
    command = lab.begin(user, "--to", "maildir:other", "--throttle", "1K")
    interrupt(command, 0)
    clutter(copy, N_FILES)
    # What is removed first is the mail: a part of the copy that could be mistaken for all of it.
    command = lab.begin_removal(user, "--abort")
    said = interrupt(command, N_FILES)
    equal("a part of the copy is left" in said, True, said)
    equal((lab.place(user), lab.status(user)), ("default", "being taken back"), "where the user is")
    for name in ("cur", "new"):
        shutil.rmtree(os.path.join(copy, name), ignore_errors=True)
    equal(lab.result(user, "--to", "maildir:other")["state"], "converted", "a conversion begins anew")
    same(before, lab.state(user))
    equal(lab.convert(user, "--abort", check=False).returncode, 66, "--abort after it")


if HAS_BDB:  # whose upkeep makes the janitor go round
    other = server_with_places("--set", "janitor.interval=1s", "--set", "server.gate_processes=1", users=1)
    kept = Conversions(other)

    @case
    def upkeep_cleans_up():
        """When the command and then the process die in the middle of the removal, the upkeep removes the rest by itself"""
        user = "u0001"
        kept.fill(user, 60)
        before, old = kept.state(user), kept.maildir("default", user)
        files = clutter(old, N_FILES // 4)
        command = kept.begin_removal(user, "--to", "maildir:other")
        command.kill()
        command.communicate()
        n = n_left(files)
        wait_for(lambda: n_left(files) < n or not os.path.exists(old), "the upkeep goes on")
        for pid, role in other.roles().items():
            if role == "mail":
                os.kill(pid, signal.SIGKILL)
        wait_for(lambda: kept.status(user) == "none", "nothing is left")
        equal(os.path.exists(old), False, "the old store")
        equal(kept.place(user), "default:other", "where the user is")
        same(before, kept.state(user))

    @case
    def upkeep_takes_back():
        """The same with a copy that is taken back"""
        user = "u0001"
        before, copy = kept.state(user), kept.maildir("default", user)
        command = kept.begin(user, "--to", "default", "--throttle", "1K")
        interrupt(command, 0)
        clutter(copy, N_FILES // 4)
        command = kept.begin_removal(user, "--abort")
        command.kill()
        command.communicate()
        wait_for(lambda: kept.status(user) == "none", "nothing is left")
        equal((os.path.exists(copy), kept.place(user)), (False, "default:other"), "the copy")
        same(before, kept.state(user))


main()
