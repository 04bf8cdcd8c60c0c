#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Mail of mbox files and Maildir trees comes into stores of both drivers while their users work, and goes back to files that
others read, whatever is killed meanwhile: each message once, with its flags, keywords and dates; what is wrong is named."""
import contextlib
import hashlib
import imaplib
import json
import mailbox
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from peers import MAIL, Dovecot  # noqa: E402
from small_disk import SmallDisk  # noqa: E402
from tap import LONG, TOP, Server, case, corpus_files, equal, main, scratch, wait_for, wire  # noqa: E402
from instance import Instance  # noqa: E402 - of tools/lib, whose path tap knows

N_MAIL = 5000 if LONG else 400
N_KILLS = 40 if LONG else 5
HAS_BDB = os.path.exists(os.path.join(os.environ.get("SATCHEL_MODULE_PATH", ""), "bdb.so"))   # it is built where there is a Berkeley DB
QUOTA = ("--set", "quota.enabled=true", "--set", 'quota.storage="1G"', "--set", 'quota.users=( { name = "u0006@example.org"; storage = "20K"; } )')
server = Server("--set", "server.mail_processes=1", "--set", 'storage.driver="maildir"', *QUOTA,
                *(("--set", "bdb.enabled=true", "--set", 'storage.profiles=( { name = "tables"; driver = "bdb"; layers = ( ); slot_by = "volume"; } )')
                  if HAS_BDB else ()), users=12)
DRIVERS = {"maildir": ("u0001", "u0002", "u0003"), **({"bdb": ("u0007", "u0008", "u0009")} if HAS_BDB else {})}
for bdb_user in DRIVERS.get("bdb", ()):
    server.cli("user", "place", bdb_user, "--profile", "tables")
random.seed(1)


WORK = scratch()


def place(name):
    return os.path.join(WORK, name)


def put(path, content):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(content)
    return path


def run_command(verb, user, path, *options, check=True):
    """The records that a command printed, and its exit status."""
    r = server.cli(verb, user, path, *options, "--json", check=False)
    records = [json.loads(line) for line in r.stdout.splitlines()]
    if check:
        equal((r.returncode, records[-1] if records else None), (0, {"status": 0, "error": None}), f"{verb} {path}: {r.stdout[-2000:]}{r.stderr}")
    return [x for x in records if "progress" not in x], r


def import_(user, path, *options):
    """The last record of an import that went well."""
    return [x for x in run_command("import", user, path, *options)[0] if "state" in x][0]


def problems(user, path, *options, verb="import"):
    records, r = run_command(verb, user, path, *options, check=False)
    equal(r.returncode != 0, True, f"{verb} {path} fails: {r.stdout}")
    return [x for x in records if "problem" in x], r


def fetched(user, folder, of=server):
    """{digest: (flags and keywords, internal date)} for each message; those with the same content are numbered."""
    c = of.imap(user)
    equal(c.select(f'"{folder}"', readonly=True)[0], "OK", f"{folder} of {user}")
    rows = {}
    for part in c.uid("FETCH", "1:*", "(FLAGS INTERNALDATE BODY.PEEK[])")[1]:
        if isinstance(part, tuple):
            flags = re.search(rb"FLAGS \(([^)]*)\)", part[0])[1].decode().split()
            date = imaplib.Internaldate2tuple(part[0])
            key = hashlib.sha256(part[1]).hexdigest()
            while key in rows:
                key += "+"
            rows[key] = (sorted(set(flags) - {"\\Recent"}), int(time.mktime(date)) if date else None)
    c.logout()
    return rows


def folders(user, verb="list", of=server):
    c = of.imap(user)
    names = sorted(re.search(rb'"/" "?([^"]+)"?$', x)[1].decode() for x in getattr(c, verb)()[1] if x and b"Noselect" not in x and b"NonExistent" not in x)
    c.logout()
    return names


def digest(content):
    return hashlib.sha256(content).hexdigest()


def mails(n):
    files = corpus_files()
    for i in range(n):
        with open(files[i % len(files)], "rb") as f:
            content = f.read().replace(b"\r\n", b"\n")
            yield b"X-Number: %d\n" % i + re.sub(rb"(?im)^(status|x-status|x-keywords|content-length|x-uid|x-imap(base)?|x-mozilla-(status2?|keys)):.*\n", b"", content)


def write_mbox(path, contents, flags=""):
    """As Python writes it, and most programs do: mboxo."""
    box = mailbox.mbox(path)
    for i, content in enumerate(contents):
        m = mailbox.mboxMessage(content)
        m.set_from("bob@example.org", time.gmtime(1_000_000_000 + i))
        m.set_flags(flags)
        box.add(m)
    box.close()
    return path


@case
def mbox_of_python():
    """An mbox file that Python wrote comes over whole, once, while a client watches"""
    contents = [re.sub(rb"(?m)^(>*From )", rb"x\1", x) for x in mails(120)]
    path = write_mbox(place("python.mbox"), contents, "RF")
    want = {digest(wire(x if x.endswith(b"\n") else x + b"\n")): (["\\Flagged", "\\Seen"], 1_000_000_000 + i) for i, x in enumerate(contents)}
    for user, *_ in DRIVERS.values():
        dry = import_(user, path, "--into", "Old/Mail", "--dry-run")
        equal((dry["state"], dry["messages"], dry["done"]), ("would be imported", 120, 0), "dry run")
        equal("Old/Mail" in folders(user), False, "the mailbox after a dry run")
        server.cli("import", user, path, "--into", "Seen")
        watcher = server.imap(user)
        watcher.select("Seen")
        told = import_(user, write_mbox(place(f"more-{user}"), [b"Subject: more\n\nx\n"]), "--into", "Seen")
        equal((told["messages"], told["done"], told["known"]), (1, 1, 0), "one message more")
        watcher.noop()
        equal(watcher.untagged_responses.get("EXISTS", [None])[-1], b"121", "what the client hears")
        watcher.logout()
        told = import_(user, path, "--into", "Old/Mail")
        equal((told["messages"], told["done"], told["known"], told["failed"]), (120, 120, 0, 0), "what was done")
        got = fetched(user, "Old/Mail")
        for key, row in want.items():
            equal(got.get(key), row, "a message of the file")
        equal(len(got), 120, "messages")
        equal("Old/Mail" in folders(user, "lsub"), True, "the new mailbox is subscribed")
        told = import_(user, path, "--into", "Old/Mail")
        equal((told["done"], told["known"]), (0, 120), "the same once more")
        equal(len(fetched(user, "Old/Mail")), 120, "messages after it")


@case
def removed_stays_removed():
    """What the user removed does not come back, also after a conversion; what is in the file twice comes twice; --again begins anew"""
    path = write_mbox(place("twice"), [b"Subject: a\n\na\n", b"Subject: b\n\nb\n", b"Subject: a\n\na\n"])
    for _, user, *_ in DRIVERS.values():
        equal(import_(user, path, "--into", "Twice")["done"], 3, "messages")
        c = server.imap(user)
        c.select("Twice")
        c.store("1", "+FLAGS", "(\\Deleted)")
        c.expunge()
        c.logout()
        write_mbox(path, [b"Subject: c\n\nc\n"])
        told = import_(user, path, "--into", "Twice")
        equal((told["done"], told["known"]), (1, 3), "a file that has grown")
        equal(len(fetched(user, "Twice")), 3, "messages after it")
        told = import_(user, path, "--into", "Twice", "--again")
        equal((told["done"], told["known"]), (4, 0), "--again")
        os.remove(path)
        write_mbox(path, [b"Subject: a\n\na\n", b"Subject: b\n\nb\n", b"Subject: a\n\na\n"])
    if HAS_BDB:
        user = DRIVERS["maildir"][1]
        server.cli("convert", user, "--to", "tables")
        equal(import_(user, path, "--into", "Twice")["done"], 0, "what is imported after a conversion")


@case
def thunderbird():
    """A profile of Thunderbird, and mailboxes of Apple: names, flags, tags; what is no mail is left alone"""
    user = "u0003"
    top = place("profile")
    message = b"From - Fri Nov 21 09:55:06 1997\r\nX-Mozilla-Status: 0007\r\nX-Mozilla-Keys: $label1 work\r\nSubject: %s\r\n\r\n%s\r\n\r\n"
    put(f"{top}/Inbox", message % (b"in", b"in"))
    put(f"{top}/Inbox.msf", b"// <!-- <mdb:mork")
    put(f"{top}/Archive", b"")
    put(f"{top}/Archive.sbd/2026 \xc3\xa9".encode("latin-1").decode("utf-8"), message % (b"deep", b"deep"))
    put(f"{top}/Apple.mbox/mbox", b"From bob Fri Nov 21 09:55:06 1997\nSubject: apple\n\nx\n\n")
    put(f"{top}/Apple.mbox/table_of_contents.dat", b"\0\1")
    told = import_(user, top + "/")
    equal((told["mailboxes"], told["done"]), (4, 3), "what was done")
    equal({"INBOX", "Archive", "Apple", "Archive/2026 &AOk-"} <= set(folders(user)), True, f"{folders(user)}")
    equal(list(fetched(user, "INBOX").values()), [(["$label1", "\\Answered", "\\Flagged", "\\Seen", "work"], 880106106)], "flags and tags")
    equal(list(fetched(user, "Archive/2026 &AOk-")), [digest(b"Subject: deep\r\n\r\ndeep\r\n")], "content")


@case
def maildir_tree():
    """A Maildir++ tree with Dovecot's lists: flags, keywords, dates, UIDs, subscriptions; nothing in it changes"""
    top = place("tree")
    for folder in ("", ".Work", ".Work.2026", ".a&AC4-b &AOk-"):
        for part in ("cur", "new", "tmp"):
            os.makedirs(f"{top}/{folder}/{part}", exist_ok=True)
    for i in range(70):
        path = put(f"{top}/cur/{1000 - i}.M{i}.host:2,{'FS' if i % 2 else 'R'}{'ab' if i % 3 == 0 else ''}", b"Subject: %d\n\nbody %d\n" % (i, i))
        os.utime(path, (1_000_000_000 + i,) * 2)
    put(f"{top}/new/2000.M1.host", b"Subject: new\n\nnew\n")
    put(f"{top}/dovecot-keywords", b"0 $Forwarded\n1 mine\n")
    lines = "".join(f"{10 + 2 * i} :{1000 - i}.M{i}.host\n" for i in range(70))
    put(f"{top}/dovecot-uidlist", f"3 V1234567 N500 G00112233445566778899aabbccddeeff\n{lines}".encode())
    put(f"{top}/subscriptions", b"V\t2\n\nWork\nWork\t2026\n")
    put(f"{top}/.Work.2026/cur/1.M1.host:2,P", b"Subject: f\r\n\r\nf\r\n")
    put(f"{top}/.a&AC4-b &AOk-/cur/1.M1.host:2,", b"Subject: g\n\ng\n")
    before = {os.path.join(a, x): os.stat(os.path.join(a, x)).st_mtime_ns for a, b, c in os.walk(top) for x in b + c}
    for _, _, user, *_ in DRIVERS.values():
        c = server.imap(user)
        c.select()
        c.store("1:*", "+FLAGS", "(\\Deleted)")
        c.expunge()
        c.logout()
        told = import_(user, top, "--keep-uids")
        equal((told["done"], told["failed"]), (73, 0), "what was done")
        got = fetched(user, "INBOX")
        equal(len(got), 71, "messages of INBOX")
        for i in range(70):
            keywords = ["$Forwarded", "mine"] if i % 3 == 0 else []
            equal(got.get(digest(b"Subject: %d\r\n\r\nbody %d\r\n" % (i, i))),
                  (sorted((["\\Flagged", "\\Seen"] if i % 2 else ["\\Answered"]) + keywords), 1_000_000_000 + i), f"message {i}")
        c = server.imap(user)
        equal(re.findall(rb"\d+", c.status("INBOX", "(UIDVALIDITY UIDNEXT)")[1][0]), [b"501", b"1234567"], "UIDVALIDITY and UIDNEXT")
        c.select()
        equal(c.uid("SEARCH", "SUBJECT", "69")[1], [b"148"], "the UID of a message")
        c.logout()
        equal(list(fetched(user, "Work/2026").values())[0][0], ["$Forwarded"], "a forwarded message")
        equal("a.b &AOk-" in folders(user), True, f"{folders(user)}")
        equal({"Work", "Work/2026"} <= set(folders(user, "lsub")) and "a.b &AOk-" not in folders(user, "lsub"), True, f"{folders(user, 'lsub')}")
        told = import_(user, top, "--keep-uids")
        equal((told["done"], told["known"]), (0, 73), "once more")
    after = {os.path.join(a, x): os.stat(os.path.join(a, x)).st_mtime_ns for a, b, c in os.walk(top) for x in b + c}
    equal(after, before, "files of the tree")
    put(f"{top}/fs/cur/.keep", b"")
    told = import_("u0004", top, "--layout", "fs", "--into", "Other", "--dry-run")
    equal(told["mailboxes"], 2, "mailboxes in layout fs")


