# SPDX-License-Identifier: MIT
"""Two stores that a program keeps equal: random changes on both sides, what must come of them, and how they compare."""
import hashlib
import os
import random
import re
import shutil
import signal
import time

from tap import LONG, STORAGE, equal, wait_for

SYSTEM_FLAGS = ("\\Seen", "\\Answered", "\\Flagged", "\\Draft")
NEW_FOLDERS = ("work", "work/2026", "with space", "R&AOk-sum&AOk-", "a.b", "Sent/old", "x&-y")
# Of bdb, which has no index that could be lost, a copy that was made while the server ran takes the place of the volume.
TROUBLES = (("nothing", "restart", "volume copied meanwhile", "kill", "restart from the copy") if STORAGE == "bdb" else
            ("nothing", "restart", "index deleted meanwhile", "kill", "restart without index"))
INDEX_LOST = () if STORAGE == "bdb" else ("kill", "restart without")  # the one that was deleted while the server ran is missed now
LOUD = ("APPEND", "STORE", "UID STORE", "EXPUNGE", "UID EXPUNGE", "COPY", "UID COPY", "MOVE", "UID MOVE", "CREATE", "DELETE", "RENAME")


def content(name):
    """Returns the message with that name, always the same bytes."""
    r = random.Random(name)
    lines = ["".join(r.choice("abcdefghij .äé€") for _ in range(r.randrange(70))) for _ in range(r.randrange(40))]
    if r.random() < .05:
        lines.append("x" * r.randrange(100000))
    head = (f"From: {name}@example.net\r\nTo: u@example.org\r\nSubject: {name} =?utf-8?q?=C3=A4?=\r\n"
            f"Date: Mon, {r.randrange(1, 29)} Feb 2021 21:52:25 -0800\r\nMessage-ID: <{name}@twoway.example>\r\n"
            "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n")
    return (head + "".join(line + "\r\n" for line in lines)).encode()


def digest(data):
    """Returns the part that nobody changes: LMTP puts lines in front, line ends on disk are the system's, mbsync marks copies."""
    data = data[re.search(rb"(?m)^From: ", data).start():].replace(b"\r\n", b"\n")
    return hashlib.sha256(re.sub(rb"(?m)^X-TUID: .*\n", b"", data)).hexdigest()


def name_of(data):
    return re.search(rb"(?mi)^Message-ID: <([^@]+)@", data)[1].decode()


class Account:
    """A side that is an account on Satchel."""

    def __init__(self, server, user, flags):
        self.server, self.user, self.flags, self.connection, self.selected = server, user, flags, None, None

    def imap(self):
        if not self.connection:
            self.connection = self.server.imap(self.user, tls=False)
            self.selected = None
        return self.connection

    def leave(self):
        if self.connection:
            self.connection.logout()
        self.connection = None

    def ask(self, *answer):
        equal(answer[0], "OK", f"{self.user}: {answer!r:.300}")
        return answer[1]

    def select(self, folder):
        if self.selected != folder:
            self.ask(*self.imap().select(f'"{folder}"'))
            self.selected = folder

    def uid(self, folder, name):
        self.select(folder)
        found = self.ask(*self.imap().uid("SEARCH", "HEADER", "Message-ID", f"<{name}@twoway.example>"))[0].split()
        equal(len(found), 1, f"{self.user}: messages {name} in {folder}")
        return found[0].decode()

    def create(self, folder):
        self.ask(*self.imap().create(f'"{folder}"'))

    def append(self, folder, name, flags):
        if folder == "INBOX" and not flags:
            self.server.deliver(content(name), self.user)
        else:
            self.ask(*self.imap().append(f'"{folder}"', f"({' '.join(flags)})", None, content(name)))

    def change(self, folder, name, flag, on):
        self.ask(*self.imap().uid("STORE", self.uid(folder, name), "+FLAGS" if on else "-FLAGS", f"({flag})"))

    def delete(self, folder, name):
        uid = self.uid(folder, name)
        self.ask(*self.imap().uid("STORE", uid, "+FLAGS.SILENT", "(\\Deleted)"))
        self.ask(*self.imap().uid("EXPUNGE", uid))

    def move(self, folder, name, target):
        self.ask(*self.imap().uid("MOVE", self.uid(folder, name), f'"{target}"'))

    def read(self):
        """{folder: sorted [(name, digest, flags)]}"""
        found = {}
        for line in self.ask(*self.imap().list()):
            if b"\\Noselect" in line:  # only a level of another's name
                continue
            folder = re.search(rb'"/" "?([^"]*)"?\Z', line)[1].decode()
            self.select(folder)
            found[folder] = rows = []
            answer = self.ask(*self.imap().uid("FETCH", "1:*", "(FLAGS BODY.PEEK[])"))
            for part in answer:
                if isinstance(part, tuple):
                    flags = re.search(rb"FLAGS \(([^)]*)\)", part[0])[1].decode().split()
                    rows.append((name_of(part[1]), digest(part[1]), frozenset(flags) - {"\\Recent"}))
            rows.sort()
        return found


