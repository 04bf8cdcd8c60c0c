#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Accounts of Debian's Dovecot and Courier, made by real clients, go on with Satchel and back: no client downloads anything
again, and UIDs, flags, keywords, subscriptions and unique ids are the same."""
import contextlib
import imaplib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from peers import MAIL, Courier, Dovecot  # noqa: E402
from tap import TOP, Server, Skip, case, equal, main, need, run, scratch, wait_for  # noqa: E402

NOBODY = 65534
GETMAIL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib", "getmail.py")
USERS = ["u0001", "u0002", "u0003", "u0004", "u0005", "u0006"]
state = {}


# ---- what an account holds, as a client sees it

def names_of(lines, selectable):
    """Names in answers to LIST and LSUB, with '/' between levels; @selectable: only those."""
    found = {}
    for line in lines:
        if line is None:
            continue
        if isinstance(line, tuple):
            line = line[0].rpartition(b"{")[0] + b'"' + line[1] + b'"'
        m = re.match(rb'\(([^)]*)\) (?:"(.)"|NIL) (?:"((?:[^"\\]|\\.)*)"|(\S+))$', line)
        name = (m.group(3) if m.group(3) is not None else m.group(4)).replace(b'\\"', b'"').replace(b"\\\\", b"\\").decode()
        if name.startswith("INBOX."):
            name = name[6:]
        if m.group(2) == b".":
            name = name.replace(".", "/")
        if not selectable or not re.search(rb"\\no(select|nexistent)", m.group(1).lower()):
            found[name] = m.group(1)
    return found


def listing(c, kind="list"):
    names = names_of(getattr(c, kind)()[1], kind == "list")
    # Courier's LSUB names the parents of what is subscribed as well.
    return {name for name, flags in names.items() if rb"\noselect" not in flags.lower() or name != "INBOX"
            and not any(other.startswith(name + "/") for other in names)}


def wire_name(c, name):
    """As this server wants it."""
    if c.separator == ".":
        return '"' + ("INBOX" if name == "INBOX" else "INBOX." + name.replace("/", ".")) + '"'
    return '"' + name + '"'


def login(server, user):
    c = server.imap(user)
    line = c.list('""', '""')[1][0]
    c.separator = "." if b'"."' in line else "/"
    return c


def account(server, user, pop3=True):
    """{"folders": {name: (UIDVALIDITY, UIDNEXT, {uid: (flags, date, size)})}, "subscribed": ..., "uidls": ...}"""
    c = login(server, user)
    folders = {}
    for name in sorted(listing(c)):
        status = c.status(wire_name(c, name), "(UIDNEXT UIDVALIDITY)")[1][0]  # Courier tells no UIDNEXT at SELECT
        validity, nxt = (int(re.search(rb"%s (\d+)" % key, status).group(1)) for key in (b"UIDVALIDITY", b"UIDNEXT"))
        ok, data = c.select(wire_name(c, name), readonly=True)
        equal(ok, "OK", f"EXAMINE {name}: {data}")
        messages = {}
        if int(data[0]) > 0:
            for line in c.uid("FETCH", "1:*", "(FLAGS INTERNALDATE RFC822.SIZE)")[1]:
                line = line if isinstance(line, bytes) else b"".join(line)
                flags = set(re.search(rb"FLAGS \(([^)]*)\)", line).group(1).split()) - {b"\\Recent"}
                messages[int(re.search(rb"UID (\d+)", line).group(1))] = (
                    tuple(sorted(flags)), time.mktime(imaplib.Internaldate2tuple(re.sub(rb'INTERNALDATE "0', b'INTERNALDATE " ', line))),
                    int(re.search(rb"RFC822.SIZE (\d+)", line).group(1)))
        folders[name] = (validity, nxt, messages)
    result = {"folders": folders, "subscribed": listing(c, "lsub")}
    c.logout()
    if pop3:
        p = server.pop3_session(user) if isinstance(server, Server) else server.pop3(user)
        result["uidls"] = sorted(line.split()[1] for line in p.uidl()[1])  # Courier's order is that of the files' times
        p.quit()
    return result


def same(got, want, what, uidls=True):
    # Every user of ours has these (group mailboxes).
    made = {name for name in ("Archive", "Drafts", "Junk", "Sent", "Trash") if name in got["folders"] and not got["folders"][name][2]}
    equal(sorted(set(got["folders"]) - made), sorted(set(want["folders"]) - made), f"{what}: folders")
    for name, (validity, nxt, messages) in want["folders"].items():
        now = got["folders"][name]
        equal(now[0], validity, f"{what}: UIDVALIDITY of {name}")
        equal(sorted(now[2]), sorted(messages), f"{what}: UIDs of {name}")
        for uid in messages:
            equal(now[2][uid], messages[uid], f"{what}: flags, date and size of {name} UID {uid}")
        if now[1] < nxt:
            raise AssertionError(f"{what}: UIDNEXT of {name} fell from {nxt} to {now[1]}")
    equal(got["subscribed"] - made, want["subscribed"] - made, f"{what}: subscriptions")
    if uidls:
        equal(got["uidls"], want["uidls"], f"{what}: unique ids of POP3")


# ---- a first life with another server

def message(n, size=200):
    return (f"From: a@example.net\r\nTo: b@example.org\r\nSubject: message {n}\r\nMessage-ID: <{n}@example.net>\r\n"
            f"Date: Mon, 01 Jan 2024 10:00:{n % 60:02} +0000\r\n\r\n" + "x" * size + "\r\n").encode()


def drop(path, n, uid):
    """Another delivery agent, as in the Maildir's own specification."""
    name = f"17000000{n:02}.M{n}P{n}.agent"
    for sub in ("tmp", "new", "cur"):
        os.makedirs(os.path.join(path, sub), exist_ok=True)
    with open(os.path.join(path, "tmp", name), "wb") as f:
        f.write(message(n).replace(b"\r\n", b"\n"))
    os.rename(os.path.join(path, "tmp", name), os.path.join(path, "new", name))
    subprocess.run(["chown", "-R", f"{uid}:{uid}", path], check=True)


