#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Volumes of bdb: a damaged one concerns its users only, copies and what is saved of it can be used, other versions are refused."""
import imaplib
import json
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
    shutil.rmtree(os.path.join(home(volume), "bodies"))
    for name in os.listdir(source):
        if name == "bodies":
            shutil.copytree(os.path.join(source, name), os.path.join(home(volume), name))
        elif name != "owner.lock":
            shutil.copy2(os.path.join(source, name), home(volume))
    owner = os.stat(home(volume))
    for directory, _, names in os.walk(home(volume)):
        for path in [directory, *(os.path.join(directory, name) for name in names)]:
            os.chown(path, owner.st_uid, owner.st_gid)


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
            equal(c.append("INBOX", r"(\Flagged)" if n % 2 else None, None, b"Subject: %d\r\n\r\n" % n + b"text\r\n" * (n * 100))[0], "OK", "APPEND")
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
    said = server.cli("fsck", f"u0001@{server.domain}").stdout
    equal(f"messages={N_MAILS} damaged=0" in said, True, f"fsck of a user whose mail is whole: {said}")

    def meets_it():
        try:
            contents("u0002")
            return False
        except (imaplib.IMAP4.error, OSError, AssertionError):
            return True
    wait_for(lambda: meets_it() and refused("u0002"), "the damage is met")
    equal(contents("u0001"), mails, "the other user goes on")
    r = server.cli("fsck", f"u0002@{server.domain}", check=False)
    equal((r.returncode != 0, "--save" in r.stderr), (True, True), f"fsck of a volume that cannot be opened: {r.stdout}{r.stderr}")
    said = server.cli("fsck", f"u0002@{server.domain}", "--save").stdout
    equal(" records were saved" in said and not said.startswith("0 "), True, said)
    restart(lambda: put_in_place(os.path.join(home("two"), "salvage"), "two"))
    c = server.imap("u0002")
    equal(c.select()[1], [b"%d" % N_MAILS], "messages that are listed")
    n_read = sum(c.fetch(str(n), "(BODY.PEEK[])")[0] == "OK" for n in range(1, N_MAILS + 1))
    equal(N_MAILS // 2 <= n_read < N_MAILS, True, f"messages that can be read: {n_read}")
    c.logout()
    r = server.cli("fsck", f"u0002@{server.domain}", "--json", check=False)
    found = [json.loads(line) for line in r.stdout.splitlines()]
    end = next(x for x in found if "user" in x)
    equal((r.returncode != 0, end["messages"], end["damaged"], sum("uid" in x for x in found)), (True, N_MAILS, N_MAILS - n_read, N_MAILS - n_read),
          f"what fsck finds: {r.stdout}{r.stderr}")
    equal(contents("u0001"), mails, "the other user")


@case
def slots():
    """all users of a volume are in one mail process without a setting, and another setting is refused with file and line"""
    user = f"u0001@{server.domain}"
    r = server.cli("config", "check", "--set", 'storage.slot_by="user"', check=False)
    equal((r.returncode, 'slot_by must be "volume"' in r.stderr), (78, True), r.stdout + r.stderr)
    config = os.path.join(server.config_dir, "conf.d", "slots.conf")
    for text, status in (('storage = {\n  profiles = ( { name = "other"; driver = "bdb";\n  slot_by = "domain"; } );\n};\n', 78),
                         ('storage = { profiles = ( { name = "other"; driver = "bdb"; } ); };\n', 0)):
        with open(config, "w") as f:
            f.write(text)
        r = server.cli("config", "check", check=False)
        equal((r.returncode, status == 0 or "slots.conf:3: " in r.stderr), (status, True), r.stdout + r.stderr)
    os.unlink(config)
    server.stop("--keep")
    server.start("--set", "server.mail_processes=2")
    slot = json.loads(server.cli("user", "place", user, "--json").stdout)["slot"]
    r = server.cli("user", "place", user, "--slot", str(1 - slot), check=False)
    equal((r.returncode != 0, "keeps all users of a volume in one" in r.stderr), (True, True), r.stdout + r.stderr)


@case
def other_version():
    """a volume of a newer format, or of another library, is refused with both versions named, and nothing in it changes"""
    path = os.path.join(home("two"), "satchel-format")
    with open(path) as f:
        right = f.read()
    for text, words in (("satchel-bdb 9\nberkeley-db 5.3\n", "format 9"), ("satchel-bdb 1\nberkeley-db 5.3\n", "format 1"), ("satchel-bdb 3\nberkeley-db 6.2\n", "Berkeley DB 6.2"),
                        ("satchel-bdb 2\nberkeley-db 6.2\n", "Berkeley DB 6.2")):
        def change(text=text):
            with open(path, "w") as f:
                f.write(text)
        restart(change)
        before = {name: os.stat(os.path.join(home("two"), name)).st_mtime_ns for name in os.listdir(home("two"))}
        equal(refused("u0002"), True, "the user is refused")
        equal(words in server.log(), True, f"a log line names {words}")
        after = {name: os.stat(os.path.join(home("two"), name)).st_mtime_ns for name in os.listdir(home("two")) if name != "owner.lock"}
        equal({name: before[name] for name in after}, after, "files of the volume")
    def make_older():
        with open(path, "w") as f:
            f.write("satchel-bdb 2\nberkeley-db 5.3\n")
    restart(make_older)
    server.imap("u0002").logout()
    with open(path) as f:
        equal(f.read(), right, "a volume of the format before is taken over, and an older server would be refused")


main()