def process(user, path, *options, verb="import"):
    """A command in the background, with the lines that it prints."""
    return subprocess.Popen([os.path.join(TOP, "tools/devserver"), "cli", "--dir", server.dir, "--", verb, user, path, "--json", *options],
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True)


def mail_pid():
    return next((pid for pid, role in server.roles().items() if role == "mail"), None)


def kill_once(user, path, victim, *options):
    """Kills the server's process, or `satchel`, after some of its reports.  Says whether it was in the middle."""
    command = process(user, path, "--throttle", "250K", *options)
    n_reports = random.randrange(1, 5)
    n_seen, is_done = 0, False
    for line in command.stdout:
        record = json.loads(line)
        n_seen += record.get("progress", {}).get("done", 0) > 0
        is_done |= "status" in record
        if n_seen < n_reports or is_done:
            continue
        if victim == "mail":
            os.kill(mail_pid(), signal.SIGKILL)
        else:
            os.killpg(command.pid, signal.SIGKILL if victim == "satchel" else signal.SIGINT)
        break
    with contextlib.suppress(ProcessLookupError):
        command.stdout.read()
    command.wait(120)
    wait_for(lambda: server.cli("import", user, path, "--dry-run", check=False).returncode == 0, "the server is back")
    return not is_done


@case
def killed():
    """Whatever is killed, and whenever: an import that is run again leaves each message there once"""
    contents = [b"X-Number: %d\nSubject: number %d\n\n%s" % (i, i, b"some text\n" * (i % 1000)) for i in range(N_MAIL)]
    path = write_mbox(place("killed"), contents)
    want = sorted(digest(wire(x)) for x in contents)
    for user, *_ in DRIVERS.values():
        into = ("--into", "Killed")
        n = sum(kill_once(user, path, victim, *into) for victim in ("mail", "satchel", "interrupt", "mail", "mail", *("mail" for _ in range(N_KILLS - 5))))
        told = import_(user, path, *into)
        print(f"# {user}: {n} killed in the middle; at last done={told['done']} known={told['known']}", flush=True)
        equal(n > 0 and told["known"] > 0, True, "something was killed in the middle")
        equal(sorted(fetched(user, "Killed")), want, "messages")