class Maildirs:
    """A side that is directories below a root, INBOX one of them.  @letters: flag to letter in names; @flags: those of
    them that the program carries to the server."""

    def __init__(self, root, letters, flags, unlink_only=False):
        self.root, self.letters, self.flags, self.unlink_only, self.serial = root, letters, flags, unlink_only, 0

    def leave(self):
        pass

    def path(self, folder):
        return os.path.join(self.root, folder)

    def files(self, folder):
        for sub in ("new", "cur"):
            for name in os.listdir(os.path.join(self.path(folder), sub)):
                yield os.path.join(self.path(folder), sub, name)

    def folders(self):
        for at, subs, _ in os.walk(self.root):
            if {"new", "cur", "tmp"} <= set(subs):
                yield os.path.relpath(at, self.root)
            subs[:] = [s for s in subs if s not in ("new", "cur", "tmp")]

    def find(self, folder, name):
        mark = f"Message-ID: <{name}@".encode()
        for path in self.files(folder):
            with open(path, "rb") as f:
                if mark in f.read(1000):
                    return path
        raise AssertionError(f"local: {name} is not in {folder}")

    def create(self, folder):
        for sub in ("tmp", "new", "cur"):
            os.makedirs(os.path.join(self.path(folder), sub))

    def place(self, folder, data, letters):
        self.serial += 1
        base = f"{int(time.time())}.P{os.getpid()}Q{self.serial}.test"
        start = os.path.join(self.path(folder), "tmp", base)
        with open(start, "wb") as f:
            f.write(data)
        os.rename(start, os.path.join(self.path(folder), "cur", f"{base}:2,{letters}") if letters
                  else os.path.join(self.path(folder), "new", base))

    def append(self, folder, name, flags):
        self.place(folder, content(name).replace(b"\r\n", b"\n"), "".join(sorted(self.letters[f] for f in flags)))

    def change(self, folder, name, flag, on):
        path = self.find(folder, name)
        base, _, letters = os.path.basename(path).partition(":2,")
        letters = set(letters) | {self.letters[flag]} if on else set(letters) - {self.letters[flag]}
        os.rename(path, os.path.join(self.path(folder), "cur", f"{base}:2,{''.join(sorted(letters))}"))

    def delete(self, folder, name):
        path = self.find(folder, name)
        if self.unlink_only or int(hashlib.sha256(name.encode()).hexdigest(), 16) % 2:
            os.unlink(path)
        else:
            self.change(folder, name, "\\Deleted", True)

    def move(self, folder, name, target):
        """Moves a message as a mail reader does, with a new name in the new folder."""
        path = self.find(folder, name)
        carried = {self.letters[f] for f in self.flags}
        with open(path, "rb") as f:
            self.place(target, f.read(), "".join(x for x in os.path.basename(path).partition(":2,")[2] if x in carried))
        os.unlink(path)

    def read(self):
        found, flags = {}, {letter: flag for flag, letter in self.letters.items()}
        for folder in self.folders():
            found[folder] = rows = []
            for path in self.files(folder):
                with open(path, "rb") as f:
                    data = f.read()
                letters = os.path.basename(path).partition(":2,")[2]
                rows.append((name_of(data), digest(data), frozenset(flags[x] for x in letters)))
            rows.sort()
        return found