FOLDERS = ["Gel&APY-scht", "x &- y", "A/B/C deep", "with space", "INBOX/child", "archive/2023/Q&AOQ-"]


def first_life(peer, user, path, extra=()):
    c = login(peer, user)
    for name in FOLDERS + list(extra):
        if c.separator == "." and name.startswith("INBOX/"):
            continue
        equal(c.create(wire_name(c, name))[0], "OK", f"CREATE {name}")
    for name in ("INBOX", "Gel&APY-scht", "A/B/C deep", *extra):
        c.subscribe(wire_name(c, name))
    for n in range(1, 11):
        flags = {2: r"(\Seen)", 3: r"(\Seen \Answered important $Forwarded)", 5: r"(\Flagged)", 8: r"(work $MDNSent)"}.get(n)
        equal(c.append('"INBOX"', flags, None, message(n))[0], "OK", "APPEND")
    for n in range(11, 14):
        c.append(wire_name(c, "A/B/C deep"), r"(\Seen deepwork)" if n == 12 else None, '"01-Feb-2020 10:00:00 +0000"', message(n))
    c.append(wire_name(c, "x &- y"), r"(\Draft)", None, message(14))
    c.append(wire_name(c, "Gel&APY-scht"), None, None, message(15))
    c.select('"INBOX"')
    c.store("4,10", "+FLAGS", r"(\Deleted)")
    c.expunge()
    c.store("1", "+FLAGS", "(later)")
    c.copy("2", wire_name(c, "with space"))
    c.select(wire_name(c, "A/B/C deep"))
    c.store("1", "+FLAGS", r"(\Deleted)")
    c.expunge()
    c.logout()
    drop(path, 20, peer.uid)
    p = peer.pop3(user)
    p.retr(1)
    p.quit()


# ---- clients

def mbsync(home, server, user):
    need("mbsync")
    os.makedirs(os.path.join(home, "mail"), exist_ok=True)
    with open(os.path.join(home, "mbsyncrc"), "w") as f:
        f.write(f"""IMAPAccount a
Host 127.0.0.1
Port {server.ports["imap"]}
User {user}@{state["server"].domain}
Pass {state["server"].password}
SSLType None
AuthMechs LOGIN

IMAPStore far
Account a

MaildirStore near
Path {home}/mail/
Inbox {home}/mail/INBOX
SubFolders Verbatim

Channel c
Far :far:
Near :near:
Patterns *
Create Near
Expunge Both
SyncState *
""")
    run("mbsync", "-a", "-c", os.path.join(home, "mbsyncrc"), env={**os.environ, "HOME": home})
    return files_below(os.path.join(home, "mail"))


def files_below(path):
    return sorted(os.path.join(d, f) for d, _, names in os.walk(path) for f in names
                  if os.path.basename(d) in ("cur", "new"))


