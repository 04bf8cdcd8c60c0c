#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Quotas from outside: what mail readers show, what is refused over IMAP and LMTP, and what makes room again."""
import imaplib
import os
import re
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import SEALED, STORAGE, Server, case, equal, main  # noqa: E402
from wire import Wire  # noqa: E402

imaplib.Commands.update({name: ("AUTH", "SELECTED") for name in ("GETQUOTA", "GETQUOTAROOT", "SETQUOTA")})
# u0001 has the limit of his domain; u0002 less; u0003 a number of messages; u0004 none at all.
USERS = """( { name = "u0002@example.org"; storage = "10K"; }, { name = "U0003@Example.org"; storage = "0"; messages = 3; },
             { name = "u0004@example.org"; storage = "0"; } )""".replace("\n", " ")
SETTINGS = ("--set", "quota.enabled=true", "--set", 'quota.storage="1K"', "--set", 'quota.domains=( { name = "example.org"; storage = "100K"; } )',
            "--set", f"quota.users={USERS}", "--set", "quota.grace_percent=0")
server = Server(*SETTINGS, users=60)


def message(size, subject="sized"):
    head = b"From: a@example.net\r\nSubject: " + subject.encode() + b"\r\n\r\n"
    text = head + (b"x" * 70 + b"\r\n") * ((size - len(head)) // 72)
    rest = size - len(text)
    return text + (b"y" * (rest - 2) + b"\r\n" if rest >= 2 else b"")[:rest] if rest != 1 else text[:-2] + b"z\r\n"


def append(c, size, mailbox="INBOX"):
    """The answer: OK, or NO with its code."""
    status, data = c.append(mailbox, None, None, message(size))
    return status if status == "OK" else re.match(rb"\[\w+\]", data[0]).group(0).decode()


def quota(c, mailbox="INBOX"):
    """{resource: (used, limit)}, by way of GETQUOTAROOT."""
    status, data = c._simple_command("GETQUOTAROOT", mailbox)
    equal(status, "OK", f"GETQUOTAROOT: {data}")
    roots = c.untagged_responses.pop("QUOTAROOT")
    answers = c.untagged_responses.pop("QUOTA")
    equal(len(roots), 1, "QUOTAROOT responses")
    m = re.fullmatch(rb'"User quota" \((.*)\)', answers[0])
    words = m.group(1).split()
    return {words[i].decode(): (int(words[i + 1]), int(words[i + 2])) for i in range(0, len(words), 3)}


def sizes(c):
    """Bytes and messages of all mailboxes, as their messages say."""
    total = n = 0
    for line in c.list()[1]:
        name = line.rpartition(b'"/" ')[2]
        c.select(name.decode(), readonly=True)
        for answer in c.fetch("1:*", "(RFC822.SIZE)")[1]:
            if answer:
                total += int(re.search(rb"SIZE (\d+)", answer).group(1))
                n += 1
    c.close()
    return total, n


def lmtp(n):
    w = Wire(server, "lmtp")
    equal(w.line()[:3], b"220", "greeting")
    w.send(b"LHLO test.example\r\n")
    w.reply()
    w.ask(b"MAIL FROM:<sender@example.net>", b"250")
    for user in n:
        w.ask(b"RCPT TO:<u%04d@example.org>" % user, b"250")
    w.ask(b"DATA", b"354")
    return w


def deliver(content, *users):
    """The replies, one a user."""
    w = lmtp(users)
    w.send(content + b".\r\n")
    answers = w.lines(len(users))
    w.close()
    return answers


@case
def shown():
    """GETQUOTAROOT as Roundcube and Thunderbird send it, and numbers that are those of the messages"""
    c = server.imap("u0001")
    equal({"QUOTA", "QUOTA=RES-STORAGE", "QUOTA=RES-MESSAGE"} <= set(c.capability()[1][0].decode().split()), True, "capabilities")
    equal("QUOTASET" in c.capability()[1][0].decode(), False, "QUOTASET")
    equal(quota(c), {"STORAGE": (0, 100)}, "an empty account")
    for size in (1000, 2000, 3333):
        equal(append(c, size), "OK", "APPEND")
    c.create("Archive/2026")
    c.select("INBOX")
    equal(c.copy("1:2", "Archive/2026")[0], "OK", "COPY")
    total, n = sizes(c)
    equal((total, n), (9333, 5), "what the messages say")
    equal(quota(c), {"STORAGE": (10, 100)}, "in KiB, rounded up")
    c.logout()
    w = Wire(server, "imap")
    w.line()
    w.ask(b"a LOGIN u0001 " + server.password.encode(), b"a OK ")
    # Roundcube 1.6 (rcube_imap_generic::getQuota) and Thunderbird 128 (nsImapProtocol::GetQuotaDataIfSupported)
    w.ask(b"A0005 GETQUOTAROOT INBOX", b'* QUOTAROOT "INBOX" "User quota"', b'* QUOTA "User quota" (STORAGE 10 100)\r\n', b"A0005 OK ")
    w.ask(b'9 getquotaroot "Archive/2026"', b'* QUOTAROOT "Archive/2026" "User quota"', b'* QUOTA "User quota" (STORAGE 10 100)\r\n', b"9 OK ")
    w.ask(b'10 getquotaroot "not there"', b'* QUOTAROOT "not there" "User quota"', b'* QUOTA "User quota" (STORAGE 10 100)\r\n', b"10 OK ")
    w.ask(b'b GETQUOTA "User quota"', b'* QUOTA "User quota" (STORAGE 10 100)\r\n', b"b OK ")
    w.ask(b'c GETQUOTA ""', b"c NO [NONEXISTENT] ")
    w.ask(b'd SETQUOTA "User quota" (STORAGE 1000000)', b"d NO [NOPERM] ")
    w.ask(b'e SETQUOTA "User quota" (STORAGE)', b"e BAD ")
    w.ask(b'f GETQUOTA', b"f BAD ")
    w.close()


@case
def over():
    """over the limit: APPEND and COPY are refused and change nothing; MOVE and EXPUNGE work, and make room; a restart changes nothing"""
    c = server.imap("u0002")
    c.create("other")
    equal([append(c, 4000), append(c, 4000), append(c, 3000)], ["OK", "OK", "[OVERQUOTA]"], "APPEND of 4000, 4000 and 3000 bytes into 10240")
    equal(quota(c), {"STORAGE": (8, 10)}, "after the refusal")
    c.select("INBOX")
    status, data = c.copy("1", "other")
    equal((status, data[0][:11]), ("NO", b"[OVERQUOTA]"), "COPY")
    equal(c.status("other", "(MESSAGES)")[1][0], b'"other" (MESSAGES 0)', "nothing was copied")
    equal(append(c, 2240), "OK", "to the last byte")
    equal(append(c, 100), "[OVERQUOTA]", "not a byte more")
    c.noop()
    equal(c._simple_command("MOVE", "1:2", "other")[0], "OK", "MOVE when all is full")
    equal(quota(c), {"STORAGE": (10, 10)}, "after MOVE")
    c.logout()
    server.stop("--keep")
    server.start()
    c = server.imap("u0002")
    equal(quota(c), {"STORAGE": (10, 10)}, "after a restart")
    equal(append(c, 100), "[OVERQUOTA]", "after a restart")
    c.select("other")
    c.store("1", "+FLAGS", "\\Deleted")
    equal(c.status("other", "(MESSAGES DELETED DELETED-STORAGE)")[1][0], b'"other" (MESSAGES 2 DELETED 1 DELETED-STORAGE 4000)', "what EXPUNGE would free")
    equal(append(c, 100), "[OVERQUOTA]", "\\Deleted alone frees nothing")
    equal(c.expunge()[0], "OK", "EXPUNGE")
    equal(quota(c), {"STORAGE": (7, 10)}, "after EXPUNGE")
    equal(append(c, 4000), "OK", "there is room")
    equal(append(c, 100), "[OVERQUOTA]", "and no more")
    c.delete("other")
    equal(quota(c), {"STORAGE": (7, 10)}, "after DELETE of a mailbox")
    equal(append(c, 4000), "OK", "there is room")
    c.logout()


@case
def messages():
    """a limit of messages only; names of users in any case; one without limits"""
    c = server.imap("u0003")
    equal([append(c, 500) for _ in range(4)], ["OK", "OK", "OK", "[OVERQUOTA]"], "four messages")
    equal(quota(c), {"MESSAGE": (3, 3)}, "what is shown")
    c.logout()
    c = server.imap("u0004")
    equal(append(c, 200000), "OK", "200000 bytes")
    equal(quota(c), {}, "no limit, nothing shown")
    c.logout()


@case
def replaced():
    """REPLACE with what is no longer passes when all is full"""
    w = Wire(server, "imap")
    w.line()
    w.ask(b"a LOGIN u0005 " + server.password.encode(), b"a OK ")
    for size, answer in ((102000, b"OK "), (102000, b"NO [OVERQUOTA] ")):
        w.send(b"b APPEND INBOX {%d+}\r\n%s\r\n" % (size, message(size)))
        equal(w.line()[2:2 + len(answer)], answer, "APPEND")
    w.send(b"c SELECT INBOX\r\n")
    while not w.line().startswith(b"c OK"):
        pass
    for size, code in ((102401, b"d NO [OVERQUOTA]"), (102400, b"d OK ")):
        w.send(b"d REPLACE 1 INBOX {%d+}\r\n%s\r\n" % (size, message(size)))
        line = w.line()
        while not line.startswith(b"d "):
            line = w.line()
        equal(line[:len(code)], code, f"REPLACE with {size} bytes")
    w.close()


@case
def race():
    """two sessions at once have one last place between them"""
    answers = []

    def one(n):
        c = server.imap("u0006")
        gate.wait()
        answers.append(append(c, 60000))
        c.logout()

    gate = threading.Barrier(8)
    threads = [threading.Thread(target=one, args=(n,)) for n in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    equal(sorted(answers), ["OK"] + ["[OVERQUOTA]"] * 7, "eight APPENDs of 60000 bytes into 102400")


def fill(user):
    c = server.imap(f"u{user:04d}")
    equal(append(c, 102000), "OK", "APPEND")
    c.logout()


def links(user, n=None):
    """The link count of the newest message of INBOX."""
    base = os.path.join(server.mail_root, "example.org", f"u{user:04d}")
    files = [os.path.join(base, part, name) for part in ("new", "cur") for name in os.listdir(os.path.join(base, part))]
    return os.stat(max(files, key=os.path.getmtime)).st_nlink


@case
def fifty():
    """LMTP with 50 recipients of whom one is full: 49 get it, all of them one file"""
    full = 30
    fill(full)
    users = range(7, 57)
    answers = deliver(message(80000), *users)
    equal({user: answer[:9] for user, answer in zip(users, answers) if answer[:3] != b"250"}, {full: b"452 4.2.2"}, "replies that are not 250")
    if STORAGE == "maildir":
        equal(links(7) > 1, not SEALED, "deliveries are links of one file, unless each user's has a key of its own")
    c = server.imap("u0007")
    equal(quota(c), {"STORAGE": (79, 100)}, "what it takes up")
    c.logout()
    equal(f'user=u{full:04d}@{server.domain} reason="over quota: ' in server.log(), True, "the log line")


@case
def permanent():
    """after a reload: 552 5.2.2 by setting, other limits and grace in force at once"""
    c = server.imap("u0030")
    with open(os.path.join(server.config_dir, "conf.d", "50-quota.conf"), "w") as f:
        f.write('lmtp = { over_quota = "permanent"; };\nquota = { grace = "1K"; };\n')
    server.cli("reload")
    equal([a[:9] for a in deliver(message(2000), 30)], [b"552 5.2.2"], "over limit and grace")
    equal([a[:3] for a in deliver(message(700), 30)], [b"250"], "within the grace")
    equal(append(c, 100), "[OVERQUOTA]", "a session has no grace")
    equal(quota(c)["STORAGE"][1], 100, "what is shown is the limit")
    c.logout()


@case
def warned():
    """a line in the log and a count when a percentage is crossed, and not again before it is crossed again"""
    c = server.imap("u0058")
    for _ in range(9):
        equal(append(c, 10000), "OK", "APPEND")
    lines = [line for line in server.log().splitlines() if "nearly full:" in line and "u0058@" in line]
    equal(len(lines), 1, f"lines: {lines}")
    equal("resource=storage percent=80 used=9" in lines[0], True, lines[0])
    equal(append(c, 9000), "OK", "APPEND")
    lines = [line for line in server.log().splitlines() if "nearly full:" in line and "u0058@" in line]
    equal([re.search(r"percent=\d+", line).group(0) for line in lines], ["percent=80", "percent=95"], "after both")
    c.logout()
    counters = server.cli("status", "--counters").stdout
    equal(bool(re.search(r'satchel_quota_warnings_total\W.*resource\W+storage\W.*percent\W+95\W.*\s[1-9]', counters)), True, counters)
    equal(bool(re.search(r"satchel_quota_refusals_total", counters)), True, counters)


def say_of(user, attributes):
    """Writes the attributes of a user by hand, as the administrator does."""
    path = os.path.join(os.path.dirname(server.config_dir), "state", "auth", "passwd")
    with open(path) as f:
        lines = f.read().splitlines()
    for n, line in enumerate(lines):
        if line.startswith(f"u{user:04d}@"):
            lines[n] = ":".join((line.split(":") + [""] * 5)[:5] + [attributes])
    with open(path + ".edited", "w") as f:
        f.write("\n".join(lines) + "\n")
    status = os.stat(path)
    os.chmod(path + ".edited", status.st_mode)
    os.chown(path + ".edited", status.st_uid, status.st_gid)
    os.rename(path + ".edited", path)


@case
def users_of_the_file():
    """limits from the password file, before the settings: IMAP and LMTP; a change counts from the next login or delivery"""
    server.cli("reload")
    say_of(59, "quota.storage=10K")
    say_of(60, "quota.storage=20K quota.messages=2")
    one, two = server.imap("u0059"), server.imap("u0060")
    equal((quota(one), quota(two)), ({"STORAGE": (0, 10)}, {"STORAGE": (0, 20), "MESSAGE": (0, 2)}), "what is shown")
    equal((append(one, 11000), append(two, 11000)), ("[OVERQUOTA]", "OK"), "APPEND of 11000 bytes")
    equal([a[:9] for a in deliver(message(13000), 59, 60)], [b"552 5.2.2", b"552 5.2.2"], "13000 bytes to both")
    equal([a[:3] for a in deliver(message(1000), 59, 60)], [b"250", b"250"], "1000 bytes to both")
    equal((append(one, 1000), append(two, 1000)), ("OK", "[OVERQUOTA]"), "a second and a third message")
    # By a delivery, into stores that are open; and sessions that are there see it.
    say_of(59, "quota.storage=30K")
    say_of(60, "")
    equal([a[:3] for a in deliver(message(13000), 59, 60)], [b"250", b"250"], "13000 bytes to both, after the change")
    equal((quota(one)["STORAGE"][1], quota(two)), (30, {"STORAGE": (25, 100)}), "after a delivery")
    # By a login.
    say_of(59, "quota.storage=15K")
    server.imap("u0059").logout()
    equal((quota(one)["STORAGE"], append(one, 100)), ((15, 15), "[OVERQUOTA]"), "after a login")
    say_of(59, "quota.storage=much")
    server.imap("u0059").logout()
    equal(quota(one)["STORAGE"][1], 100, "what is no size does not count")
    equal('attribute not used: user=u0059@example.org reason="quota.storage: ' in server.log(), True, "the log line")
    # Who has a line that cannot be read is put off, not let in without a limit.
    say_of(59, "quota.storage")
    w = Wire(server, "imap")
    w.line()
    w.ask(b"a LOGIN u0059 " + server.password.encode(), b"a NO [UNAVAILABLE]")
    w.close()
    w = Wire(server, "lmtp")
    w.line()
    w.send(b"LHLO test.example\r\n")
    w.reply()
    w.ask(b"MAIL FROM:<sender@example.net>", b"250")
    w.ask(b"RCPT TO:<u0059@example.org>", b"451")
    w.close()
    say_of(59, "quota.storage=15K")
    c = server.imap("u0059")
    equal(quota(c)["STORAGE"][1], 15, "mended")
    for each in (c, one, two):
        each.logout()


@case
def without():
    """a server without quotas offers none"""
    other = Server(users=1)
    c = other.imap("u0001")
    equal("QUOTA" in c.capability()[1][0].decode(), False, "capabilities")
    status, _ = c._simple_command("GETQUOTAROOT", "INBOX")
    equal((status, c.untagged_responses.get("QUOTAROOT"), c.untagged_responses.get("QUOTA")), ("OK", [b'"INBOX"'], None), "GETQUOTAROOT")
    equal(c._simple_command("GETQUOTA", '"User quota"')[0], "NO", "GETQUOTA")
    c.logout()


main()
