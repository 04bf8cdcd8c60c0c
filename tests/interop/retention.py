#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Removed mail from outside: every way of removing keeps it, mail readers see it and copy it back, programs that sync an account run clean
over it, and the administrator finds, restores, holds and purges it, by the clock."""
import imaplib
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from clock import Clock  # noqa: E402
from conversion import HAS_BDB  # noqa: E402
from tap import Server, Skip, case, equal, main, need, scratch, wait_for  # noqa: E402
from terminal import terminal  # noqa: E402

N_MAIL = 5000
TREE = "Recently Deleted"
DAY = 86400
SETTINGS = ("--set", "retention.enabled=true")
server = Server(*SETTINGS, users=8)


def content(subject):
    return f"From: bob@example.net\r\nSubject: {subject}\r\n\r\nbody of {subject}\r\n".encode()


def put(c, mailbox, subject, flags=None, date=None):
    equal(c.append(f'"{mailbox}"', flags, date, content(subject))[0], "OK", f"APPEND to {mailbox}")


def put_many(c, mailbox, messages):
    """MULTIAPPEND of (subject, flags, date)."""
    for first in range(0, len(messages), 200):
        part = [(f'{flags or "()"} {date}'.encode(), content(subject)) for subject, flags, date in messages[first:first + 200]]
        c.send(f'many APPEND "{mailbox}"'.encode() + b"".join(b" %s {%d+}\r\n%s" % (how, len(text), text) for how, text in part) + b"\r\n")
        while not (line := c.readline()).startswith(b"many "):
            pass
        equal(line[:7], b"many OK", f"APPEND to {mailbox}: {line}")


def names(c):
    return sorted(line.decode().partition(' "/" ')[2].strip('"') for line in c.list()[1])


def contents(c, skip=TREE):
    """{mailbox: sorted (subject, flags, internal date)}, without the tree."""
    found = {}
    for name in names(c):
        if name.startswith(skip) or c.select(f'"{name}"', readonly=True)[0] != "OK":
            continue
        rows = []
        for part in c.fetch("1:*", "(FLAGS INTERNALDATE BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]:
            if isinstance(part, tuple):
                flags = set(re.search(rb"FLAGS \(([^)]*)\)", part[0])[1].decode().split()) - {"\\Recent"}
                rows.append((part[1].split()[1].decode(), tuple(sorted(flags)), re.search(rb'INTERNALDATE "([^"]*)"', part[0])[1]))
        found[name] = sorted(rows)
    return found


def subjects(c, mailbox):
    equal(c.select(f'"{mailbox}"', readonly=True)[0], "OK", f"EXAMINE {mailbox}")
    found = c.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]
    return sorted(part[1].split()[1].decode() for part in found if isinstance(part, tuple))


def command(*arguments, of=server, check=True):
    """The records that `satchel retention` printed."""
    r = of.cli("retention", *arguments, "--json", check=False)
    records = [json.loads(line) for line in r.stdout.splitlines()]
    if check:
        equal(r.returncode, 0, f"retention {arguments}: {r.stdout[-1500:]}{r.stderr}")
    return [x for x in records if "progress" not in x and "status" not in x] if check else (r.returncode, r.stdout + r.stderr)


@case
def every_way():
    """EXPUNGE, UID EXPUNGE, CLOSE, POP3, REPLACE, DELETE and the administrator's command keep each message once; what is moved is not kept"""
    c = server.imap("u0001")
    for name in ("Work", "Archive/2026"):
        c.create(name)
    for n in range(6):
        put(c, "INBOX", f"inbox{n}", "(\\Flagged)")
    for n in range(2):
        put(c, "Work", f"work{n}")
    c.select("INBOX")
    c.store("1", "+FLAGS", "\\Deleted")
    c.expunge()
    c.store("1:2", "+FLAGS", "\\Deleted")
    equal(c.uid("EXPUNGE", "2")[0], "OK", "UID EXPUNGE")
    c.close()
    equal(subjects(c, "INBOX"), ["inbox3", "inbox4", "inbox5"], "after CLOSE")
    c.select("INBOX")
    imaplib.Commands["REPLACE"] = ("SELECTED",)
    text = b"Subject: inbox3b\r\n\r\nnew\r\n"
    c.literal = text
    equal(c._simple_command("REPLACE", "1", "INBOX")[0], "OK", "REPLACE")
    imaplib.Commands["MOVE"] = ("SELECTED",)
    equal(c._simple_command("MOVE", "1", "Work")[0], "OK", "MOVE")
    c.close()
    pop = server.pop3_session("u0001")
    pop.dele(1)
    pop.quit()
    equal(c.delete("Work")[0], "OK", "DELETE")
    for n in range(3):
        put(c, "Archive/2026" if n else "Archive", f"archive{n}")
    equal(command("expunge", "u0001", "--query", "SUBJECT archive NOT SUBJECT archive2"),
          [{"mailbox": "Archive", "found": 1, "removed": 1}, {"mailbox": "Archive/2026", "found": 1, "removed": 1},
           {"total": "all mailboxes", "found": 2, "removed": 2}], "the administrator's command")
    equal({name: subjects(c, name) for name in names(c) if "Archive" in name},
          {"Archive": [], "Archive/2026": ["archive2"], f"{TREE}/Archive": ["archive0"], f"{TREE}/Archive/2026": ["archive1"]}, "archives")
    equal(subjects(c, f"{TREE}/INBOX"), [f"inbox{n}" for n in (0, 1, 2, 3)] + ["inbox5"], "kept of INBOX")
    equal(subjects(c, f"{TREE}/Work"), ["inbox4", "work0", "work1"], "kept of Work")
    equal(subjects(c, "INBOX"), ["inbox3b"], "left")
    pop = server.pop3_session("u0001")
    equal(len(pop.list()[1]), 1, "what POP3 shows")
    pop.quit()
    c.logout()
    found = command("search", "u0001", "--since", "1h")
    equal(sorted((x["subject"], x["by"], x["service"]) for x in found if x["mailbox"] == "INBOX"),
          sorted([(f"inbox{n}", "session", "imap") for n in (0, 1, 2, 3)] + [("inbox5", "session", "pop3")]), "who removed what")
    equal(sorted((x["subject"], x["by"], x["service"]) for x in found if x["mailbox"].startswith("Archive")),
          [("archive0", "admin", "admin"), ("archive1", "admin", "admin")], "what the administrator removed")
    equal([bool(x["session"]) and x["peer"] == "127.0.0.1" for x in found if x["by"] == "session"], [True] * 8, f"session and address: {found[:1]}")