def getmail(home, server, user):
    need("getmail")
    for sub in ("cur", "new", "tmp"):
        os.makedirs(os.path.join(home, "getmail-mail", sub), exist_ok=True)
    with open(os.path.join(home, "getmailrc"), "w") as f:
        f.write(f"""[retriever]
type = SimplePOP3Retriever
server = 127.0.0.1
port = {server.ports["pop3"]}
username = {user}@{state["server"].domain}
password = {state["server"].password}
[destination]
type = Maildir
path = {home}/getmail-mail/
[options]
delete = false
read_all = false
""")
    subprocess.run(["chown", "-R", str(NOBODY), home], check=True)  # it delivers to nobody's as root
    r = run(GETMAIL, "--getmaildir", home, "--rcfile", os.path.join(home, "getmailrc"), check=False, user=NOBODY, group=NOBODY, extra_groups=[],
            env={**os.environ, "HOME": home})
    subprocess.run(["chown", "-R", "0", home], check=True)
    equal(r.returncode, 0, f"getmail: {r.stdout!r} {r.stderr!r}")
    return len(files_below(os.path.join(home, "getmail-mail")))


def fetchmail(home, server, user):
    need("fetchmail")
    box = os.path.join(home, "fetched")
    with open(os.path.join(home, "fetchmailrc"), "w") as f:
        f.write(f"""poll localhost via 127.0.0.1 protocol POP3 uidl service {server.ports["pop3"]}
user "{user}@{state["server"].domain}" password "{state["server"].password}" sslproto '' keep
mda "cat >> {box}; echo >> {box}"
""")
    os.chmod(os.path.join(home, "fetchmailrc"), 0o600)
    r = run("fetchmail", "-f", os.path.join(home, "fetchmailrc"), "-i", os.path.join(home, "fetchids"), "--pidfile",
            os.path.join(home, "fetchmail.pid"), check=False, env={**os.environ, "HOME": home, "FETCHMAILHOME": home})
    if r.returncode not in (0, 1):
        raise AssertionError(f"fetchmail ended with {r.returncode}: {r.stdout!r} {r.stderr!r}")
    with open(box, "rb") as f:
        return f.read().count(b"Message-ID:")


def interimap(home, server, user):
    """Into an account of another server of ours, which it must leave as it is once it has all."""
    need("interimap")
    if "mirror" not in state:
        state["mirror"] = Server(users=len(USERS))
    mirror = state["mirror"]
    config = os.path.join(home, "interimap")
    with open(config, "w") as f:
        f.write(f"database = {home}/interimap.db\n")
        for name, port, who in (("local", mirror.ports["imap"], user), ("remote", server.ports["imap"], user)):
            f.write(f"[{name}]\ntype = imap\nhost = 127.0.0.1\nport = {port}\nSTARTTLS = NO\nauth = PLAIN LOGIN\n"
                    f"username = {who}@{mirror.domain}\npassword = {mirror.password}\n")
    os.chmod(config, 0o600)
    run("interimap", "--config", config, env={**os.environ, "HOME": home})
    return account(mirror, user, pop3=False)


def clients(home, server, user, has_qresync):
    """Everything there is, with each of them."""
    had = {"mbsync": mbsync(home, server, user), "getmail": getmail(home, server, user), "fetchmail": fetchmail(home, server, user)}
    if has_qresync:
        had["interimap"] = interimap(home, server, user)
    return had


# ---- a day with us

def day_of_use(server, user):
    for n in range(30, 33):
        server.deliver(message(n), user)
    c = login(server, user)
    c.append('"INBOX"', r"(\Seen newword)", None, message(33))
    c.select('"INBOX"')
    c.store("2", "+FLAGS", r"(\Flagged important freshword)")
    c.store("3", "-FLAGS", r"(\Answered $Forwarded)")
    c.store("1,5", "+FLAGS", r"(\Deleted)")
    c.expunge()
    top = int(c.select('"INBOX"')[1][0])
    c.store(str(top - 1), "+FLAGS", r"(\Deleted)")
    c.expunge()
    def at(name):
        return wire_name(c, name)
    for name in ("Neu&APw-", "New/Sub/Deep", "gone"):
        equal(c.create(at(name))[0], "OK", f"CREATE {name}")
    for n in (40, 41):
        c.append(at("New/Sub/Deep"), r"(\Answered deepfresh)", '"03-Mar-2019 11:12:13 +0000"' if n == 41 else None, message(n))
    equal(c.delete(at("gone"))[0], "OK", "DELETE")
    equal(c.rename(at("A/B"), at("Moved"))[0], "OK", "RENAME")
    equal(c.rename(at("with space"), at("New/with room"))[0], "OK", "RENAME")
    c.subscribe(at("New/Sub/Deep"))
    c.unsubscribe(at("Gel&APY-scht"))
    c.select('"INBOX"')
    c.copy("1:2", at("Neu&APw-"))
    equal(c._simple_command("MOVE", "3", at("x &- y"))[0], "OK", "MOVE")
    c.logout()
    p = server.pop3_session(user)
    p.dele(1)
    p.quit()
    # The last message goes: its UID must not come again with the other server either.
    c = login(server, user)
    top = c.select('"INBOX"')[1][0].decode()
    c.store(top, "+FLAGS", r"(\Deleted)")
    c.expunge()
    c.logout()


