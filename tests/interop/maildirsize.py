#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The file maildirsize of a Maildir that Satchel shares with Dovecot or Courier: each reads what the other wrote, and nobody has to
count the files again."""
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from peers import MAIL, Courier, Dovecot, dovecot_is_2_4  # noqa: E402
from tap import Server, Skip, case, equal, main  # noqa: E402

LIMITS = "10485760S,1000C"
SETTINGS = ("maildir.path=%d/%n/Maildir", "maildir.maildirsize=true")
DOVECOT_QUOTA = """
mail_plugins = quota
protocol imap {
  mail_plugins = quota imap_quota
}
plugin {
  quota = maildir:User quota
  quota_rule = Trash:ignore
}
"""
server = Server(users=2)
server.users = [f"{u}@{server.domain}" for u in ("u0001", "u0002")]
server.stop("--keep")


def message(n, size=30000):
    return (f"From: a@example.net\r\nTo: b@example.org\r\nSubject: message {n}\r\nMessage-ID: <{n}@example.net>\r\n\r\n"
            + ("x" * 70 + "\r\n") * (size // 72)).encode()


def satchel():
    memory = os.path.join(server.dir, "devserver.json")  # remembers what was set before
    with open(memory) as f:
        remembered = json.load(f)
    with open(memory, "w") as f:
        json.dump({**remembered, "settings": []}, f)
    server.start(*(x for s in SETTINGS for x in ("--set", s)))


def sums(path):
    """Bytes and messages that the file says; its limits are those that it began with."""
    with open(os.path.join(path, "maildirsize")) as f:
        lines = f.read().splitlines()
    equal(lines[0], LIMITS, "limits in maildirsize")
    pairs = [[int(x) for x in line.split()] for line in lines[1:]]
    return sum(x[0] for x in pairs), sum(x[1] for x in pairs)


def recount(path):
    """The same from the files, without Trash and without what has the flag T."""
    total = n = 0
    for directory, _, names in os.walk(path):
        folder, part = os.path.split(os.path.relpath(directory, path))
        if part not in ("new", "cur") or folder == ".Trash" or folder.startswith("satchel-"):
            continue
        for name in names:
            if "T" not in name.partition(":2,")[2]:
                size = re.search(r",S=(\d+)", name)
                total += int(size.group(1)) if size else os.path.getsize(os.path.join(directory, name))
                n += 1
    return total, n


def identity(path):
    """What changes when the file is made anew."""
    return os.stat(os.path.join(path, "maildirsize")).st_ino


def quota(c):
    status, answers = c.getquotaroot("INBOX")
    equal(status, "OK", f"GETQUOTAROOT: {answers}")
    text = repr(answers)
    used = {name: int(number) for name, number in re.findall(r"(STORAGE|MESSAGE) (\d+) \d+", text)}
    equal(sorted(used), ["MESSAGE", "STORAGE"], f"what {text} limits")
    return used


def assert_quota(c, path, who):
    """What the peer answers is what the files are, and it did not make the file anew."""
    was = identity(path)
    total, n = recount(path)
    used = quota(c)
    equal(used["MESSAGE"], n, f"messages that {who} counts")
    if abs(used["STORAGE"] - total / 1024) > 1:
        raise AssertionError(f"{who} counts {used['STORAGE']} KiB, the files have {total} bytes")
    equal(identity(path), was, f"maildirsize after {who} has read it")


def remove(c, which):
    c.store(which, "+FLAGS", r"(\Deleted)")
    equal(c.expunge()[0], "OK", "EXPUNGE")


def use_satchel(user, path, keeps_deleted):
    satchel()
    try:
        for n in range(5):
            server.deliver(message(n), user)
        c = server.imap(user)
        c.append("INBOX", r"(\Seen)", None, message(6))
        c.create("Shared")
        c.select("INBOX")
        c.copy("1:3", "Shared")
        equal(c._simple_command("MOVE", "4", "Trash")[0], "OK", "MOVE")
        remove(c, "2")
        if keeps_deleted:
            c.store("1", "+FLAGS", r"(\Deleted)")
        c.logout()
    finally:
        server.stop("--keep")
    equal(sums(path), recount(path), "sums that Satchel keeps")


def use_peer(peer, user, path, who):
    c = peer.imap(user)
    assert_quota(c, path, who)
    c.append("INBOX", r"(\Seen)", None, message(20))
    c.append("INBOX", None, None, message(21))
    c.select("INBOX")
    remove(c, "2")
    c.logout()
    equal(sums(path), recount(path), f"sums that {who} leaves")


def share(peer, start, user, who, keeps_deleted):
    path = os.path.join(server.mail_root, server.domain, user, "Maildir")
    for name in ("cur", "new", "tmp"):
        os.makedirs(os.path.join(path, name), exist_ok=True)
    with open(os.path.join(path, "maildirsize"), "w") as f:
        f.write(LIMITS + "\n           0            0\n")
    subprocess.run(["chown", "-R", f"{peer.uid}:{peer.uid}", os.path.dirname(path)], check=True)
    was = identity(path)
    use_satchel(user, path, keeps_deleted)
    equal(identity(path), was, "maildirsize after lines of Satchel")
    start()
    try:
        use_peer(peer, user, path, who)
    finally:
        peer.stop()
    was = identity(path)
    use_satchel(user, path, keeps_deleted)
    equal(identity(path), was, f"maildirsize after lines of {who} and of Satchel")
    start()
    try:
        c = peer.imap(user)
        assert_quota(c, path, who)
        c.logout()
    finally:
        peer.stop()


@case
def dovecot():
    """Dovecot's quota driver maildir answers what Satchel wrote, and Satchel goes on from what Dovecot wrote"""
    peer = Dovecot(server)
    if dovecot_is_2_4(peer.overlay):
        raise Skip("the settings of this case are those of Dovecot 2.3")
    # Dovecot counts messages with the flag T until they are expunged.
    share(peer, lambda: peer.start(f"maildir:{MAIL}/%d/%n/Maildir", DOVECOT_QUOTA), "u0001", "Dovecot", keeps_deleted=False)


@case
def courier():
    """The same with Courier, which counts no message with the flag T"""
    peer = Courier(server)
    share(peer, peer.start, "u0002", "Courier", keeps_deleted=True)



main()
