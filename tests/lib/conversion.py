# SPDX-License-Identifier: MIT
"""Users whose mail is converted: what they have, everything that a client can know of it, and the commands."""
import contextlib
import hashlib
import imaplib
import json
import os
import random
import re
import subprocess

from instance import Instance  # of tools/lib, whose path tap knows
from tap import LONG, Server, corpus_files, equal, wait_for
from wire import Wire

HAS_BDB = os.path.exists(os.path.join(os.environ.get("SATCHEL_MODULE_PATH", ""), "bdb.so"))   # it is built where there is a Berkeley DB
PLACES = ("default", "default:other") + (("tables",) if HAS_BDB else ())
FOLDERS = ("INBOX", "Work", "Work/2026", "R&AOk-sum&AOk-", "Sent")
for verb in ("SETMETADATA", "GETMETADATA"):
    imaplib.Commands[verb] = ("AUTH", "SELECTED")


def server_with_places(*options, users):
    """A server with PLACES."""
    return Server("--set", 'maildir.volumes=( "other" )', "--set", "server.mail_processes=1", "--set", 'storage.driver="maildir"',
                  *(("--set", "bdb.enabled=true", "--set",
                     'storage.profiles=( { name = "tables"; driver = "bdb"; layers = ( ); slot_by = "volume"; } )') if HAS_BDB else ()),
                  *options, users=users)


def message(n):
    files = corpus_files() if LONG else []
    if files:
        with open(files[n % len(files)], "rb") as f:
            return b"X-Number: %d\r\n" % n + re.sub(rb"\r?\n", b"\r\n", f.read())
    return b"From: a@example.net\r\nSubject: number %d\r\nX-Number: %d\r\n\r\n%s\r\n" % (n, n, b"text " * (n % 200))


def upload(i):
    flags = random.choice(("", "\\Seen", "\\Seen \\Answered", "\\Flagged $Forwarded", "mine"))
    return flags, f"{1 + i % 28:02d}-Feb-2021 21:52:25 -0800", message(i)


def ask(answer):
    equal(answer[0], "OK", f"{answer!r:.200}")
    return answer[1]


def fetched(c, folder):
    c.select(f'"{folder}"', readonly=True)
    rows = {}
    for part in ask(c.uid("FETCH", "1:*", "(FLAGS INTERNALDATE SAVEDATE MODSEQ EMAILID RFC822.SIZE BODY.PEEK[])")):
        if isinstance(part, tuple):
            uid = int(re.search(rb"UID (\d+)", part[0])[1])
            words = re.sub(rb"^\d+ |BODY\[\] \{\d+\}|\\Recent|[()]", b" ", part[0])
            rows[uid] = (sorted(words.split()), hashlib.sha256(part[1]).hexdigest())
    return rows


def same(before, after):
    equal(sorted(before), sorted(after), "folders")
    for key in before:
        for one, other in zip(before[key], after[key]) if isinstance(before[key], tuple) else ((before[key], after[key]),):
            for uid in one if isinstance(one, dict) else ():
                equal(other.get(uid), one[uid], f"message {uid} of {key} after the conversion")
            equal(other, one, f"{key} after the conversion")


def only_grew(before, after):
    """The same, but for messages that came into INBOX meanwhile."""
    status, rows, vanished = before["INBOX"]
    new = {uid: row for uid, row in after["INBOX"][1].items() if uid not in rows}
    equal([uid for uid in new if uid < max(rows)], [], "new messages below old ones")
    lasting = rb"(UIDVALIDITY \d+|MAILBOXID \S+)"
    equal(re.findall(lasting, after["INBOX"][0][0]), re.findall(lasting, status[0]), "numbers of INBOX")
    equal([x for x in before["uidl"] if x not in after["uidl"]], [], "unique ids of POP3")
    after = {**after, "INBOX": (status, {uid: row for uid, row in after["INBOX"][1].items() if uid not in new}, after["INBOX"][2]), "uidl": before["uidl"]}
    same(before, after)
    return new


