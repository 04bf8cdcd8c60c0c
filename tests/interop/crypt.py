#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Mail that lies sealed: delivered, read by IMAP and POP3 and by curl, searched and copied, with kills between; nothing of it is found
below the state directories; passwords, app passwords and recovery keys; damage and messages that are exchanged."""
import glob
import imaplib
import os
import poplib
import re
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import case, equal, main, of_maildir, strict_context, wait_for  # noqa: E402
from sealed import MARK, SealedServer, message  # noqa: E402
from wire import Wire  # noqa: E402

PLAIN = "u0012"
server = SealedServer(users=12)
records, enable, address, clear_files = server.records, server.enable, server.address, server.clear_files


def imap(user, password):
    c = imaplib.IMAP4_SSL("127.0.0.1", server.imaps, ssl_context=strict_context(server.ca_file), timeout=60)
    c.login(user, password)
    c.select()
    return c


def fetch(c, n, what="BODY.PEEK[]"):
    status, data = c.fetch(str(n), f"({what})")
    return data[0][1] if status == "OK" and isinstance(data[0], tuple) else status


@case
def what_is_delivered_is_read_by_whoever_logs_in():
    enable("u0001")
    sent = [message(1), message(2, 200_000), message(3)]
    server.deliver(sent[0], "u0001")
    server.deliver(sent[1], "u0001")
    with server.imap("u0001") as c:
        c.select()
        equal(c.append("INBOX", None, None, sent[2])[0], "OK", "APPEND")
        c.noop()
        for n, content in enumerate(sent, 1):
            got = fetch(c, n)
            equal(got.endswith(content), True, f"message {n} is read back")
            size = int(re.search(rb"RFC822.SIZE (\d+)", c.fetch(str(n), "RFC822.SIZE")[1][0]).group(1))
            equal(size, len(got), f"the size of message {n}")
        equal(c.search(None, "SUBJECT", MARK)[1][0], b"1 2 3", "SEARCH of a header")
        equal(c.search(None, "BODY", f"{MARK} 2")[1][0], b"2", "SEARCH of texts")
        equal(fetch(c, 2, "BODY.PEEK[]<150000.100>"), fetch(c, 2)[150000:150100], "a part")
        equal(MARK in str(c.fetch("1", "ENVELOPE")[1]), True, "ENVELOPE")
        equal(c.copy("1:3", "INBOX")[0], "OK", "COPY")
    p = poplib.POP3_SSL("127.0.0.1", server.pop3s, context=strict_context(server.ca_file), timeout=60)
    p = server.pop3_session("u0001")
    equal(b"\r\n".join(p.retr(2)[1]).endswith(sent[1].rstrip(b"\r\n")), True, "RETR")
    equal(p.stat()[0], 6, "STAT")
    p.quit()
    equal(clear_files(), [], "files in which something of the mail can be read")


@case
def a_changed_password_locks_the_mail_until_the_recovery_key_opens_it():
    key = enable("u0002")
    server.deliver(message(1), "u0002")
    refused = server.cli("user", "passwd", address("u0002"), "--stdin", input="another\nwrong\n", check=False)
    equal((refused.returncode != 0, "--lose-mail" in refused.stderr), (True, True), f"without what opens the key: {refused.stderr}")
    server.imap("u0002").logout()
    server.cli("user", "passwd", address("u0002"), "--stdin", "--lose-mail", input="another\n")
    with imap("u0002", "another") as c:
        equal(fetch(c, 1), "NO", "FETCH with the new password")
        equal(c.search(None, "ALL")[1][0], b"1", "the message is still listed")
        equal(c.store("1", "+FLAGS", r"(\Flagged)")[0], "OK", "flags")
    wrong = server.cli("crypt", "recover", address("u0002"), "--password", "no", check=False)
    equal(wrong.returncode != 0, True, "a wrong secret recovers nothing")
    server.cli("crypt", "recover", address("u0002"), "--password", key.upper().replace("-", ""))
    for _ in range(2):  # the login that gets the slot, and one that has it
        with imap("u0002", "another") as c:
            equal(fetch(c, 1).endswith(message(1)), True, "FETCH after the recovery")
    equal(records("crypt", "status", address("u0002"))[0]["waits_for_login"], False, "the ring is shut")
    server.cli("user", "passwd", address("u0002"), "--stdin", "--lose-mail", input="third\n")
    server.cli("crypt", "recover", address("u0002"), "--password", "another")
    with imap("u0002", "third") as c:
        equal(fetch(c, 1).endswith(message(1)), True, "FETCH after the former password was given")


@case
def an_app_password_opens_the_mail_and_ends_with_its_slot():
    enable("u0003")
    server.deliver(message(1), "u0003")
    made = records("app-password", "add", address("u0003"), "phone", "--password", server.password)[0]
    server.cli("user", "passwd", address("u0003"), "--stdin", input=f"another\n{server.password}\n")
    with imap("u0003", "another") as c:
        equal(fetch(c, 1).endswith(message(1)), True, "FETCH with the new password")
    with imap("u0003", made["password"]) as c:
        equal(fetch(c, 1).endswith(message(1)), True, "FETCH with the app password after the password has changed")
    slots = [r.get("slot") for r in records("crypt", "status", address("u0003"))]
    equal(made["id"] in slots, True, f"slots: {slots}")
    server.cli("app-password", "revoke", address("u0003"), made["id"])
    wait_for(lambda: made["id"] not in [r.get("slot") for r in records("crypt", "status", address("u0003"))], "the slot goes")


def set_elsewhere(user, of):
    """Gives @user the password of another one, as if that was kept by somebody else."""
    path = f"{server.state_dir}/auth/passwd"
    with open(path) as f:
        rows = [line.split(":") for line in f]
    hashes = {row[0]: row[1] for row in rows if len(row) > 1}
    with open(path, "w") as f:
        f.writelines(":".join([row[0], hashes[address(of)], *row[2:]] if row[0] == address(user) else row) for row in rows)


def alerts(user, password):
    """What a login is told by ALERT, and whether it gets the first message."""
    def until(start):
        found = [w.line()]
        while not found[-1].startswith((start, b"* BYE")) and found[-1]:
            found.append(w.line())
        return found
    w = Wire(server, "imap")
    w.line()
    w.send(b'a LOGIN %s "%s"\r\n' % (user.encode(), password.encode()))
    lines = until(b"a ")
    w.send(b"b SELECT INBOX\r\n")
    until(b"b ")
    w.send(b"c FETCH 1 BODY.PEEK[HEADER.FIELDS (SUBJECT)]\r\n")
    got = until(b"c ")
    w.close()
    return [line for line in lines if b"[ALERT]" in line], got[-1].startswith(b"c OK")


@case
def a_password_that_was_changed_elsewhere_is_noticed_and_an_app_password_opens_the_mail_to_it():
    key = enable("u0010")
    server.deliver(message(1), "u0010")
    app = records("app-password", "add", address("u0010"), "phone", "--password", server.password)[0]["password"]
    equal(alerts("u0010", server.password), ([], True), "before")
    for n in (1, 2):
        server.cli("user", "passwd", address(PLAIN), "--stdin", input=f"elsewhere {n}\n")
        set_elsewhere("u0010", PLAIN)
        told, reads = wait_for(lambda: (lambda a: a if a[0] else None)(alerts("u0010", f"elsewhere {n}")), "the new password")
        equal((len(told), b"app password" in told[0], reads), (1, True, False), f"what the user is told: {told}")
        equal("the password was changed" in server.log() and "satchel crypt recover" in server.log(), True, "the log")
        if n == 1:
            told, reads = alerts("u0010", app)
            equal((len(told), reads), (1, True), f"with the app password: {told}")
        else:
            server.cli("crypt", "recover", address("u0010"), "--password", key)
        equal(alerts("u0010", f"elsewhere {n}"), ([], True), "with the password that was changed")
        equal(alerts("u0010", app), ([], True), "with the app password")
        equal(records("crypt", "status", address("u0010"))[0]["waits_for_login"], False, "the key lies readable nowhere")
    server.cli("user", "passwd", address(PLAIN), "--stdin", input=f"{server.password}\n")


@case
def killed_processes_change_nothing():
    enable("u0004")
    for n in range(1, 6):
        server.deliver(message(n), "u0004")
        for pid, role in server.roles().items():
            if role in ("mail", "auth"):
                os.kill(pid, signal.SIGKILL)
        with server.imap_when_back("u0004") as c:
            c.select()
            equal(fetch(c, n).endswith(message(n)), True, f"message {n} after a kill")
    server.restart()
    with server.imap("u0004") as c:
        c.select()
        equal([fetch(c, n).endswith(message(n)) for n in range(1, 6)], [True] * 5, "all after a restart")
    equal([p for p in clear_files() if f"/{PLAIN}/" not in p], [], "files in which something of the mail can be read")


@case
def a_message_that_waits_in_the_spool_is_sealed():
    for user in ("u0007", "u0008", "u0009"):
        enable(user)
    for users in (("u0007",), ("u0007", "u0008", "u0009")):
        before = clear_files()
        w = Wire(server, "lmtp")
        w.line()
        w.send(b"LHLO test.example\r\n")
        w.reply()
        w.ask(b"MAIL FROM:<a@example.net>", b"250")
        for user in users:
            w.ask(f"RCPT TO:<{address(user)}>".encode(), b"250")
        w.ask(b"DATA", b"354")
        w.send(message(1, 900_000))
        files = wait_for(lambda: [p for p in glob.glob(f"{server.mail_root}/spool/*") if os.path.getsize(p) > 500_000], "the spool file")
        equal(clear_files(), before, f"files in which the mail can be read while {files} is there")
        w.send(b".\r\n")
        equal([x[:3] for x in w.lines(len(users))], [b"250"] * len(users), "replies")
        w.close()
        for user in users:
            with server.imap(user) as c:
                c.select()
                last = c.search(None, "ALL")[1][0].split()[-1]
                equal(fetch(c, int(last)).endswith(message(1, 900_000)), True, f"the mail of {user}")


@case
def users_without_a_ring_notice_nothing():
    server.deliver(message(1), PLAIN)
    with server.imap(PLAIN) as c:
        c.select()
        equal(fetch(c, 1).endswith(message(1)), True, "FETCH")
    equal(records("crypt", "status", address(PLAIN))[:1], [{"user": address(PLAIN), "sealed": False, "waits_for_login": False, "former_keys": 0, "locked_keys": 0}], "status")
    equal(clear_files() != [], True, "the search of this test finds what lies in clear")


@of_maildir("files are exchanged")
def damaged_and_exchanged_messages_are_refused_one_by_one():
    for user in ("u0005", "u0006"):
        enable(user)
        for n in (1, 2, 3):
            server.deliver(message(n), user)

    def files(user):
        return sorted(glob.glob(f"{server.mail_root}/**/{user}/cur/*", recursive=True) + glob.glob(f"{server.mail_root}/**/{user}/new/*", recursive=True))
    with server.imap("u0005") as c:
        c.select()
        equal(fetch(c, 1).endswith(message(1)), True, "before")
    mine, other = files("u0005"), files("u0006")
    equal((len(mine), len(other)), (3, 3), "files")
    contents = [open(p, "rb").read() for p in mine]
    server.stop("--keep")
    for path, content in ((mine[0], contents[1]), (mine[1], contents[0][:-1] + bytes([contents[0][-1] ^ 1])), (mine[2], open(other[2], "rb").read())):
        with open(path, "r+b") as f:
            f.truncate(0)
            f.write(content)
    server.start(*server.crypt_options)
    with server.imap("u0005") as c:
        c.select()
        equal([fetch(c, n) for n in (1, 2, 3)], ["NO", "NO", "NO"], "exchanged in a mailbox, changed, and exchanged between users")
        equal(c.noop()[0], "OK", "the session goes on")
    with server.imap("u0006") as c:
        c.select()
        equal(fetch(c, 3).endswith(message(3)), True, "the other user's mail")


main()