@case
def together():
    """One import of a user at a time; deliveries go on meanwhile"""
    user = "u0005"
    path = write_mbox(place("together"), [b"Subject: %d\n\n%s" % (i, b"text\n" * 2000) for i in range(200)])
    command = process(user, path, "--throttle", "200K", "--into", "Slow")
    wait_for(lambda: json.loads(command.stdout.readline()).get("progress"), "the import works")
    server.deliver(b"Subject: delivered\r\n\r\nx\r\n", user)
    equal("Slow" in folders(user) and len(fetched(user, "INBOX")), 1, "a delivery during the import")
    _, r = problems(user, path)
    equal(" at work" in r.stdout, True, r.stdout)
    os.killpg(command.pid, signal.SIGINT)
    command.stdout.read()
    equal(command.wait(60) != 0, True, "the import that was interrupted")


@case
def mistakes():
    """Mistakes of an administrator are told, with what to do, and an exit status"""
    top = place("mistakes")
    good = write_mbox(put(f"{top}/a/good", b""), [b"Subject: good\n\nx\n"])
    put(f"{top}/a/bad", b"no mail")
    os.symlink("/etc/passwd", f"{top}/a/link")
    os.symlink("/etc", f"{top}/a/dir")
    put(f"{top}/a/secret", b"From bob Fri Nov 21 09:55:06 1997\n\nx\n")
    os.chmod(f"{top}/a/secret", 0)
    s = socket.socket(socket.AF_UNIX)
    s.bind(f"{top}/socket")
    for words, arguments in (("No such file", ("u0004", f"{top}/none")), ("neither a file", ("u0004", f"{top}/socket")),
                             ("neither a file", ("u0004", "/dev/null")), ("no such user", ("nobody", f"{top}/a")),
                             ("known format", ("u0004", put(f"{top}/empty/.x", b"")[:-2])), ("--into needs a path", ("u0004", "--into", "x")),
                             ("cannot be used with a path", ("u0004", good, "--quiet")), ("one path", ("u0004", good, good))):
        r = server.cli("import", *arguments, check=False)
        equal((r.returncode != 0, words in r.stderr), (True, True), f"{arguments}: {r.stdout}{r.stderr}")
    told, r = problems("u0004", f"{top}/a")
    want = {"bad": "no mbox file", "link": "symbolic links", "dir": "symbolic links"}
    if os.geteuid() != 0:
        want["secret"] = "Permission denied"
    for name, words in want.items():
        equal([words in x["problem"] for x in told if x["file"] == name], [True], f"{name}: {told}")
    equal(len(told), len(want), f"{told}")
    equal(list(fetched("u0004", "good")), [digest(b"Subject: good\r\n\r\nx\r\n")], "what could be imported")