def second_life(peer, user):
    """The other server again, before we come back."""
    c = login(peer, user)
    c.append('"INBOX"', r"(\Seen backword)", None, message(50))
    c.select('"INBOX"')
    c.store("1", "+FLAGS", r"(\Flagged)")
    c.append(wire_name(c, "New/Sub/Deep"), None, None, message(51))
    c.create(wire_name(c, "Theirs"))
    c.subscribe(wire_name(c, "Theirs"))
    c.append(wire_name(c, "Theirs"), "(word)", None, message(52))
    c.logout()


def satchel(*settings):
    """Our server over the same mail."""
    ports = dict(state["server"].ports)
    memory = os.path.join(state["server"].dir, "devserver.json")  # remembers what was set before
    with open(memory) as f:
        remembered = json.load(f)
    with open(memory, "w") as f:
        json.dump({**remembered, "settings": []}, f)
    state["server"].start(*(x for s in settings for x in ("--set", s)))
    equal(state["server"].ports, ports, "ports: what clients remember goes by them")
    return state["server"]


def server_at_rest():
    if "server" not in state:
        server = state["server"] = Server(users=len(USERS))
        server.users = [f"{u}@{server.domain}" for u in USERS]
        server.stop("--keep")
    return state["server"]


def subjects(c, folder):
    c.select(f'"{folder}"', readonly=True)
    return [x[1] for x in c.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1] if isinstance(x, tuple)]


@contextlib.contextmanager
def running(start):
    """A peer; a case that fails leaves none behind, whose ports the next one needs."""
    peer = start()
    try:
        yield peer
    finally:
        peer.stop()


def there_and_back(user, path, start, settings, extra=(), has_qresync=True):
    """The whole story with one peer: first life, taken over, a day of use, back, and here again."""
    server = server_at_rest()
    home = scratch()
    with running(start) as peer:
        first_life(peer, user, path, extra)
        clients(home, peer, user, has_qresync)
        had = clients(home, peer, user, has_qresync)  # and what POP3 marked as read
        was = account(peer, user)
    satchel(*settings)
    try:
        same(account(server, user), was, "taken over")
        have = clients(home, server, user, has_qresync)
        if has_qresync:
            same(have.pop("interimap"), had.pop("interimap"), "what another run of interimap changed", uidls=False)
        equal(sorted(set(have.pop("mbsync")) ^ set(had.pop("mbsync"))), [], "what another run of mbsync changed")
        equal(have, had, "mails that clients have after another run")
        day_of_use(server, user)
        used = account(server, user)
    finally:
        server.stop("--keep")
    with running(start) as peer:
        same(account(peer, user), used, "back")
        second_life(peer, user)
        again = account(peer, user)
    satchel(*settings)
    try:
        same(account(server, user), again, "here again")
        if re.search(r" (ERROR|CRITICAL) ", server.log()):
            raise AssertionError("errors in our log: " + server.log()[-2000:])
    finally:
        server.stop("--keep")


def mail_of(user, *parts):
    return os.path.join(server_at_rest().mail_root, server_at_rest().domain, user, *parts)


def dovecot():
    if "dovecot" not in state:
        state["dovecot"] = Dovecot(server_at_rest())
    return state["dovecot"]


@case
def dovecot_maildir():
    """Dovecot, Maildir++ in place: taken over, used for a day, back, and here again"""
    peer = dovecot()

    def start():
        peer.start(f"maildir:{MAIL}/%d/%n/Maildir")
        return peer
    os.makedirs(mail_of("u0001"), exist_ok=True)
    peer.own(os.path.dirname(mail_of("u0001")))
    there_and_back("u0001", mail_of("u0001", "Maildir"), start, ["maildir.path=%d/%n/Maildir"])