@case
def out_of_all_mailboxes():
    """the administrator takes a message out of the mailboxes of all users, and gives it back to one"""
    users = ("u0004", "u0005")
    server.deliver(b"Subject: scam\n\n", *users)
    server.deliver(b"Subject: other\n\n", *users)
    c = [server.imap(user) for user in users]
    for each in c:
        for name in ("2026", "Old mail"):
            each.create(f'"{name}"')
            put(each, name, "scam")
    for options, n in (("--dry-run",), 0), ((), 2):
        found = command("expunge", "--all", "--query", "SUBJECT scam", *options)
        equal(sorted(found, key=str), [*({"mailbox": name, "found": 2, "removed": n} for name in ("2026", "INBOX", "Old mail")),
                                       {"total": "all mailboxes", "found": 6, "removed": 3 * n}], f"the sums {options}")
    equal([(subjects(each, "INBOX"), subjects(each, f"{TREE}/INBOX")) for each in c], [(["other"], ["scam"])] * 2, "after the command")
    equal(server.cli("retention", "expunge", "--all", "--query", "SUBJECT other", "--dry-run").stdout.splitlines()[-2:],
          ['total="all mailboxes" found=2 removed=0', "mailbox=INBOX found=2 removed=0"], "as text")
    command("restore", "u0004")
    equal([subjects(each, "INBOX") for each in c], [["other", "scam"], ["other"]], "given back to one")
    for each in c:
        each.logout()