@case
def quota_is_full():
    """An import that meets the user's quota stops, and goes on when there is room"""
    path = write_mbox(place("quota"), [b"Subject: %d\n\n%s" % (i, b"text text\n" * 100) for i in range(100)])
    _, r = problems("u0006", path, "--into", "Full")
    equal("quota" in r.stdout.lower(), True, r.stdout[-500:])
    got = fetched("u0006", "Full")
    equal(0 < len(got) < 30, True, f"{len(got)} messages")
    c = server.imap("u0006")
    c.select("Full")
    c.store("1:*", "+FLAGS", "(\\Deleted)")
    c.expunge()
    c.logout()
    _, r = problems("u0006", path, "--into", "Full")
    again = fetched("u0006", "Full")
    equal((len(again) > 0, set(again) & set(got)), (True, set()), "the messages that follow")


@case
def store_is_full():
    """An import that fills the disk of the mail ends with an error that says so; run again with room it brings the rest, once"""
    contents = [b"Subject: %d\n\n%s" % (i, b"text text\n" * 1000) for i in range(130)]
    path = write_mbox(place("fills"), contents)
    for driver in DRIVERS:
        disk = SmallDisk("64m" if driver == "bdb" else "6m")
        settings = [x for setting, size in (("log_file", 4), ("reserve", 16), ("cache", 4), ("checkpoint_size", 1))
                    for x in ("--set", f'bdb.{setting}="{size}M"')] if driver == "bdb" else []
        small = Server("--set", f'server.mail_root="{disk.path}/mail"', "--set", "server.mail_processes=1", "--set", f'storage.driver="{driver}"',
                       *(("--set", "bdb.enabled=true") if driver == "bdb" else ()), *settings, users=1)
        small.cli("import", "u0001", write_mbox(place(f"first-{driver}"), [b"Subject: first\n\nx\n"]), "--into", "Full")
        disk.fill()
        r = small.cli("import", "u0001", path, "--into", "Full", check=False)
        equal((r.returncode != 0, "No space left" in r.stderr or "is full" in r.stderr), (True, True), f"{driver}: {r.stdout}{r.stderr}")
        disk.give_back()
        wait_for(lambda: small.cli("import", "u0001", path, "--into", "Full", check=False).returncode == 0, "there is room")
        equal(sorted(fetched("u0001", "Full", small)), sorted(digest(wire(x)) for x in (b"Subject: first\n\nx\n", *contents)), f"{driver}: messages")
        small.stop()