@case
def dovecot_fs():
    """Dovecot, LAYOUT=fs with control and index elsewhere, unique ids by file name and saved: the same"""
    # With our longer file names these are over 70 octets, with those of others not.
    peer = dovecot()

    def start():
        peer.start(f"maildir:{MAIL}/%d/%n/Maildir:LAYOUT=fs:CONTROL={MAIL}/control/%u:INDEX={MAIL}/index/%u",
                   "pop3_save_uidl = yes\npop3_uidl_format = id-of-a-file.%f\n")
        return peer
    for sub in (mail_of("u0002"), os.path.join(peer.server.mail_root, "control"), os.path.join(peer.server.mail_root, "index")):
        os.makedirs(sub, exist_ok=True)
        peer.own(sub)
    there_and_back("u0002", mail_of("u0002", "Maildir"), start,
                   ["maildir.path=%d/%n/Maildir", "maildir.layout=fs", "maildir.control_path=control/%u", "maildir.pop3_uidl_format=id-of-a-file.%f"],
                   extra=("dotted.name", "a.b/c.d"))


@case
def courier():
    """Courier: taken over, used for a day, back, and here again"""
    peer = Courier(server_at_rest())

    def start():
        peer.start()
        return peer
    for sub in ("cur", "new", "tmp"):
        os.makedirs(mail_of("u0003", "Maildir", sub), exist_ok=True)
    peer.own(os.path.dirname(mail_of("u0003")))
    there_and_back("u0003", mail_of("u0003", "Maildir"), start,
                   ["maildir.path=%d/%n/Maildir", "maildir.layout=maildir++", "namespace.prefix=INBOX.", "namespace.separator=."],
                   has_qresync=False)


@case
def import_command():
    """satchel import: says what is there, takes it over while the server is down or up, twice with the same answer"""
    server = server_at_rest()
    peer = dovecot()
    peer.start(f"maildir:{MAIL}/%d/%n/Maildir:CONTROL={MAIL}/control/%u", "pop3_save_uidl = yes\npop3_uidl_format = %v.%u\n")
    settings = ["maildir.path=%d/%n/Maildir", "maildir.control_path=control/%u"]
    os.makedirs(os.path.join(server.mail_root, "control"), exist_ok=True)
    peer.own(os.path.join(server.mail_root, "control"))
    for user in ("u0004", "u0005"):
        os.makedirs(mail_of(user), exist_ok=True)
        peer.own(mail_of(user))
        first_life(peer, user, mail_of(user, "Maildir"))
    was = {user: account(peer, user) for user in ("u0004", "u0005")}
    peer.stop()
    satchel(*settings)
    server.stop("--keep")

    def ask(*arguments, code):
        r = server.cli("import", *arguments, check=False)
        equal(r.returncode, code, f"exit of import {arguments}: {r.stdout} {r.stderr}")
        return r
    before = tree_of(mail_of("u0004"))
    r = ask("--dry-run", "--json", "u0004", code=0)
    equal(tree_of(mail_of("u0004")), before, "what a dry run changed")
    report = json.loads(r.stdout)[0]
    equal((report["user"], report["state"], report["origin"]), (f"u0004@{server.domain}", "examined", "dovecot"), "dry run")
    folders = was["u0004"]["folders"]
    equal({m["name"]: (m["uidvalidity"], m["messages"], m["uids"]) for m in report["mailboxes"]
           if m["name"] in ("INBOX", "with space", "A/B/C deep")},
          {name: (folders[name][0], len(folders[name][2]), len(folders[name][2])) for name in ("INBOX", "with space", "A/B/C deep")},
          "mailboxes of the dry run")
    inbox = next(m for m in report["mailboxes"] if m["name"] == "INBOX")
    equal((inbox["unique_ids"], report["subscriptions"]), (len(was["u0004"]["uidls"]), 3), "unique ids and subscriptions")
    for _ in range(2):
        report = json.loads(ask("--json", "u0004", code=0).stdout)[0]
        equal((report["state"], sum(m["uids"] for m in report["mailboxes"])), ("taken over", sum(len(f[2]) for f in folders.values())),
              "import without a server")
    satchel(*settings)
    try:
        c = server.imap("u0005")  # a session that is there already ends; the next login finds everything
        c.select()
        r = ask("u0004", "u0005", code=0)
        equal(r.stdout.count("taken over from dovecot"), 2, f"lines of two users: {r.stdout}")
        for user in was:
            same(account(server, user), was[user], f"imported {user}")
        # Whenever it is interrupted, no user stays released.
        command = subprocess.Popen([os.path.join(TOP, "tools/devserver"), "cli", "--dir", server.dir, "--", "import", "--all"],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1)
        command.stdout.readline()
        command.send_signal(signal.SIGINT)
        _, said = command.communicate(timeout=60)
        if command.returncode != 0 and "run it again for the users that are left" not in said:
            raise AssertionError(f"interrupted: {command.returncode} {said}")
        for user in was:
            server.imap(user).logout()
    finally:
        server.stop("--keep")

    # What cannot be taken over, each with what to do.
    os.symlink("Maildir", mail_of("u0004", "Maildir", ".linked"))
    os.makedirs(mail_of("u0004", "Maildir", ".&broken", "cur"))
    peer.own(mail_of("u0004"))
    os.makedirs(mail_of("u0006", "Maildir", "cur"))  # root's
    r = ask("--quiet", "u0004", "u0006", "nobody@else.example", code=1)
    for pattern in (r"\.linked is a link", r"\.&broken is not called as maildir\.folder_names says", r"u0006@.*belongs to uid 0.*chown -R \d+",
                    r"nobody@else\.example: no password database knows this user"):
        if not re.search(pattern, r.stderr):
            raise AssertionError(f"{pattern} is not in {r.stderr}")
    equal(r.stdout, "", "--quiet")
    ask(code=64)
    shutil.rmtree(mail_of("u0006"))


