#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Conversions to and from a file system that is full: the command names it, the user stays where the mail is complete and can work, and
the same command goes on when there is space."""
import hashlib
import json
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from small_disk import SmallDisk  # noqa: E402
from tap import Server, Skip, case, equal, main  # noqa: E402

HAS_BDB = os.path.exists(os.path.join(os.environ.get("SATCHEL_MODULE_PATH", ""), "bdb.so"))   # it is built where there is a Berkeley DB
MB = 1 << 20
N_MAILS = 120
BDB = ["--set", "bdb.enabled=true", "--set", 'bdb.volumes=("small")', *(x for setting, size in (("log_file", 4), ("reserve", 16),
       ("cache", 4), ("checkpoint_size", 1)) for x in ("--set", f'bdb.{setting}="{size}M"')),
       "--set", 'storage.profiles=( { name = "tables"; driver = "bdb"; layers = ( ); slot_by = "volume"; } )']
server = Server("--set", 'maildir.volumes=("small")', "--set", "server.mail_processes=1", "--set", 'storage.driver="maildir"',
                *(BDB if HAS_BDB else ()), users=4)


def small_disk(size, *parts):
    """A disk of its own for a volume."""
    path = os.path.join(server.mail_root, *parts)
    os.makedirs(path, exist_ok=True)
    root = os.stat(server.mail_root)
    for n in range(1, len(parts) + 1):
        os.chown(os.path.join(server.mail_root, *parts[:n]), root.st_uid, root.st_gid)
        os.chmod(os.path.join(server.mail_root, *parts[:n]), root.st_mode & 0o777)
    disk = SmallDisk(size, at=path)
    os.chown(path, root.st_uid, root.st_gid)
    os.chmod(path, root.st_mode & 0o777)
    return disk


def fill(user, n=N_MAILS):
    c = server.imap(user)
    equal(c.create("Work")[0], "OK", "CREATE")
    for i in range(n):
        flags = ("", r"(\Seen)", r"(\Flagged mine)")[i % 3]
        equal(c.append("Work" if i % 4 == 0 else "INBOX", flags, None, b"Subject: %d\r\n\r\n" % i + b"text %d\r\n" % i * 3000)[0], "OK", "APPEND")
    c.logout()


def state(user):
    """What a client knows."""
    c = server.imap(user)
    found = {}
    for folder in ("INBOX", "Work"):
        found[folder] = re.sub(rb"^\S+ ", b"", c.status(folder, "(UIDVALIDITY UIDNEXT HIGHESTMODSEQ MESSAGES UNSEEN)")[1][0])
        c.select(folder, readonly=True)
        for part in c.uid("FETCH", "1:*", "(FLAGS INTERNALDATE MODSEQ EMAILID BODY.PEEK[])")[1]:
            if isinstance(part, tuple):
                uid = int(re.search(rb"UID (\d+)", part[0])[1])
                found[folder, uid] = sorted(re.sub(rb"^\d+ |\\Recent|[()]", b" ", part[0]).split()), hashlib.sha256(part[1]).hexdigest()
    c.logout()
    return found


def convert(user, *options):
    return server.cli("convert", user, *options, check=False)


def record(user, *options):
    """The answer of a command that went well."""
    r = convert(user, *options, "--json")
    equal(r.returncode, 0, f"the command: {r.stderr}")
    return next(x for x in map(json.loads, r.stdout.splitlines()) if "state" in x)


def place(user):
    found = json.loads(server.cli("user", "place", user, "--json").stdout)
    return found["profile"] + (":" + found["volume"] if found["volume"] else "")


def refused(user, to, disk):
    """The command fails, names the disk, and nothing has changed for the user, who can work."""
    at, before = place(user), state(user)
    r = convert(user, "--to", to)
    print(f"# {r.stderr.strip()[:300]}", flush=True)
    equal((r.returncode, disk.path in r.stderr), (74, True), f"the command: {r.stderr}")
    equal("goes on with the copy" in r.stderr, record(user, "--status")["state"] == "copying", f"what it says of the copy: {r.stderr}")
    equal((place(user), state(user)), (at, before), "the user")


def works(user):
    """Changes of the user while a copy waits."""
    server.deliver(b"Subject: meanwhile\r\n\r\n" + b"text\r\n" * 10, user)
    c = server.imap(user)
    c.select()
    equal(c.store("1:3", "+FLAGS", r"(\Answered)")[0], "OK", "STORE")
    equal(c.store("4", "+FLAGS", r"(\Deleted)")[0], "OK", "STORE")
    equal(c.expunge()[0], "OK", "EXPUNGE")
    c.logout()


def converted(user, to, at):
    before = state(user)
    told = record(user, "--to", to, "--verify")
    equal((told["state"], told["verified"], place(user)), ("converted", True, at), "with room again")
    equal(state(user), before, "the user's mail")
    equal(record(user, "--status")["state"], "none", "status")


@case
def target_is_full():
    """A Maildir that gets full while it is copied to: what was copied waits, and more of it comes when there is room"""
    user = "u0001"
    disk = state_of["small"] = small_disk("16m", "small")
    fill(user)
    disk.fill(leave=MB)
    refused(user, "maildir:small", disk)
    equal(record(user, "--status")["state"], "copying", "status")
    works(user)
    refused(user, "maildir:small", disk)
    disk.give_back()
    converted(user, "maildir:small", "default:small")


@case
def target_has_no_byte():
    """A target that is full before the conversion begins"""
    user, disk = "u0002", state_of["small"]
    fill(user, 10)
    disk.fill()
    refused(user, "maildir:small", disk)
    disk.give_back()
    converted(user, "maildir:small", "default:small")


@case
def source_is_full():
    """A user leaves a Maildir on a disk that is full, for which a file of a few bytes has to have room"""
    user, disk = "u0002", state_of["small"]
    disk.fill()
    refused(user, "maildir", disk)
    disk.give_back()
    disk.fill(leave=65536)
    equal(record(user, "--to", "maildir")["state"], "converted", "with 64 KiB")
    disk.give_back()


@case
def tables_are_full():
    """The same for a volume of bdb: what takes up space is refused in time, and the volume does not fail"""
    if not HAS_BDB:
        raise Skip("configure found no Berkeley DB")
    user = "u0003"
    disk = state_of["tables"] = small_disk("64m", "bdb", "small")
    fill(user)
    fill("u0004", 3)
    converted("u0004", "bdb:small", "tables:small")
    disk.fill(leave=8 * MB)
    refused(user, "bdb:small", disk)
    works(user)
    disk.fill()
    refused(user, "bdb:small", disk)
    disk.give_back()
    converted(user, "bdb:small", "tables:small")
    equal("has failed" in server.log(), False, "the volume never failed")


@case
def out_of_full_tables():
    """A user leaves a volume of bdb whose disk has no byte free, and the others there get room by that"""
    if "tables" not in state_of:
        raise Skip("see above")
    user, disk = "u0003", state_of["tables"]
    c = server.imap("u0004")
    c.select()
    disk.fill()
    equal(c.append("INBOX", None, None, b"Subject: x\r\n\r\n")[1][0][:13], b"[UNAVAILABLE]", "APPEND of another user")
    state_of["small"].fill(leave=MB)
    refused(user, "maildir:small", state_of["small"])
    state_of["small"].give_back()
    converted(user, "maildir:small", "default:small")
    disk.give_back()
    equal(c.append("INBOX", None, None, b"Subject: x\r\n\r\n")[0], "OK", "APPEND with room again")
    c.logout()


state_of = {}
main()
