#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A user's mail goes to another store and back while he works: clients notice one reconnect at most, and nothing differs afterwards;
whatever is killed meanwhile, the conversion goes on or is taken back."""
import contextlib
import hashlib
import imaplib
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import LONG, TOP, Server, case, corpus_files, equal, main, need, run_all, scratch, wait_for  # noqa: E402
from wire import Wire  # noqa: E402

N_MAIL = 20000 if LONG else 300
N_KILLS = 50 if LONG else 6
HAS_BDB = os.path.exists(os.path.join(os.environ.get("SATCHEL_MODULE_PATH", ""), "bdb.so"))   # it is built where there is a Berkeley DB
PLACES = ("default", "default:other") + (("tables",) if HAS_BDB else ())
server = Server("--set", 'maildir.volumes=( "other" )', "--set", "server.mail_processes=1", "--set", 'storage.driver="maildir"',
                *(("--set", "bdb.enabled=true", "--set", 'storage.profiles=( { name = "tables"; driver = "bdb"; layers = ( ); slot_by = "volume"; } )')
                  if HAS_BDB else ()), users=6)
USER = "u0001"
random.seed(1)
for verb in ("SETMETADATA", "GETMETADATA"):
    imaplib.Commands[verb] = ("AUTH", "SELECTED")


def name(user=USER):
    return f"{user}@{server.domain}"


def message(n):
    files = corpus_files() if LONG else []
    if files:
        with open(files[n % len(files)], "rb") as f:
            return b"X-Number: %d\r\n" % n + re.sub(rb"\r?\n", b"\r\n", f.read())
    return b"From: a@example.net\r\nSubject: number %d\r\nX-Number: %d\r\n\r\n%s\r\n" % (n, n, b"text " * (n % 200))


def ask(answer):
    equal(answer[0], "OK", f"{answer!r:.200}")
    return answer[1]


def upload(i):
    flags = random.choice(("", "\\Seen", "\\Seen \\Answered", "\\Flagged $Forwarded", "mine"))
    return flags, f"{1 + i % 28:02d}-Feb-2021 21:52:25 -0800", message(i)


def fill(user, n):
    """Mail in several folders, with flags, keywords, gaps, special uses, subscriptions, and annotations."""
    c = server.imap(user)
    for folder in ("Work", "Work/2026", "R&AOk-sum&AOk-", "Old"):
        ask(c.create(f'"{folder}"'))
    for folder in ("Work", "Nowhere"):
        ask(c.subscribe(f'"{folder}"'))
    folders = ("INBOX", "Work", "Work/2026", "R&AOk-sum&AOk-", "Sent")
    c.logout()
    w = Wire(server, "imap")
    w.line()
    w.ask(b"l LOGIN %s %s" % (user.encode(), server.password.encode()), b"l OK")
    for i, folder in enumerate(folders):
        w.append_many(folder, (upload(k) for k in range(i, n, len(folders))))
    w.close()
    c = server.imap(user)
    for folder in folders:
        ask(c.select(f'"{folder}"'))
        ask(c.store("1:2", "+FLAGS", "(\\Deleted)"))
        ask(c.expunge())
        ask(c.store("3:5", "+FLAGS", "(late)"))
        ask(c.store("1:4", "-FLAGS", "(\\Seen)"))
    ask(c._simple_command("SETMETADATA", "INBOX", '(/private/comment "kept")'))
    c.logout()
    p = server.pop3_session(user)
    p.retr(1)
    p.quit()


def fetched(c, folder):
    c.select(f'"{folder}"', readonly=True)
    rows = {}
    for part in ask(c.uid("FETCH", "1:*", "(FLAGS INTERNALDATE SAVEDATE MODSEQ EMAILID RFC822.SIZE BODY.PEEK[])")):
        if isinstance(part, tuple):
            uid = int(re.search(rb"UID (\d+)", part[0])[1])
            words = re.sub(rb"^\d+ |BODY\[\] \{\d+\}|\\Recent|[()]", b" ", part[0])
            rows[uid] = (sorted(words.split()), hashlib.sha256(part[1]).hexdigest())
    return rows


def state(user=USER):
    """Everything that a client can know."""
    c = server.imap(user)
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
    p = server.pop3_session(user)
    found["uidl"] = p.uidl()[1]
    p.quit()
    return found


def same(before, after):
    equal(sorted(before), sorted(after), "folders")
    for key in before:
        for one, other in zip(before[key], after[key]) if isinstance(before[key], tuple) else ((before[key], after[key]),):
            for uid in one if isinstance(one, dict) else ():
                equal(other.get(uid), one[uid], f"message {uid} of {key} after the conversion")
            equal(other, one, f"{key} after the conversion")


def convert(*options, user=USER, check=True):
    return server.cli("convert", user, *options, check=check)


def result(*options, user=USER):
    """The record of a conversion that went well."""
    lines = [json.loads(line) for line in convert(*options, "--json", user=user).stdout.splitlines()]
    equal(lines[-1], {"status": 0, "error": None}, "end of the command")
    return next(x for x in lines if "state" in x)


def place(user=USER):
    found = json.loads(server.cli("user", "place", user, "--json").stdout)
    return found["profile"] + (":" + found["volume"] if found["volume"] else "")


def root(where):
    return os.path.join(server.mail_root, "other" if where.endswith("other") else "", server.domain)


@case
def there_and_back():
    """Everything is the same at the new place, and back at the old one, of which nothing is left meanwhile"""
    fill(USER, N_MAIL)
    before = state()
    equal(result("--to", "maildir:other", "--dry-run")["state"], "would be converted", "dry run")
    equal(place(), "default", "place after the dry run")
    for to in ("maildir:other", *(("bdb",) if HAS_BDB else ()), "default"):
        told = result("--to", to, "--verify")
        print(f"# {told}", flush=True)
        equal((told["state"], told["verified"]), ("converted", True), "what was done")
        equal(place(), to.replace("maildir", "default").replace("bdb", "tables"), "place")
        same(before, state())
        for other in {"default", "default:other"} - {place()}:
            equal(os.path.exists(os.path.join(root(other), USER)), False, f"the store at {other}")
        equal(json.loads(convert("--status", "--json").stdout.splitlines()[0])["state"], "none", "status")
    equal(result("--to", "default")["state"], "there already", "once more")


@case
def refusals():
    """What is in the way is said, and nothing changes"""
    for options, words in ((("--to", "nowhere"), "no profile"), (("--to", "maildir:none"), "no volume"), (("--abort",), "no conversion"),
                           ((), "--to is missing"), (("--to", "default", "--status"), "together")):
        r = convert(*options, check=False)
        equal((r.returncode != 0, words in r.stderr), (True, True), f"{options}: {r.stderr}")
    server.deliver(b"Subject: x\r\n\r\nx\r\n", "u0002")
    equal(result("--to", "maildir:other", "--keep-old", user="u0002")["state"], "converted", "with --keep-old")
    equal(os.path.exists(os.path.join(root("default"), "u0002")), True, "the store that was kept")
    server.deliver(b"Subject: y\r\n\r\ny\r\n", "u0002")
    r = convert("--to", "default", user="u0002", check=False)
    equal("--replace" in r.stderr, True, r.stderr)
    equal(result("--to", "default", "--replace", user="u0002")["state"], "converted", "with --replace")
    c = server.imap("u0002")
    equal(c.select()[1], [b"2"], "messages after it")
    c.logout()


def begin(user, *options):
    """A conversion in the background, once it copies."""
    command = subprocess.Popen([os.path.join(TOP, "tools/devserver"), "cli", "--dir", server.dir, "--", "convert", user, *options],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    wait_for(lambda: command.poll() is not None or status(user) == "copying", "the conversion begins")
    return command


def status(user):
    r = convert("--status", "--json", user=user, check=False)
    return r.returncode == 0 and json.loads(r.stdout.splitlines()[0])["state"]


@case
def one_at_a_time():
    """A conversion at work keeps others out; one that is interrupted, or whose user is released, waits, and is taken back"""
    user = "u0004"
    for _ in range(2):
        server.deliver(b"Subject: x\r\n\r\n" + b"long line of text\r\n" * 5000, user)
    command = begin(user, "--to", "maildir:other", "--throttle", "1K")
    for options in (("--to", "maildir:other"), ("--abort",)):
        r = convert(*options, user=user, check=False)
        equal(" at work" in r.stderr, True, r.stderr)
    os.killpg(command.pid, signal.SIGINT)
    command.wait(60)
    equal(status(user), "copying", "after an interrupt")
    command = begin(user, "--to", "maildir:other", "--throttle", "1K")
    server.cli("release", user)
    equal(command.wait(60) != 0, True, "the conversion ends when its user is released")
    server.cli("adopt", user)
    wait_for(lambda: convert("--abort", user=user, check=False).returncode == 0, "--abort")
    equal((status(user), place(user), os.path.exists(os.path.join(root("other"), user))), ("none", "default", False), "after --abort")


class Idle(threading.Thread):
    """Waits for mail, and comes back when it is told to leave."""

    def __init__(self):
        super().__init__(daemon=True)
        self.n_connections, self.n_exists, self.ends, self.error = 0, 0, False, None

    def run(self):
        try:
            while not self.ends:
                self.wait()
        except Exception as e:  # noqa: B902 - told by the test
            self.error = e

    def wait(self):
        c = server.imap(USER)
        self.n_connections += 1
        c.select()
        c.send(b"i IDLE\r\n")
        while not self.ends:
            line = c.readline()
            if not line or b"BYE" in line:
                return
            self.n_exists = max(self.n_exists, int((re.match(rb"\* (\d+) EXISTS", line) or [0, 0])[1]))


def mbsync_config():
    work = scratch()
    os.mkdir(os.path.join(work, "mail"))
    config = os.path.join(work, "mbsyncrc")
    with open(config, "w") as f:
        f.write(f"""IMAPAccount a
