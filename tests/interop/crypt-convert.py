#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Mail of before is sealed by converting a user into a stack with the layer, while he works and whatever is killed; and what the layer
does not give away: a stack without it, whoever has no key."""
import glob
import json
import os
import re
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import LONG, Server, case, equal, lacking, main, wait_for  # noqa: E402
from conversion import HAS_BDB, fetched  # noqa: E402
from instance import Instance  # noqa: E402

N = 400 if not LONG else 5000
MARK = b"Kranichflugzeit"
TARGETS = ["sealed:other"] + (["sealed-tables"] if HAS_BDB else [])
PROFILES = '{ name = "sealed"; driver = "maildir"; layers = ( "crypt" ); }'
if HAS_BDB:
    PROFILES += ', { name = "sealed-tables"; driver = "bdb"; layers = ( "crypt" ); slot_by = "volume"; }'
server = Server("--set", 'maildir.volumes=( "other", "third" )', "--set", "server.mail_processes=1", "--set", 'storage.driver="maildir"',
                *(("--set", "bdb.enabled=true") if HAS_BDB else ()), users=8)
if "crypt" not in server.cli("module", "list").stdout:
    lacking("the server was built without crypt (libsodium)")
ROOT = os.path.dirname(server.config_dir)
server.stop("--keep")
server.start("--set", "crypt.enabled=true", "--set", f'crypt.path="{ROOT}/state/auth/rings"', "--set", 'crypt.memory="8K"', "--set", "crypt.passes=1",
             "--set", "storage.layers=( )", "--set", f"storage.profiles=( {PROFILES} )", "--set", 'auth.failure_delay="0"')


def address(user):
    return f"{user}@{server.domain}"


def enable(user):
    server.cli("crypt", "enable", address(user))
    server.imap(user).logout()


def message(n):
    return b"From: a@example.net\r\nSubject: %s %d\r\n\r\n%s\r\n" % (MARK, n, b"%s text\r\n" % MARK * (n % 50))


def upload(user, n):
    with server.imap(user) as c:
        c.create("Work")
        for i in range(n):
            equal(c.append("INBOX" if i % 3 else "Work", r"(\Seen)" if i % 2 else None, None, message(i))[0], "OK", "APPEND")


def mail(user):
    with server.imap(user) as c:
        found = {folder: fetched(c, folder) for folder in ("INBOX", "Work")}
        return {**found, "status": [c.status(folder, "(UIDNEXT UIDVALIDITY HIGHESTMODSEQ)")[1] for folder in ("INBOX", "Work")]}


def clear_files(user):
    """Files below the mail root in which the mark is, but for other users' directories of Maildir."""
    found = []
    for directory, _, names in os.walk(server.mail_root):
        for name in names:
            path = os.path.join(directory, name)
            if re.search(r"/u\d{4}/", path) and f"/{user}/" not in path:
                continue
            try:
                with open(path, "rb") as f:
                    if MARK in f.read():
                        found.append(path)
            except OSError:
                continue
    return found


def convert(user, to, *options, check=True):
    return server.cli("convert", address(user), "--to", to, *options, check=check)


@case
def mail_of_before_is_sealed_with_all_that_clients_know():
    for user, target in zip(("u0001", "u0002"), TARGETS):
        upload(user, 30)
        before = mail(user)
        equal(clear_files(user) != [], True, "it lies in clear before")
        enable(user)
        convert(user, target)
        equal(mail(user), before, f"mail, UIDs, mod-sequences and flags in {target}")
        equal(clear_files(user), [], f"files in which mail can be read, in {target}")
        server.deliver(message(3), user)
        equal(clear_files(user), [], "and after a delivery")


@case
def a_conversion_that_is_killed_goes_on():
    user = "u0003"
    upload(user, N)
    before = mail(user)
    enable(user)
    for k in range(10 if not LONG else 50):
        command, environment = Instance(server.dir).command(["convert", address(user), "--to", "sealed:other", "--throttle", "100K"])
        with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as job:
            wait_for(lambda: job.poll() is not None or len(glob.glob(f"{server.mail_root}/**/{user}/**/*U=*", recursive=True)) > N + k * N // 60,
                     "some more messages in the new store, or its end")
            for pid, role in server.roles().items():
                if role == "mail":
                    os.kill(pid, signal.SIGKILL)
            job.wait()
    with server.imap_when_back(user):
        pass
    convert(user, "sealed:other")
    equal(mail(user), before, "mail after the last conversion")
    equal(clear_files(user), [], "files in which mail can be read")


@case
def sealed_mail_moves_to_another_volume_without_a_key_and_not_out_of_the_layer():
    user = "u0004"
    upload(user, 20)
    enable(user)
    convert(user, "sealed:other")
    before = mail(user)
    convert(user, "sealed:third", "--verify")
    equal(mail(user), before, "in another volume")
    equal(clear_files(user), [], "files in which mail can be read")
    refused = convert(user, "default:other", check=False)
    equal(refused.returncode != 0, True, "into a stack without the layer")
    server.cli("convert", address(user), "--abort", check=False)
    equal(mail(user), before, "after the refusal")


@case
def fsck_and_export_say_that_the_mail_is_locked():
    user = "u0004"
    r = server.cli("export", address(user), os.path.join(ROOT, "state", "out.mbox"), check=False)
    equal(r.returncode != 0 or "locked" in (r.stdout + r.stderr).lower(), True, f"export: {r.stdout} {r.stderr}")
    found = [json.loads(line) for line in server.cli("fsck", address(user), "--json", check=False).stdout.splitlines()]
    equal([(r["damaged"], r["locked"]) for r in found if "locked" in r], [(0, 20)], "what fsck finds damaged, and locked")
    with server.imap(user) as c:
        c.select()
        equal(c.fetch("1", "(BODY.PEEK[])")[0], "OK", "FETCH afterwards")


main()