@case
def refused():
    """a client that has the password changes nothing in the tree, whatever it tries"""
    c = server.imap("u0001")
    box = f'"{TREE}/INBOX"'
    status, data = c._simple_command("SELECT", box)
    equal((status, b"[READ-ONLY]" in data[0]), ("OK", True), "SELECT")
    c.state, c.is_readonly = "SELECTED", True
    imaplib.Commands.update({name: ("AUTH", "SELECTED") for name in ("MOVE", "REPLACE", "SETMETADATA")})
    tries = [lambda: c._simple_command("STORE", "1", "+FLAGS", "(\\Deleted)"), lambda: c._simple_command("STORE", "1", "FLAGS", "()"),
             lambda: c._simple_command("EXPUNGE"), lambda: c._simple_command("UID", "EXPUNGE", "1"),
             lambda: c._simple_command("MOVE", "1", "INBOX"), lambda: c._simple_command("COPY", "1", box),
             lambda: c._simple_command("CREATE", f'"{TREE}/new"'), lambda: c._simple_command("DELETE", box),
             lambda: c._simple_command("RENAME", box, "other"), lambda: c._simple_command("RENAME", "INBOX", f'"{TREE}/x"')]
    for n, attempt in enumerate(tries):
        status, data = attempt()
        equal((status, b"[NOPERM]" in data[0]), ("NO", True), f"attempt {n}: {data}")
    status, data = c.append(box, None, None, b"Subject: x\r\n\r\n")
    equal((status, b"[NOPERM]" in data[0]), ("NO", True), "APPEND")
    equal(len(subjects(c, f"{TREE}/INBOX")), 5, "nothing has gone")
    equal(c.status(box, "(UNSEEN RECENT)")[1][0].split(b"(")[-1], b"RECENT 0 UNSEEN 0)", "STATUS")
    c.logout()


@case
def with_mutt():
    """mutt opens the tree, can change, delete and add nothing there, and copies messages back, which are not marked deleted"""
    need("mutt")
    home = scratch()
    with open(os.path.join(home, "muttrc"), "w") as f:
        f.write(f"""set folder="imap://u0001:{server.password}@127.0.0.1:{server.ports['imap']}/"
set spoolfile="={TREE}/INBOX" ssl_starttls=no ssl_force_tls=no sort=mailbox-order confirmappend=no delete=yes quit=yes move=no
set header_cache="" sleep_time=0 wait_key=no
""")

    def session(*keys):
        return terminal("mutt", "-F", os.path.join(home, "muttrc"), home=home, keys=((b"inbox0", keys[0]), *keys[1:]))
    for key in (b"d", b"D~A\r", b"F", b"N", b"e", b"$"):  # delete, delete all, flag, mark as new, edit, synchronise
        session(key, (b"is read-only", b"q"))
    c = server.imap("u0001")
    n_before = len(subjects(c, "INBOX"))
    tree = TREE.replace(" ", "\x16 ").encode()
    session(b"C\x15=" + tree + b"/INBOX\r", (b"NO [NOPERM] Permission denied", b"q"))
    session(b"C\x15=INBOX\r", (b"to imap://", b"q"))
    session(b"s\x15=INBOX\r", (b"to imap://", b"q"))  # which marks as deleted elsewhere
    found = subjects(c, "INBOX")
    equal((len(found) - n_before, set(found) - {"inbox3b"} <= set(subjects(c, f"{TREE}/INBOX"))), (2, True), f"INBOX after mutt: {found}")
    c.select("INBOX")
    equal(c.search(None, "DELETED")[1], [b""], "what is marked deleted")
    equal(len(subjects(c, f"{TREE}/INBOX")), 5, "the tree")
    c.logout()