# ---- export

ODD = ("Work", "Work/2026", "R&AOk-sum&AOk-", "a.b", ".hidden", "list.mbox", "50%25", "From here")


def fill(user, n):
    """Mail in many folders, with flags, keywords, dates, gaps in UIDs, and subscriptions."""
    c = server.imap(user)
    for folder in ODD:
        equal(c.create(f'"{folder}"')[0], "OK", f"CREATE {folder}")
    for folder in ("Work", "a.b"):
        c.subscribe(f'"{folder}"')
    odd = [b"Subject: From\r\n\r\nFrom here\r\n>From there\r\n>>>From\r\n", b"Subject: no end\r\n\r\nx", b"Subject: no body\r\n", b"Subject: blank\r\n\r\n\r\n\r\n",
           b"Status: RO\r\nX-Keywords: mine\r\nContent-Length: 2\r\n\r\nx\r\n\r\n", b"Subject: long\r\n\r\n" + b"x" * 200000 + b"\r\n",
           b"Subject: 8-bit \xff\r\n\r\n\xfe\xff\r\n"]
    for i, content in enumerate([*odd, *map(wire, mails(n))]):
        flags = ("", "\\Seen", "\\Seen \\Answered $Forwarded", "\\Flagged mine", "\\Draft \\Deleted")[i % 5]
        folder = ("INBOX", *ODD)[i % (len(ODD) + 1)] if i >= len(odd) else "INBOX"
        r = c.append(f'"{folder}"', f"({flags})", imaplib.Time2Internaldate(1_100_000_000 + 86400 * i), content)
        equal(r[0], "OK", f"APPEND {r}")
    c.select("INBOX")
    c.store("2", "+FLAGS", "(\\Deleted)")
    c.uid("EXPUNGE", "2")
    c.logout()


