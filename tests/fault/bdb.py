#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Volumes of bdb: a damaged one concerns its users only, copies and what is saved of it can be used, other versions are refused."""
import imaplib
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import Server, case, equal, main, wait_for  # noqa: E402

N_MAILS = 40
SETTINGS = ["--set", 'bdb.volumes=("one", "two")', "--set", 'bdb.log_file="4M"', "--set", 'bdb.reserve="12M"', "--set", 'bdb.cache="4M"',
            "--set", 'storage.rules=({ name = "one"; users = ("u0001@*"); volume = "one"; }, { name = "two"; users = ("u0002@*"); volume = "two"; })']
server = Server("--storage", "bdb", "--set", "server.mail_processes=1", *SETTINGS, users=2)


def home(volume):
    return os.path.join(server.mail_root, "bdb", volume)


def restart(change=None):
    server.stop("--keep")
    if change:
        change()
    server.start()


def put_in_place(source, volume):
    """Puts the files of a copy in place of those of the volume."""
    for name in os.listdir(home(volume)):
        path = os.path.join(home(volume), name)
        if os.path.isfile(path) and (name.endswith(".db") or name.startswith("log.")):
            os.unlink(path)
    for name in os.listdir(source):
        if name != "owner.lock":
            shutil.copy2(os.path.join(source, name), home(volume))
    owner = os.stat(home(volume))
    for name in os.listdir(home(volume)):
        os.chown(os.path.join(home(volume), name), owner.st_uid, owner.st_gid)


def contents(user):
    c = server.imap(user)
    c.select()
    data = c.uid("FETCH", "1:*", "(FLAGS BODY.PEEK[])")[1]
    c.logout()
    return [(x[0].replace(rb"\Recent", b"").replace(b" )", b")"), x[1]) for x in data if isinstance(x, tuple)]


def refused(user):
    try:
        c = server.imap(user)
        kind = c.select()[0]
        c.logout()
        return kind == "NO"
    except imaplib.IMAP4.error as e:
        return "UNAVAILABLE" in str(e)


@case
def copy_in_use():
    """a copy that is made while mail comes in holds all that came before, and is a volume"""
    for user in ("u0001", "u0002"):
        c = server.imap(user)
        for n in range(N_MAILS):
            equal(c.append("INBOX", r"(\Flagged)" if n % 2 else None, None, b"Subject: %d\r\n\r\n" % n + b"text\r\n" * (n * 40))[0], "OK", "APPEND")
        c.logout()
    before = contents("u0002")
    equal(len(before), N_MAILS, "messages")
    server.cli("bdb", "verify", f"u0002@{server.domain}")
    r = server.cli("bdb", "backup", f"u0002@{server.domain}", "monday")
    equal("backups/monday" in r.stdout, True, r.stdout)
    c = server.imap("u0002")
    c.select()
    c.store("1:*", "+FLAGS", r"(\Deleted)")
    equal(len(c.expunge()[1]), N_MAILS, "removed since")
    c.logout()
    restart(lambda: put_in_place(os.path.join(home("two"), "backups/monday"), "two"))
    equal(contents("u0002"), before, "what the copy has")


@case
def shows_facts():
    """stat and dump show the volume and its records"""
    equal("commits=" in server.cli("bdb", "stat", f"u0001@{server.domain}").stdout, True, "stat")
    lines = server.cli("bdb", "dump", f"u0001@{server.domain}").stdout.splitlines()
    equal(sum("uid=" in line for line in lines), N_MAILS, "rows of messages")


def damage():
    """Overwrites pages in the middle of a table, with the log out of the way."""
    path = os.path.join(home("two"), "content.db")
    with open(path, "r+b") as f:
        f.seek(os.path.getsize(path) // 2 // 4096 * 4096)
        f.write(b"\xa5" * 3 * 4096)


@case
def damaged_volume():
    """users of a damaged volume are refused for the moment, others work, and what can be saved is"""
    restart(damage)
    mails = contents("u0001")
    equal(len(mails), N_MAILS, "a user of the other volume")

    def meets_it():
        try:
            contents("u0002")
            return False
        except (imaplib.IMAP4.error, OSError, AssertionError):
            return True
    wait_for(lambda: meets_it() and refused("u0002"), "the damage is met")
    equal(contents("u0001"), mails, "the other user goes on")
    said = server.cli("bdb", "salvage", f"u0002@{server.domain}").stdout
    equal(" records were saved" in said and not said.startswith("0 "), True, said)
    restart(lambda: put_in_place(os.path.join(home("two"), "salvage"), "two"))
    c = server.imap("u0002")
    equal(c.select()[1], [b"%d" % N_MAILS], "messages that are listed")
    n_read = sum(c.fetch(str(n), "(BODY.PEEK[])")[0] == "OK" for n in range(1, N_MAILS + 1))
    equal(N_MAILS // 2 <= n_read < N_MAILS, True, f"messages that can be read: {n_read}")
    c.logout()
    equal(contents("u0001"), mails, "the other user")


@case
def other_version():
    """a volume of a newer format, or of another library, is refused with both versions named, and nothing in it changes"""
    path = os.path.join(home("two"), "satchel-format")
    with open(path) as f:
        right = f.read()
    for text, words in (("satchel-bdb 9\nberkeley-db 5.3\n", "format 9"), ("satchel-bdb 1\nberkeley-db 6.2\n", "Berkeley DB 6.2")):
        def change(text=text):
            with open(path, "w") as f:
                f.write(text)
        restart(change)
        before = {name: os.stat(os.path.join(home("two"), name)).st_mtime_ns for name in os.listdir(home("two"))}
        equal(refused("u0002"), True, "the user is refused")
        equal(words in server.log(), True, f"a log line names {words}")
        after = {name: os.stat(os.path.join(home("two"), name)).st_mtime_ns for name in os.listdir(home("two")) if name != "owner.lock"}
        equal({name: before[name] for name in after}, after, "files of the volume")
    with open(path, "w") as f:
        f.write(right)


main()
