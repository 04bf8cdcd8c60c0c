#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What is announced is what comes: sizes in names of files that are wrong, unique ids that may not be told, NUL octets at every door."""
import hashlib
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import STORAGE, Server, case, equal, main, of_clear_mail, of_maildir  # noqa: E402
from wire import Wire  # noqa: E402

state = {"server": Server(users=12)}


def home(user):
    return os.path.join(state["server"].mail_root, "example.org", user)


def put(user, name, content, box="cur"):
    """As another program: with the owner that the mail user's directory has, if there is one."""
    d = os.path.join(home(user), box)
    os.makedirs(d, exist_ok=True)
    path = os.path.join(d, name)
    with open(path, "wb") as f:
        f.write(content)
    owner = os.stat(state["server"].mail_root)
    for p in (path, d, home(user), os.path.dirname(home(user))):
        if os.getuid() == 0:
            os.chown(p, owner.st_uid, owner.st_gid)
    return path


def text(n):
    return b"Subject: %d\n\n" % n + b"x\n" * n


# Sizes as other programs, old versions and edited files have them; none of them is right but the first.
NAMES = ["S={s},W={w}", "S={s},W=1", "S=1,W=1", "S={s},W=999999", "W=77", "S=0,W=0", "S=-5,W=-5", "S={s},W=99999999999999999999999",
         "S={s},S=9,W={w},W=12", "W={w},W=7,S={s}", "S=18446744073709551615,W=18446744073709551615", "S={s},W=", "S=x,W=y",
         "S={s},W={s}", "S={s},W={s2}", "S=50,W=60,B=1", "S=10,W=20,D=15", "S={s},W={s2},U=7.9", "S=50,W=90,U=7.10", "S=,W=,U="]


def names(count):
    for i in range(count):
        content = text(i % 50)
        s, w = len(content), len(content) + content.count(b"\n")
        if "B=1" in NAMES[i % len(NAMES)]:
            w = s  # stored as it came
        yield (f"{1700000000 + i}.M{i}.other," + NAMES[i % len(NAMES)].format(s=s, w=w, s2=s + 1) + ":2,", content, w)


def pop3(user):
    w = Wire(state["server"], "pop3s", tls=True)
    w.line()
    w.ask(b"USER " + user.encode(), b"+OK")
    w.ask(b"PASS " + state["server"].password.encode(), b"+OK")
    return w


def multi(w, command):
    w.send(command + b"\r\n")
    first, lines = w.line(), []
    while (line := w.line()) != b".\r\n":
        lines.append(line)
    return first, lines


@of_maildir("sizes in the names of files")
def sizes_pop3():
    """POP3: LIST, STAT and RETR tell the octets that come, whatever the names say; few files and many"""
    for user, count in (("u0001", 40), ("u0002", 400)):
        total = 0
        for name, content, size in names(count):
            put(user, name, content)
            total += size + 2 * ("B=1" in name)  # RETR ends the last line
        w = pop3(user)
        w.send(b"STAT\r\n")
        equal(w.line(), b"+OK %d %d\r\n" % (count, total), "STAT")
        told = [int(line.split()[1]) for line in multi(w, b"LIST")[1]]
        for n in range(1, count + 1, 7):
            first, lines = multi(w, b"RETR %d" % n)
            came = sum(len(line) for line in lines)
            equal((told[n - 1], int(first.split()[1])), (came, came), f"message {n}")


@of_maildir("sizes in the names of files")
def sizes_imap():
    """IMAP: RFC822.SIZE with content is that of the content, and from then on everybody is told so; unlikely ones are never told"""
    for user, count in (("u0003", 40), ("u0004", 400)):
        for name, content, size in names(count):
            put(user, name, content)
        c, d = state["server"].imap(user), state["server"].imap(user)
        c.select()
        d.select()
        right = {}
        for item in c.fetch("1:*", "(RFC822.SIZE BODY.PEEK[])")[1]:
            if isinstance(item, tuple):
                n, size, octets = map(int, re.match(rb"(\d+) .*RFC822.SIZE (\d+) .*\{(\d+)\}", item[0]).groups())
                equal((size, octets), (len(item[1]), len(item[1])), f"message {n} of {user}")
                right[n] = size
        equal(len(right), count, "messages")
        for x in (c, d, state["server"].imap(user)):
            x.select()
            sizes = {int(m.group(1)): int(m.group(2)) for m in (re.match(rb"(\d+) \(RFC822.SIZE (\d+)\)", line)
                                                               for line in x.fetch("1:*", "(RFC822.SIZE)")[1])}
            equal(sizes, right, f"sizes afterwards, {user}")
        equal(c.status("INBOX", "(SIZE)")[1][0].split()[-1], b"%d)" % sum(right.values()), "STATUS SIZE")