def everything(user, uids=False):
    names = folders(user)
    found = {name: fetched(user, name) for name in names}
    c = server.imap(user)
    for name in names if uids else ():
        c.select(f'"{name}"', readonly=True)
        found[name]["numbers"] = (sorted(re.findall(rb"\d+", c.status(f'"{name}"', "(UIDVALIDITY UIDNEXT)")[1][0])[-2:]), c.uid("SEARCH", "ALL")[1])
    c.logout()
    return {name: rows for name, rows in found.items() if rows}, folders(user, "lsub")


def files_of(top):
    found = {}
    for directory, names, files in os.walk(top):
        for name in (*names, *files):
            path = os.path.join(directory, name)
            found[os.path.relpath(path, top)] = os.stat(path).st_mode & 0o777
    return found


@case
def round_trip():
    """What is exported from one driver and imported into the other is the same: content, flags, keywords, dates, names, subscriptions, UIDs"""
    users = ["u0010"] + (["u0011"] if HAS_BDB else [])
    if HAS_BDB:
        server.cli("user", "place", "u0011", "--profile", "tables")
    to = {"u0010": {"mbox": "bdb1", "maildir": "bdb2"}, "u0011": {"mbox": "maildir1", "maildir": "maildir2"}}
    for user in users:
        fill(user, 60)
        before = everything(user), everything(user, uids=True)
        for format_ in ("maildir", "mbox"):
            top = place(f"{format_}-{user}")
            told = [x for x in run_command("export", user, top, "--format", format_)[0] if "state" in x][0]
            equal((told["state"], told["failed"], told["known"]), ("exported", 0, 0), "what was done")
            modes = files_of(top)
            equal(set(modes.values()), {0o600, 0o700}, "modes")
            target = f"{to[user][format_]}@example.org"
            server.cli("user", "add", target, "--stdin", input=server.password + "\n")
            if to[user][format_].startswith("bdb") and HAS_BDB:
                server.cli("user", "place", target, "--profile", "tables")
            name = target.split("@")[0]
            done = import_(name, top, *(("--keep-uids",) if format_ == "maildir" else ()))
            equal((done["done"], done["failed"]), (told["done"], 0), "what was imported")
            got = everything(name, uids=format_ == "maildir")
            want = before[format_ == "maildir"]
            for folder in want[0]:
                for key, row in want[0][folder].items():
                    equal(got[0].get(folder, {}).get(key), row, f"{format_}: {folder}: {key}")
            equal(got, want, format_)
            again = [x for x in run_command("export", user, top, "--format", format_)[0] if "state" in x][0]
            equal((again["done"], again["known"]), (0, told["done"]), "the same export once more")
            equal(files_of(top), modes, "files after it")


@case
def read_by_python():
    """Python's module mailbox reads both formats"""
    user = "u0010"
    inbox = fetched(user, "INBOX")
    box = mailbox.Maildir(place(f"maildir-{user}"), create=False)
    equal({digest(wire(m.as_bytes())) for m in box if "From" in str(m["Subject"])} <= set(inbox), True, "content in the Maildir")
    equal(sorted(m.get_flags().translate({ord("a") + i: None for i in range(26)}) for m in box),
          sorted("".join(sorted({"\\Seen": "S", "\\Answered": "R", "\\Flagged": "F", "\\Draft": "D", "\\Deleted": "T"}.get(f, "") for f in flags))
                 for flags, _ in inbox.values()), "flags in the Maildir")
    equal(sorted(int(m.get_date()) for m in box), sorted(date for _, date in inbox.values()), "dates in the Maildir")
    equal("Work.2026" in box.list_folders(), True, f"{box.list_folders()}")
    box = mailbox.mbox(place(f"mbox-{user}/INBOX"), create=False)
    equal(len(box), len(inbox), "messages of the mbox file")
    letters = {"\\Seen": "R", "\\Answered": "A", "\\Flagged": "F", "\\Draft": "T", "\\Deleted": "D"}
    own = digest(b"Status: RO\r\nX-Keywords: mine\r\nContent-Length: 2\r\n\r\nx\r\n\r\n")   # Python reads the fields that the message came with
    equal(sorted("".join(sorted(m.get_flags())) for m in box if m["Content-Length"] is None),
          sorted("".join(sorted("O" + "".join(letters.get(f, "") for f in flags))) for key, (flags, _) in inbox.items() if key != own), "flags in the mbox file")


def piped(*arguments, **options):
    """`satchel` with the streams that are given: its exit status, standard output as bytes, and standard error as text."""
    command, environment = Instance(server.dir).command(arguments)
    r = subprocess.run(command, **{"env": environment, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options})
    return r.returncode, r.stdout, r.stderr.decode()