class Conversions:
    def __init__(self, server):
        self.server = server

    def fill(self, user, n):
        """Mail in several folders, with flags, keywords, gaps, special uses, subscriptions, and annotations."""
        c = self.server.imap(user)
        for folder in ("Work", "Work/2026", "R&AOk-sum&AOk-", "Old"):
            ask(c.create(f'"{folder}"'))
        for folder in ("Work", "Nowhere"):
            ask(c.subscribe(f'"{folder}"'))
        c.logout()
        w = Wire(self.server, "imap")
        w.line()
        w.ask(b"l LOGIN %s %s" % (user.encode(), self.server.password.encode()), b"l OK")
        for i, folder in enumerate(FOLDERS):
            w.append_many(folder, (upload(k) for k in range(i, n, len(FOLDERS))))
        w.close()
        c = self.server.imap(user)
        for folder in FOLDERS:
            ask(c.select(f'"{folder}"'))
            ask(c.store("1:2", "+FLAGS", "(\\Deleted)"))
            ask(c.expunge())
            ask(c.store("3:5", "+FLAGS", "(late)"))
            ask(c.store("1:4", "-FLAGS", "(\\Seen)"))
        ask(c._simple_command("SETMETADATA", "INBOX", '(/private/comment "kept")'))
        c.logout()
        p = self.server.pop3_session(user)
        p.retr(1)
        p.quit()

    def state(self, user):
        """Everything that a client can know."""
        c = self.server.imap(user)
        found = {"lists": [sorted(ask(c.list())), sorted(ask(c.lsub()))]}
        ask(c._simple_command("ENABLE", "QRESYNC"))
        for folder in sorted(re.search(rb'"/" "?([^"]+)"?$', x)[1].decode() for x in found["lists"][0] if b"Noselect" not in x and b"NonExistent" not in x):
            status = ask(c.status(f'"{folder}"', "(UIDVALIDITY UIDNEXT HIGHESTMODSEQ MESSAGES UNSEEN MAILBOXID)"))
            found[folder] = (status, fetched(c, folder))
            ask(c.select(f'"{folder}"', readonly=True))
            c.untagged_responses.clear()
            ask(c._simple_command("UID", "FETCH", "1:*", "(FLAGS)", "(CHANGEDSINCE 1 VANISHED)"))
            found[folder] += (c.untagged_responses.get("VANISHED"),)
        c.untagged_responses.clear()
        ask(c._simple_command("GETMETADATA", "INBOX", "/private/comment"))
        found["metadata"] = c.untagged_responses.get("METADATA")
        with contextlib.suppress(Exception):
            c.logout()
        p = self.server.pop3_session(user)
        found["uidl"] = p.uidl()[1]
        p.quit()
        return found

    # ---- commands

    def convert(self, user, *options, check=True):
        return self.server.cli("convert", user, *options, check=check)

    def result(self, user, *options):
        """The record of a conversion that went well."""
        lines = [json.loads(line) for line in self.convert(user, *options, "--json").stdout.splitlines()]
        equal(lines[-1], {"status": 0, "error": None}, "end of the command")
        return next(x for x in lines if "state" in x)

    def start(self, user, *options):
        """A command in the background, which gets signals itself."""
        command, environment = Instance(self.server.dir).command(["convert", user, *options])
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def begin(self, user, *options):
        """A conversion in the background, once it copies."""
        command = self.start(user, *options)
        wait_for(lambda: command.poll() is not None or self.status(user) == "copying", "the conversion begins")
        return command

    def begin_removal(self, user, *options):
        """The same once it removes something."""
        command = self.start(user, *options, "--json")
        for line in command.stdout:
            if '"what": "entries of the' in line:
                return command
        raise AssertionError(f"nothing was removed: {command.communicate()}")

    def told(self, user):
        """What --status says; None: it cannot."""
        r = self.convert(user, "--status", "--json", check=False)
        return json.loads(r.stdout.splitlines()[0]) if r.returncode == 0 else None

    def status(self, user):
        told = self.told(user)
        return told and told["state"]

    # ---- places

    def place(self, user):
        found = json.loads(self.server.cli("user", "place", user, "--json").stdout)
        return found["profile"] + (":" + found["volume"] if found["volume"] else "")

    def maildir(self, where, user):
        return os.path.join(self.server.mail_root, "other" if where.endswith("other") else "", self.server.domain, user)