def mbsync(work, user):
    config = os.path.join(work, "mbsyncrc")
    with open(config, "w") as f:
        f.write(f"""IMAPAccount a
Host 127.0.0.1
Port {server.ports['imap']}
User {user}
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
    return ["mbsync", "-c", config, "-a"]


def offlineimap(work, user):
    config = os.path.join(work, "offlineimaprc")
    with open(config, "w") as f:
        f.write(f"""[general]
accounts = a
metadata = {work}/state
ui = basic
[Account a]
localrepository = near
remoterepository = far
[Repository near]
type = Maildir
localfolders = {work}/mail
sep = /
[Repository far]
type = IMAP
remotehost = 127.0.0.1
remoteport = {server.ports['imap']}
remoteuser = {user}
remotepass = {server.password}
ssl = no
starttls = no
maxconnections = 1
""")
    return ["offlineimap", "-c", config, "-o", "-1"]


def interimap(work, user):
    """To an account of a server that keeps nothing."""
    other = Server(users=1)
    config = os.path.join(work, "config")
    with open(config, "w") as f:
        f.write(f"database = {work}/state.db\n")
        for name, port, who, password in (("local", other.ports["imap"], "u0001", other.password), ("remote", server.ports["imap"], user, server.password)):
            f.write(f"[{name}]\ntype = imap\nhost = 127.0.0.1\nport = {port}\nSTARTTLS = NO\nauth = PLAIN LOGIN\nusername = {who}\npassword = {password}\n")
    os.chmod(config, 0o600)
    return ["interimap", "--config", config]


def clean_twice(program):
    user = "u0002"
    c = server.imap(user)
    if f"{TREE}/INBOX" not in names(c):
        for n in range(4):
            put(c, "INBOX", f"m{n}", "(\\Flagged)" if n % 2 else None)
        c.create("a/b")
        put(c, "a/b", "deep")
        c.select("INBOX")
        c.store("1:2", "+FLAGS", "\\Deleted")
        c.expunge()
        c.delete("a/b")
    before = {name: subjects(c, name) for name in (f"{TREE}/INBOX", f"{TREE}/a/b", "INBOX")}
    work = scratch()
    os.mkdir(os.path.join(work, "mail"))
    arguments = program(work, user)
    for n in range(2):
        r = subprocess.run(arguments, capture_output=True, text=True, timeout=300, env={**os.environ, "HOME": work})
        said = [line for line in (r.stdout + r.stderr).splitlines() if re.search(r"error|warning|\bNO \[", line, re.I)]
        equal((r.returncode, said), (0, []), f"run {n + 1} of {arguments[0]}: {r.stdout[-1500:]}{r.stderr[-1500:]}")
    equal({name: subjects(c, name) for name in before}, before, "the account afterwards")
    c.logout()
    return work


@case
def with_mbsync():
    """mbsync with all mailboxes, twice without a complaint"""
    need("mbsync")
    work = clean_twice(mbsync)
    found = [name for where, _, files in os.walk(os.path.join(work, "mail", TREE)) for name in files if os.path.basename(where) in ("cur", "new")]
    equal(len(found), 3, "messages of the tree that it has fetched")


@case
def with_offlineimap():
    """offlineimap, twice without a complaint"""
    need("offlineimap")
    clean_twice(offlineimap)


@case
def with_interimap():
    """interimap, twice without a complaint"""
    need("interimap")
    clean_twice(interimap)


@case
def restore():
    """a whole account comes back after a mass deletion with folders, flags and dates, and a second restore finds nothing"""
    c = server.imap("u0003")
    c.create("Sent/2026")
    c.create("Käse".encode("utf-7").decode().replace("+", "&"))
    boxes = ["INBOX", "Sent/2026", "K&AOQ-se"]
    mail = [(f"m{n:05}", ("(\\Seen)", "(\\Flagged Work)", "(\\Answered \\Seen)", None)[n % 4], imaplib.Time2Internaldate(1_700_000_000 + 60 * n)) for n in range(N_MAIL)]
    for n, name in enumerate(boxes):
        put_many(c, name, mail[n::3])
    before = contents(c)
    equal(sum(map(len, before.values())), N_MAIL, "messages")
    pop = server.pop3_session("u0003")
    for n in range(1, len(before["INBOX"]) // 2):
        pop.dele(n)
    pop.quit()
    c.select("INBOX")
    c.store("1:*", "+FLAGS", "\\Deleted")
    equal(c.expunge()[0], "OK", "EXPUNGE")
    c.close()
    for name in boxes[1:]:
        equal(c.delete(name)[0], "OK", f"DELETE {name}")
    equal(sum(map(len, contents(c).values())), 0, "what is left")
    listed = command("list", "u0003")
    equal({x["mailbox"]: x["messages"] for x in listed}, {"INBOX": len(before["INBOX"]), "Sent/2026": len(before["Sent/2026"]), "Käse": len(before["K&AOQ-se"])}, "list")
    equal(command("restore", "u0003", "--dry-run")[-1], {"total": f"u0003@{server.domain}", "messages": N_MAIL, "restored": False}, "dry run")
    equal(command("restore", "u0003", "--mailbox", "Käse", "--query", 'SUBJECT m00002 FROM "bob@example" NOT BODY nothing')[-1]["messages"], 1, "one message")
    equal(command("restore", "u0003")[-1]["messages"], N_MAIL - 1, "restore")
    equal(contents(c), before, "the account")
    equal([name for name in names(c) if name.startswith(TREE)], [], "the tree")
    equal(command("restore", "u0003")[-1]["messages"], 0, "a second restore")
    c.logout()


@case
def converted():
    """what is kept of a user goes to another store with his mail and back: folders, flags, dates, who removed it and when; not to one without the layer"""
    if not HAS_BDB:
        raise Skip("bdb is not built")
    one = Server(*SETTINGS, "--set", "quota.enabled=true", "--set", "maildir.enabled=true", "--set", 'storage.driver="maildir"', "--set", "server.mail_processes=1", "--set", "bdb.enabled=true", "--set",
                 'storage.profiles=( { name = "tables"; driver = "bdb"; layers = ( "retention" ); slot_by = "volume"; }, '
                 '{ name = "bare"; driver = "bdb"; layers = ( ); slot_by = "volume"; } )', users=1)
    c = one.imap("u0001")
    c.create("Work/2026")
    for n in range(6):
        put(c, ("INBOX", "Work/2026")[n % 2], f"m{n}", ("(\\Flagged Work)", "(\\Seen)", None)[n % 3], imaplib.Time2Internaldate(1_700_000_000 + 60 * n))
    c.select("INBOX")
    c.store("1:2", "+FLAGS", "\\Deleted")
    c.expunge()
    c.delete("Work/2026")
    before = contents(c, skip="none"), command("search", "u0001", of=one)
    equal(len(before[1]), 5, "messages that are kept")
    c.logout()
    told = one.cli("convert", f"u0001@{one.domain}", "--to", "bare", check=False)
    equal((told.returncode, f"{TREE}/INBOX is a mailbox of a layer that keeps mail" in told.stderr), (65, True), f"to a stack without the layer: {told.stderr}")
    one.cli("convert", f"u0001@{one.domain}", "--abort")
    for to in ("tables", "default"):
        told = one.cli("convert", f"u0001@{one.domain}", "--to", to, "--verify", check=False)
        equal(told.returncode, 0, f"convert to {to}: {told.stdout}{told.stderr}")
        c = one.imap("u0001")
        equal((contents(c, skip="none"), command("search", "u0001", of=one)), before, f"after the conversion to {to}")
        c.logout()
    equal(command("restore", "u0001", of=one)[-1]["messages"], 5, "restore")
    c = one.imap("u0001")
    equal({name: len(rows) for name, rows in contents(c).items() if rows}, {"INBOX": 3, "Work/2026": 3}, "the account")
    c.logout()


@case
def mistakes():
    """commands say what is wrong with what was typed, and remove nothing"""
    for arguments, said in ((("search", "u0001", "--query", "FROMM x"), '"FROMM" is no search key'), (("search", "u0001", "--query", "OR SEEN"), "something is missing"),
                            (("list", "u0001", "--since", "yesterday"), "neither a time back"), (("hold", "u0001", "--off", "--show"), "give one of"),
                            (("expunge", "u0001"), "query"), (("expunge", "u0001", "--query", "ALL", "--mailbox", "Nowhere"), 'no mailbox "Nowhere"'),
                            (("expunge", "u0001", "--query", "ALL", "--mailbox", f"{TREE}/INBOX"), "no mailbox")):
        status, text = command(*arguments, check=False)
        equal((status != 0, said in text), (True, True), f"{arguments}: {text}")


@case
def by_the_clock():
    """kept on day 29, purged on day 31; not purged of whoever is on hold, and of nobody once the clock is a year ahead, which is logged"""
    clock = Clock()
    one = Server(*SETTINGS, *clock.options, "--set", "server.mail_processes=1", "--set", 'janitor.interval="10s"', "--set", 'retention.expire=( { mailbox = "\\\\Junk"; age = "7d"; } )', users=3, wrapper=clock.wrapper)
    for user in ("u0001", "u0002", "u0003"):
        c = one.imap(user)
        put(c, "INBOX", "gone")
        put(c, "Junk", "spam")
        c.select("INBOX")
        c.store("1", "+FLAGS", "\\Deleted")
        c.expunge()
        c.logout()
    command("hold", "u0002", "--reason", "case 7", of=one)
    equal(command("hold", "u0002", "--show", of=one)[0]["reason"], "case 7", "hold")

    def kept(user, mailbox="INBOX"):
        return sum(x["messages"] for x in command("list", user, of=one) if x["mailbox"] == mailbox)

    def rounds():
        return one.log().count("janitor: round over")

    def after_rounds():
        """Time goes on faster than elsewhere."""
        n = rounds()
        wait_for(lambda: clock.passes(2) or rounds() >= n + 2, "rounds of the janitor", 120)
    clock.passes(29 * DAY)
    after_rounds()
    equal([kept(user) for user in ("u0001", "u0002")], [1, 1], "on day 29")
    c = one.imap("u0001")
    equal((subjects(c, "Junk"), subjects(c, f"{TREE}/Junk")), ([], ["spam"]), "what has expired is kept once")
    c.logout()
    equal([(x["subject"], x["by"]) for x in command("search", "u0001", of=one) if x["mailbox"] == "Junk"], [("spam", "background")], "who removed it")
    equal(command("preview", "u0001", "--in", "2d", of=one)[-1]["messages"], 1, "preview")
    clock.passes(2 * DAY)
    after_rounds()
    equal([kept(user) for user in ("u0001", "u0002")], [0, 1], "on day 31")
    clock.is_set(365 * DAY)
    after_rounds()
    equal(kept("u0001", "Junk"), 1, "a year ahead")
    equal("nothing is purged: the machine's clock is" in one.log(), True, "the log")
    status, text = command("purge", "u0001", of=one, check=False)
    equal((status != 0, "--force" in text), (True, True), f"purge by a clock that has jumped: {text}")
    status, text = command("purge", "u0002", "--older", "0s", "--force", of=one, check=False)
    equal((status != 0, "on hold" in text), (True, True), f"purge of a hold: {text}")
    command("hold", "u0002", "--off", of=one)
    equal(command("purge", "u0002", "--older", "0s", "--force", of=one)[-1]["messages"] >= 1, True, "purge")
    equal(kept("u0002"), 0, "after purge")


main()