class Play:
    """Random changes, a program that carries them over, and what both stores must be then."""

    def __init__(self, server, far, near, recorders, program, new_folders=NEW_FOLDERS, unites_flags=False):
        """@recorders: one a side that the program reaches over IMAP.  @unites_flags: it sets on both sides what either has
        where both look changed, as every message does once an index was lost: no flag is removed just before that."""
        self.server, self.far, self.near, self.recorders, self.program = server, far, near, recorders, program
        self.unites_flags = unites_flags
        self.seed = int(os.environ.get("SATCHEL_SEED") or (time.time_ns() % 10**9 if LONG else 1))
        print(f"# SATCHEL_SEED={self.seed}", flush=True)
        self.random = random.Random(self.seed)
        self.messages = {}   # name: [folder, set of flags]
        self.folders = ["INBOX", "Drafts", "Sent", "Junk", "Trash", "Archive"]
        self.new_folders = list(new_folders)
        self.serial = 0
        self.made = {}       # folder: the side that made it in this round
        self.touched = {}    # message: the side that touched it in this round
        self.n_changes = self.n_copies = 0

    def change(self, side):
        """Makes one change.  Only one side changes a message between two runs, so that the result is certain."""
        r = self.random
        folders = [f for f in self.folders if self.made.get(f, side) is side]
        mine = [m for m in self.messages if self.touched.get(m, side) is side]
        what = r.choices(("append", "flag", "delete", "move", "create"), (35, 35, 10, 15, 2))[0]
        if what == "create" and self.new_folders:
            folder = self.new_folders.pop(0)
            side.create(folder)
            self.folders.append(folder)
            self.made[folder] = side
        elif what in ("append", "create") or not mine:
            self.serial += 1
            name, folder = f"m{self.serial:05}", r.choice(folders[:1] * 4 + folders)
            flags = {f for f in side.flags if r.random() < .2}
            side.append(folder, name, flags)
            self.messages[name] = [folder, flags]
            self.touched[name] = side
        else:
            name = r.choice(mine)
            folder, flags = self.messages[name]
            self.touched[name] = side
            if what == "flag":
                flag = r.choice(side.flags)
                on = flag not in flags or not self.may_remove_flags
                side.change(folder, name, flag, on)
                flags ^= {flag} if on == (flag not in flags) else set()
            elif what == "delete":
                side.delete(folder, name)
                del self.messages[name]
            else:
                target = r.choice([f for f in folders if f != folder])
                side.move(folder, name, target)
                self.messages[name] = [target, flags & set(side.flags)]
        self.n_changes += 1

    def noise(self):
        """Returns the changes and downloads that the program has asked for so far."""
        return sum(sum(r.verbs[v] for v in LOUD) + sum(r.downloads.values()) for r in self.recorders)

    def run_until_quiet(self):
        """Runs the program until it has nothing left to do."""
        for _ in range(6):
            before = self.noise()
            r = self.program()
            if r.returncode != 0:
                raise AssertionError(f"it ended with {r.returncode}, seed {self.seed}: {r.stdout[-1500:]!r} {r.stderr[-1500:]!r}")
            if before == self.noise():
                return
        raise AssertionError(f"it does not come to rest, seed {self.seed}: {[r.commands[-20:] for r in self.recorders]!r}")

    def wanted(self):
        found = {folder: [] for folder in self.folders}
        for name, (folder, flags) in self.messages.items():
            found[folder].append((name, digest(content(name)), frozenset(flags)))
        return {folder: sorted(rows) for folder, rows in found.items()}

    def compare(self, when):
        want = self.wanted()
        for side, what in ((self.far, "the server"), (self.near, "the other side")):
            got = side.read()
            side.leave()
            if got != want:
                lines = [f"{what}, {when}, seed {self.seed}:"]
                for folder in sorted(set(got) | set(want)):
                    a, b = set(got.get(folder, [])), set(want.get(folder, []))
                    lines += [f"  {folder}: more than wanted: {x[0]} {sorted(x[2])}" for x in sorted(a - b)[:5]]
                    lines += [f"  {folder}: missing: {x[0]} {sorted(x[2])}" for x in sorted(b - a)[:5]]
                    if len(got.get(folder, [])) != len(a):
                        lines.append(f"  {folder}: messages twice")
                    if (folder in got) != (folder in want):
                        lines.append(f"  {folder}: {'unknown' if folder in got else 'missing'}")
                raise AssertionError("\n".join(lines))

    # ---- what happens to the server between changes and runs

    def delete_indexes(self):
        n = 0
        for at, _, names in os.walk(self.server.mail_root):
            for name in names:
                if name in ("satchel-index", "satchel-cache"):
                    os.unlink(os.path.join(at, name))
                    n += 1
        if not n:
            raise AssertionError("there was no index to delete")

    def copy_volume(self):
        """Returns a copy of the volume, as `satchel bdb backup` makes one, and where it belongs."""
        self.n_copies += 1
        self.server.cli("bdb", "backup", self.far.user, f"copy{self.n_copies}")
        at = os.path.join(self.server.mail_root, "bdb", "default")
        return os.path.join(at, "backups", f"copy{self.n_copies}"), at

    @staticmethod
    def put_back(copy, volume):
        """As the admin guide has it."""
        for name in os.listdir(volume):
            if name.endswith(".db") or name.startswith("log."):
                os.unlink(os.path.join(volume, name))
        shutil.rmtree(os.path.join(volume, "bodies"), ignore_errors=True)
        for name in os.listdir(copy):
            if name.endswith(".db") or name.startswith("log.") or name == "bodies":
                shutil.move(os.path.join(copy, name), volume)

    def restart(self, kind):
        copy = self.copy_volume() if kind == "restart from the copy" else None
        self.server.stop("--keep")
        if copy:
            self.put_back(*copy)
        elif kind == "restart without index":
            self.delete_indexes()
        self.server.start()

    def kill(self):
        """kill -9 of a mail process; another is there soon."""
        victim = next(pid for pid, role in self.server.roles().items() if role == "mail")
        os.kill(victim, signal.SIGKILL)
        wait_for(lambda: victim not in self.server.roles() and
                 sum(role == "mail" for role in self.server.roles().values()) == self.n_mail, "a new mail process")

    def trouble(self, kind):
        self.far.leave()
        self.near.leave()
        if kind.startswith("restart"):
            self.restart(kind)
        elif kind == "kill":
            self.kill()
        elif kind == "volume copied meanwhile":
            self.copy_volume()
        elif kind != "nothing":
            self.delete_indexes()

    def go(self):
        self.n_mail = sum(role == "mail" for role in self.server.roles().values())
        rounds, each = (40, 25) if LONG else (6, 12)
        self.run_until_quiet()
        for n in range(rounds):
            kind = TROUBLES[n % len(TROUBLES)]
            self.may_remove_flags = not self.unites_flags or not kind.startswith(INDEX_LOST)
            self.made, self.touched = {}, {}
            turns = [self.far] * each + [self.near] * each
            self.random.shuffle(turns)
            for side in turns:
                self.change(side)
            self.trouble(kind)
            self.run_until_quiet()
            self.compare(f"round {n}, {kind}")
        for recorder in self.recorders:
            equal(bool(recorder.downloads), True, "the relay saw downloads")
            twice = {key: n for key, n in recorder.downloads.items() if n > 1}
            equal(twice, {}, "messages downloaded more than once")
            changed = {key: found for key, found in recorder.validities.items() if len(found) > 1}
            equal(changed, {}, "mailboxes whose UIDVALIDITY changed")
        print(f"# {self.n_changes} changes, {len(self.messages)} messages in {len(self.folders)} folders, "
              f"{sum(len(r.downloads) for r in self.recorders)} downloads, {sum(r.verbs['APPEND'] for r in self.recorders)} uploads",
              flush=True)