@case
def streams():
    """One mailbox goes to standard output and comes from standard input, and nothing else is in the pipe"""
    target = "u0012"
    for user in ("u0010", *(("u0011",) if HAS_BDB else ())):
        with open(place(f"mbox-{user}/INBOX"), "rb") as f:
            want = f.read()
        for options in ((), ("--json", "--format", "mbox")):
            status, content, said = piped("export", user, "-", "INBOX", *options)
            equal((status, content, "exported" in said), (0, want, True), f"an export to a pipe: {said}")
        # A pipe, a file, and a file of which a part was read.
        into = f"Pipe {user}"
        status, told, said = piped("import", target, "-", "--into", into, input=want)
        equal((status, said), (0, ""), f"an import from a pipe: {told}")
        equal(fetched(target, into), fetched(user, "INBOX"), "what came through the pipe")
        with open(place(f"mbox-{user}/INBOX"), "rb") as f:
            status, told, said = piped("import", target, "-", "--into", into, "--json", stdin=f)
            records = [json.loads(line) for line in told.splitlines()]
            equal([(x["done"], x["known"]) for x in records if "state" in x], [(0, len(fetched(user, "INBOX")))], f"the same as a file: {said}")
    with open(put(place("two-parts"), b"not mail\n\nFrom bob Fri Nov 21 09:55:06 1997\nSubject: part\n\nx\n"), "rb", buffering=0) as f:
        f.read(10)
        equal(piped("import", target, "-", stdin=f)[0], 0, "the rest of a file")
    equal(list(fetched(target, "INBOX")), [digest(b"Subject: part\r\n\r\nx\r\n")], "mail of a source without a name")


@case
def streams_that_end():
    """A reader that ends early, a full disk, a terminal and what is no stream end with what is wrong, and a status"""
    user = "u0012"
    import_(user, write_mbox(place("Big"), [b"Subject: %d\n\n%s" % (i, b"some text\n" * 10000) for i in range(10)]))   # more than pipes hold
    command, environment = Instance(server.dir).command(("export", user, "-", "Big"))
    export = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    equal(export.stdout.read(5), b"From ", "the beginning")
    export.stdout.close()
    said = export.stderr.read().decode()
    equal((export.wait(60), "whoever read standard output ended" in said), (74, True), said)
    with open("/dev/full", "wb") as full:
        status, _, said = piped("export", user, "-", "Big", stdout=full)
        equal((status, "standard output cannot be written: No space left" in said), (74, True), said)
    terminal, side = os.openpty()
    for arguments, options, words in ((("export", user, "-", "INBOX"), {"stdout": side}, "output is a terminal"),
                                      (("import", user, "-"), {"stdin": side}, "input is a terminal"),
                                      (("export", user, "-"), {}, "one mailbox"), (("export", user, "-", "INBOX", "Big"), {}, "one mailbox"),
                                      (("export", user, "-", "INBOX", "--format", "maildir"), {}, "is a directory"),
                                      (("import", user, "-", "--format", "maildir"), {}, "is a directory"),
                                      (("import", user, "-"), {"input": b"no mail"}, "no mbox file"), (("export", user, "-", "Nowhere"), {}, "no mailbox Nowhere"),
                                      (("import", user, "-"), {"input": b"x", "env": {"TMPDIR": "/nowhere"}}, "/nowhere (TMPDIR")):
        if "env" in options:
            options["env"] = {**environment, **options["env"]}
        status, content, said = piped(*arguments, **options)
        told = said + (content or b"").decode()
        equal((status != 0, words in told, (content or b"").startswith(b"From ")), (True, True, False), f"{arguments}: {told}")
    os.close(terminal)
    os.close(side)


@case
def nobody_reads():
    """An export whose reader takes nothing is interrupted at once, keeps no job, and others work meanwhile"""
    user = "u0012"
    command, environment = Instance(server.dir).command(("export", user, "-", "Big"))
    export = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    equal(export.stdout.read(1), b"F", "the beginning")
    _, r = problems(user, place("beside"), verb="export")
    equal(" at work" in r.stdout, True, r.stdout)
    equal(len(fetched(user, "INBOX")) > 0, True, "the user works")
    export.send_signal(signal.SIGINT)
    equal(export.wait(60), 130, "the export that was interrupted")
    wait_for(lambda: server.cli("export", user, place("beside"), "--dry-run", check=False).returncode == 0, "the job has ended")
    export.stdout.close()
    export.stderr.close()