@of_maildir("sizes in the names of files")
def sizes_first():
    """RFC822.SIZE alone, before anything was read: few files with names that contradict the file or themselves"""
    put_names = list(names(20))
    for name, content, size in put_names:
        put("u0005", name, content)
    c = state["server"].imap("u0005")
    c.select()
    sizes = [int(x.split()[2].strip(b")")) for x in c.fetch("1:*", "RFC822.SIZE")[1]]
    subjects = [int(re.search(rb"Subject: (\d+)", x[1]).group(1)) for x in c.fetch("1:*", "BODY.PEEK[HEADER.FIELDS (SUBJECT)]")[1]
                if isinstance(x, tuple)]
    equal(sizes, [put_names[n][2] for n in subjects], "sizes")


@of_maildir("sizes in the names of files")
def sizes_big():
    """a big file whose name is like one of ours and lies: the literal is as long as the content"""
    content = b"Subject: big\n\n" + b"y" * 70 + b"\n" + (b"z" * 76 + b"\n") * 4000
    s = len(content)
    wire = s + content.count(b"\n")
    put("u0006", f"1700000000.M1P1Q1R1.other,S={s},W={s + 5},U=7.3:2,", content)
    put("u0006", f"1700000001.M1P1Q1R1.other,S={s},W={2 * s},U=7.4:2,", content)
    c = state["server"].imap("u0006")
    c.select()
    for n in (1, 2):
        got = c.fetch(str(n), "(RFC822.SIZE BODY.PEEK[])")[1][0]
        equal(len(got[1]), wire, "literal")
        equal(int(re.search(rb"RFC822.SIZE (\d+)", got[0]).group(1)), wire, "RFC822.SIZE")
    equal(c.copy("1:2", "INBOX")[0], "OK", "COPY")
    equal([int(x.split()[2].strip(b")")) for x in c.fetch("3:4", "RFC822.SIZE")[1]], [wire, wire], "copies")


@of_clear_mail("the store was taken over at the login that sealed it")
@of_maildir("ids in the file of another server")
def unique_ids():
    """UIDL: ids over 70 octets, or with others than 0x21 to 0x7E, are replaced by valid ones: unique, and the same for ever"""
    user, long = "u0007", "L" * 71
    ids = {1: "fine", 2: long, 3: "L" * 70, 4: "L" * 300, 5: "h\xe4llo", 6: "with\x7fdel", 7: "a\tb", 8: long[:70] + "M", 9: "fine"}
    hashed = "satchel-" + hashlib.sha256(long.encode()).hexdigest()[:48]
    ids[10] = hashed  # taken on purpose
    lines = "3 V1700000000 N20\n" + "".join(f"{uid} P{x} :{1700000000 + uid}.x\n" for uid, x in ids.items())
    for uid in ids:
        put(user, f"{1700000000 + uid}.x:2,", text(uid))
    put(user, "dovecot-uidlist", lines.encode("latin-1"), box=".")
    told = [line.split(b" ", 1)[1].rstrip(b"\r\n") for line in multi(pop3(user), b"UIDL")[1]]
    equal(len(told), len(ids), "messages")
    for x in told:
        equal(re.fullmatch(rb"[\x21-\x7e]{1,70}", x) is not None, True, f"{x!r} is valid")
    equal(len(set(told)), len(told), f"unique: {told}")
    equal((told[0], told[2], told[9]), (b"fine", b"L" * 70, hashed.encode()), "valid ones stay")
    equal([line.split(b" ", 1)[1].rstrip(b"\r\n") for line in multi(pop3(user), b"UIDL")[1]], told, "in another session")
    state["server"].stop("--keep")
    state["server"].start()
    equal([line.split(b" ", 1)[1].rstrip(b"\r\n") for line in multi(pop3(user), b"UIDL")[1]], told, "after a restart")