Host 127.0.0.1
Port {server.ports["imap"]}
User {USER}
Pass {server.password}
SSLType None

IMAPStore far
Account a

MaildirStore near
Path {work}/mail/
Inbox {work}/mail/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Expunge Both
Sync All
SyncState *
""")
    return config, work


def files_of(work):
    """The messages on disk, by inode, which a message that is downloaded again would not have."""
    return {os.stat(os.path.join(d, f)).st_ino for d, _, names in os.walk(work) for f in names if os.path.basename(d) in ("cur", "new")}


@case
def clients_at_work():
    """IDLE, mbsync and LMTP during a conversion there and back: one reconnect each, no delivery deferred, nothing downloaded again"""
    need("mbsync")
    config, work = mbsync_config()
    subprocess.run(["mbsync", "-c", config, "-a"], check=True, capture_output=True, timeout=900)
    known = files_of(work)
    idle = Idle()
    idle.start()
    wait_for(lambda: idle.n_connections == 1, "IDLE")
    ends = threading.Event()
    n_delivered = n_failed = 0

    def deliver():
        nonlocal n_delivered
        while not ends.is_set():
            server.deliver(b"Subject: live\r\nMessage-ID: <live-%d@example>\r\n\r\nlive\r\n" % n_delivered, USER)
            n_delivered += 1

    def sync():
        nonlocal n_failed
        while not ends.is_set():
            n_failed += subprocess.run(["mbsync", "-c", config, "-a"], capture_output=True, timeout=300).returncode != 0

    def go():
        try:
            for to in (PLACES[-1], "default"):
                told = result("--to", to, "--verify")
                print(f"# {told}", flush=True)
                wait_for(lambda: idle.n_exists > 0 or idle.error, "IDLE hears")
        finally:
            ends.set()
    run_all(deliver, sync, go, seconds=3000)
    idle.ends = True
    server.deliver(b"Subject: last\r\n\r\nlast\r\n", USER)
    wait_for(lambda: not idle.is_alive(), "the end of IDLE")
    equal(idle.error, None, "IDLE")
    equal(idle.n_connections <= 3, True, f"connections of IDLE: {idle.n_connections}")
    equal(n_failed <= 2, True, f"runs of mbsync that failed: {n_failed}")
    subprocess.run(["mbsync", "-c", config, "-a"], check=True, capture_output=True, timeout=900)
    equal(known - files_of(work), set(), "messages that mbsync has downloaded again")
    c = server.imap(USER)
    c.select()
    equal(len(ask(c.search(None, 'HEADER MESSAGE-ID "<live-"'))[0].split()), n_delivered, "messages that were delivered meanwhile")
    print(f"# {n_delivered} deliveries, {n_failed} runs of mbsync that failed", flush=True)
    c.logout()


def pid_of(role):
    return next((pid for pid, what in server.roles().items() if what == role), None)


def settle(user):
    """After a kill: the server is there, and says where the user is."""
    def attempt():
        r = convert("--status", "--json", user=user, check=False)
        return r.returncode == 0 and json.loads(r.stdout.splitlines()[0])
    return wait_for(attempt, "the server after a kill")


@case
def killed():
    """Killed at any moment, the conversion goes on or is taken back, and nothing is lost"""
    user = "u0003"
    fill(user, min(N_MAIL, 2000))
    before = state(user)
    n_done = n_aborted = 0
    for i in range(N_KILLS):
        to = PLACES[(PLACES.index(place(user)) + 1) % len(PLACES)]
        slow = ("--throttle", "500K" if LONG else "60K") if i % 3 < 2 else ()
        command = begin(user, "--to", to, *slow)
        victim = random.choice(("mail", "auth", "command", "mail"))
        with contextlib.suppress(subprocess.TimeoutExpired):
            command.wait(random.random() * (4 if LONG else 1))
        if victim == "command":
            with contextlib.suppress(ProcessLookupError):
                os.killpg(command.pid, signal.SIGKILL)
        else:
            os.kill(wait_for(lambda: pid_of(victim), victim), signal.SIGKILL)
        command.wait(120)
        told = settle(user)
        if told["state"] == "copying" and random.random() < .3:
            wait_for(lambda: convert("--abort", user=user, check=False).returncode == 0, "--abort")
            n_aborted += 1
        elif told["state"] == "copying":
            wait_for(lambda: convert("--to", to, user=user, check=False).returncode == 0, "the conversion goes on")
            n_done += 1
        elif told["state"] != "none":
            wait_for(lambda: convert("--to", told["at"], user=user, check=False).returncode == 0, "what is left is removed")
        same(before, state(user))
    equal(n_done + n_aborted > 0, True, "kills in the middle")
    print(f"# {N_KILLS} kills: {n_done} conversions went on, {n_aborted} were taken back", flush=True)


main()