@case
def disk_is_full():
    """An export to a disk that is full ends with an error that says so, and goes on when there is room"""
    disk = SmallDisk("20m")
    for format_ in ("maildir", "mbox"):
        top = f"{disk.path}/{format_}"
        disk.fill(leave=300 * 1024)
        r = server.cli("export", "u0010", top, "--format", format_, check=False)
        equal((r.returncode != 0, "No space left" in r.stderr), (True, True), f"{r.stdout}{r.stderr}")
        disk.give_back()
        server.cli("export", "u0010", top, "--format", format_)
        equal(*(sorted(x for x in files_of(where) if "dovecot-" not in x) for where in (top, place(f"{format_}-u0010"))), "files")
        shutil.rmtree(top)


@case
def export_mistakes():
    """Nothing of somebody else is overwritten; an export of a mailbox or since a day has that alone; a killed one goes on"""
    user = "u0010"
    other = os.path.dirname(put(place("other/file"), b"mine"))
    for words, arguments in (("not empty", (user, other)), ("No such file", (user, place("none/below"))), ("another export", ("u0001", place(f"mbox-{user}"))),
                             ("no mailbox", (user, place("fresh"), "Nowhere")), ("is no day", (user, place("fresh2"), "--since", "today"))):
        r = server.cli("export", *arguments, *(("--format", "mbox") if "another" in words else ()), check=False)
        equal((r.returncode != 0, words in r.stderr), (True, True), f"{arguments}: {r.stdout}{r.stderr}")
    equal(os.listdir(other), ["file"], "what was there")
    told = [x for x in run_command("export", user, place("dry"), "--dry-run")[0] if "state" in x][0]
    equal((told["state"], told["messages"] > 0, os.path.exists(place("dry"))), ("would be exported", True, False), "a dry run")
    top = place("one")
    server.cli("export", user, top, "Work", "a.b", "--format", "mbox")
    equal(sorted(x for x in os.listdir(top) if x[0] != "."), ["Work", "a.b"], "files of two mailboxes")
    top = place("since")
    last = max(date for _, date in fetched(user, "INBOX").values())
    server.cli("export", user, top, "INBOX", "--since", time.strftime("%Y-%m-%d", time.gmtime(last)))
    equal(len(os.listdir(f"{top}/cur")), 1, "messages since that day")
    for format_ in ("maildir", "mbox"):
        top = place(f"killed-{format_}")
        command = process(user, top, "--format", format_, "--throttle", "300K", verb="export")
        wait_for(lambda: json.loads(command.stdout.readline()).get("progress", {}).get("done", 0) > 0, "the export works")
        os.kill(mail_pid(), signal.SIGKILL)
        command.stdout.read()
        equal(command.wait(60) != 0, True, "the export whose server is gone")
        wait_for(lambda: server.cli("export", user, top, "--format", format_, check=False).returncode == 0, "the server is back")
        want = {re.sub(r":2,.*", "", x) for x in files_of(place(f"{format_}-{user}"))}
        equal({re.sub(r":2,.*", "", x) for x in files_of(top)} - want, set(), "files that a whole export does not have")
        equal(want - {re.sub(r":2,.*", "", x) for x in files_of(top)}, set(), "files that are missing")


@case
def taken_over_by_dovecot():
    """Dovecot serves an exported Maildir tree with the same UIDs, flags, keywords, dates and subscriptions"""
    user = "u0010"
    c = server.imap(user)
    c.select("INBOX", readonly=True)
    uids, validity = c.uid("SEARCH", "ALL")[1], re.search(rb"UIDVALIDITY (\d+)", c.status("INBOX", "(UIDVALIDITY)")[1][0])[1]
    c.logout()
    want = fetched(user, "INBOX"), fetched(user, "Work/2026"), set(folders(user, "lsub"))
    peer = Dovecot(server)
    shutil.copytree(place(f"maildir-{user}"), f"{server.mail_root}/exported/{user}")
    peer.own(f"{server.mail_root}/exported")
    server.stop("--keep")
    try:
        peer.start(f"maildir:{MAIL}/exported/%n")
        equal((fetched(user, "INBOX", peer), fetched(user, "Work/2026", peer)), want[:2], "messages")
        # It has no names with a dot inside a level.
        equal({x for x in folders(user, "lsub", peer) if "AC4" not in x}, {x for x in want[2] if "." not in x}, "subscriptions")
        c = peer.imap(user)
        equal(re.search(rb"UIDVALIDITY (\d+)", c.status("INBOX", "(UIDVALIDITY)")[1][0])[1], validity, "UIDVALIDITY")
        c.select("INBOX", readonly=True)
        equal(c.uid("SEARCH", "ALL")[1], uids, "UIDs")
        c.logout()
    finally:
        peer.stop()


main()