NUL = b"Subject: a\0b\r\nX-Other: c\r\n\r\none\0two\r\n\0\0\r\n"


@case
def nul_append():
    """APPEND: a literal with NUL is refused, plain, binary, non-synchronizing, in parts; nothing is stored, the session goes on"""
    c = state["server"].imap("u0008")
    w = Wire(state["server"], "imaps", tls=True)
    w.line()
    w.send(b"a LOGIN u0008 " + state["server"].password.encode() + b"\r\n")
    while not w.line().startswith(b"a OK"):
        pass
    big = b"Subject: x\r\n\r\n" + b"y" * 200000 + b"\0\r\n"
    n = len(NUL)
    tries = [(b"a APPEND INBOX {%d+}\r\n" % n + NUL, b"[CANNOT]"), (b"a APPEND INBOX ~{%d+}\r\n" % n + NUL, b"[UNKNOWN-CTE]"),
             (b"a APPEND INBOX {%d+}\r\n" % n + NUL + b" {5+}\r\nX: y\n", b"[CANNOT]"),
             (b"a APPEND INBOX CATENATE (TEXT {%d+}\r\n" % n + NUL + b" TEXT {3+}\r\nabc)", b"[CANNOT]")]
    for command, code in tries:
        w.send(command + b"\r\n")
        line = w.line()
        equal(line[:5 + len(code)], b"a NO " + code, f"{command[:30]!r}")
    w.send(b"a APPEND INBOX {%d}\r\n" % len(big))
    equal(w.line()[:1], b"+", "continuation")
    w.send(big + b"\r\n")
    equal(w.line()[:13], b"a NO [CANNOT]", "a big one, NUL at its end")
    w.send(b"b NOOP\r\n")
    equal(w.line()[:4], b"b OK", "the session goes on")
    equal(c.status("INBOX", "(MESSAGES)")[1], [b'"INBOX" (MESSAGES 0)'], "nothing is stored")


@case
def nul_fetch():
    """mail with NUL from the MTA or another program: sizes exact, no NUL in a plain literal, BINARY and RETR to the octet"""
    s, user = state["server"], "u0009"
    s.deliver(NUL, user)
    if STORAGE == "maildir":
        put(user, "1700000000.x:2,", NUL.replace(b"\r\n", b"\n"))
    else:
        s.deliver(NUL, user)
    c = s.imap(user)
    c.select()
    hidden = NUL.replace(b"\0", b"\x80")
    for n in (1, 2):
        head, whole = c.fetch(str(n), "(RFC822.SIZE BODY.PEEK[])")[1][0]
        equal(whole.endswith(hidden), True, f"BODY[] of {n}: {whole!r}")
        equal(int(re.search(rb"RFC822.SIZE (\d+)", head).group(1)), len(whole), "size")
        for item, want in (("BODY.PEEK[TEXT]", b"one\x80two\r\n\x80\x80\r\n"), ("BODY.PEEK[TEXT]<2.4>", b"e\x80tw"),
                           ("BODY.PEEK[HEADER.FIELDS (SUBJECT)]", b"Subject: a\x80b\r\n\r\n"), ("RFC822.TEXT", b"one\x80two\r\n\x80\x80\r\n"),
                           ("BODY.PEEK[1]", b"one\x80two\r\n\x80\x80\r\n")):
            equal(c.fetch(str(n), item)[1][0][1], want, item)
        structure = repr(c.fetch(str(n), "(ENVELOPE BODYSTRUCTURE)")[1])
        equal("\\x00" in structure, False, f"NUL in {structure}")
    w = Wire(s, "imaps", tls=True)
    w.line()
    w.send(b"a LOGIN " + user.encode() + b" " + s.password.encode() + b"\r\na EXAMINE INBOX\r\na FETCH 1 BINARY.PEEK[1]\r\na LOGOUT\r\n")
    everything = w.exchange(b"")
    equal(b"BINARY[1] ~{13}\r\none\0two\r\n\0\0\r\n)" in everything, True, f"BINARY: {everything[-200:]!r}")
    p = pop3(user)
    for n in (1, 2):
        first, lines = multi(p, b"RETR %d" % n)
        equal(b"".join(lines).endswith(NUL), True, "RETR")
        equal(int(first.split()[1]), sum(map(len, lines)), "octets")


main()