def tree_of(path):
    return sorted((os.path.join(d, f), os.stat(os.path.join(d, f)).st_mtime_ns) for d, _, names in os.walk(path) for f in names)


@case
def outside_fs():
    """LAYOUT=fs while a client is connected: another program's folders and messages come, change and go"""
    server = server_at_rest()
    satchel("maildir.path=%d/%n/Maildir", "maildir.layout=fs")
    uid = dovecot().uid
    try:
        c = server.imap("u0006")
        root = mail_of("u0006", "Maildir")
        equal("made/below" in listing(c), False, "a folder before it is made")
        drop(os.path.join(root, "made", "below"), 60, uid)
        subprocess.run(["chown", "-R", f"{uid}:{uid}", os.path.join(root, "made")], check=True)
        equal("made/below" in listing(c), True, "a folder made outside")
        equal(c.select("made/below")[1], [b"1"], "messages in it")
        drop(os.path.join(root, "made", "below"), 61, uid)
        c.noop()
        equal(c.response("EXISTS")[1][-1], b"2", "EXISTS after a delivery by another agent")
        new = os.path.join(root, "made", "below", "new")
        for name in os.listdir(new):
            os.rename(os.path.join(new, name), os.path.join(root, "made", "below", "cur", name + ":2,FS"))
        c.noop()
        c.response("FETCH")
        flags = [set(re.search(rb"FLAGS \(([^)]*)\)", x).group(1).split()) - {b"\\Recent"} for x in c.uid("FETCH", "1:*", "(FLAGS)")[1]]
        equal(flags, [{b"\\Flagged", b"\\Seen"}] * 2, "flags that another reader set")
        cur = os.path.join(root, "made", "below", "cur")
        os.unlink(os.path.join(cur, sorted(os.listdir(cur))[0]))
        c.noop()
        equal(len(c.uid("FETCH", "1:*", "(UID)")[1]), 1, "messages after another program removed one")
        os.rename(os.path.join(root, "made"), os.path.join(root, "renamed"))
        d = server.imap("u0006")
        equal({"made/below", "renamed/below"} & listing(d), {"renamed/below"}, "folders after a rename outside")
        equal(d.select("renamed/below")[1], [b"1"], "messages in the renamed one")
        def gone():  # the server may write into a folder until it sees that it goes
            shutil.rmtree(os.path.join(root, "renamed"), ignore_errors=True)
            return not os.path.exists(os.path.join(root, "renamed"))
        wait_for(gone, "the end of the folder")
        def bye():
            try:
                d.noop()
            except imaplib.IMAP4.abort as why:
                return "deleted" in str(why)
        wait_for(bye, "the end of a session in a folder that is gone, as when another client deletes it")
        e = server.imap("u0006")
        equal("renamed/below" in listing(e), False, "a folder that was removed outside")
        e.logout()
    finally:
        server.stop("--keep")


main()
