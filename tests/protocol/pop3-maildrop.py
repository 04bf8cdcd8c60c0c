#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""POP3 maildrops: locks, vanished clients, delays, failures, big ones."""
import base64
import ctypes
import os
import re
import signal
import socket
import struct
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import LONG, STORAGE, Server, case, equal, main, of_clear_mail, of_maildir, wait_for  # noqa: E402
from wire import Wire  # noqa: E402

DELAYED = 'pop3.users=( { user = "u0003@example.org"; login_delay = "1h"; expire = "20d"; } )'
SETTINGS = ("--set", 'pop3.keepalive="5s"', "--set", DELAYED, "--set", "server.gate_processes=2", "--set", "server.mail_processes=2")
server = Server(*SETTINGS, users=9)
MAIL = b"Subject: %d\r\n\r\ntext\r\n"
MANY = 200000 if LONG else 50000
KEPT = MANY // 3


def attempt(user, tls=False, at=None):
    """A session, or the refusal."""
    w = Wire(at or server, "pop3s" if tls else "pop3", tls=tls)
    w.line()
    w.send(b"USER %s\r\nPASS pw\r\n" % user.encode())
    answer = w.lines(2)[1]
    return (w, answer)


def login(user, tls=False, at=None):
    w, answer = attempt(user, tls, at)
    equal(answer[:3], b"+OK", f"login of {user}: {answer!r}")
    return w


def login_when_free(user, tls=False):
    def free():
        w, answer = attempt(user, tls)
        equal(answer[:3] == b"+OK" or b"[IN-USE]" in answer, True, f"answer {answer!r}")
        return w if answer[:3] == b"+OK" else None
    return wait_for(free, "the maildrop is free")


def count(w):
    return int(w.ask(b"STAT", b"+OK").split()[1])


def uidl(w):
    w.ask(b"UIDL", b"+OK")
    return [x.split()[1] for x in w.multi()]


def vanish(w):
    """From now on its kernel drops whatever comes, as if the machine were gone."""
    program = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))  # return 0
    w.s.setsockopt(socket.SOL_SOCKET, 26, struct.pack("HP", 1, ctypes.addressof(program)))


@case
def vanished_clients():
    """a client that vanished loses the lock by keepalive, in clear text and under TLS, and nothing is removed"""
    held = []
    for user, tls in (("u0001", False), ("u0002", True)):
        server.deliver(MAIL % 1, user)
        w = login(user, tls)
        w.ask(b"DELE 1", b"+OK")
        vanish(w)
        held.append(w)
        equal(b"[IN-USE]" in attempt(user)[1], True, "the maildrop is in use")
    for user, tls in (("u0001", False), ("u0002", True)):
        equal(count(login_when_free(user)), 1, "messages")


@case
def comes_back_at_once():
    """a client that went without QUIT and is back before the server looked finds its maildrop free"""
    server.deliver(MAIL % 1, "u0009")
    mails = [pid for pid, role in server.roles().items() if role == "mail"]
    logins = server.log().count('login ok: user="u0009')
    for turn in range(10):
        w = login("u0009", tls=turn % 2 == 1)
        wait_for(lambda: server.log().count('login ok: user="u0009') == logins + 2 * turn + 1, "the first login is in the log")
        for pid in mails:
            os.kill(pid, signal.SIGSTOP)
        try:
            w.close()
            again = Wire(server, "pop3")
            again.send(b"USER u0009\r\nPASS pw\r\n")
            again.lines(2)
            wait_for(lambda: server.log().count('login ok: user="u0009') == logins + 2 * turn + 2, "the next session is handed over")
        finally:
            for pid in mails:
                os.kill(pid, signal.SIGCONT)
        equal(again.line()[:3], b"+OK", f"the login behind an end, turn {turn}")
        again.ask(b"QUIT", b"+OK")


@case
def login_delay():
    """LOGIN-DELAY holds whichever gate a login comes by, and for the user that has one"""
    w = login("u0003")
    w.ask(b"CAPA", b"+OK")
    capabilities = [x.strip() for x in w.multi()]
    equal((b"LOGIN-DELAY 3600" in capabilities, b"EXPIRE 20" in capabilities), (True, True), f"{capabilities}")
    w.ask(b"QUIT", b"+OK")
    for n in range(8):
        equal(attempt("u0003", tls=n % 2 == 1)[1][:19], b"-ERR [LOGIN-DELAY] ", "second login")
    for _ in range(2):
        login("u0004").ask(b"QUIT", b"+OK")
    server.imap("u0003").logout()


@case
def utf8_credentials():
    """names and passwords in UTF-8, by PASS and AUTH, with UTF8 and without; a decomposed name is the same (RFC 6856 2.2)"""
    name, password = "j\u00f6ran", "p\u00e4ssw\u00f6rd"
    server.cli("user", "add", "--stdin", name, input=password + "\n")
    plain = base64.b64encode(f"\0{name}\0{password}".encode())
    for lines in ((f"USER {name}", f"PASS {password}"), ("UTF8", f"USER jo\u0308ran", f"PASS {password}"), ("AUTH PLAIN " + plain.decode(),)):
        w = Wire(server, "pop3")
        w.line()
        for line in lines:
            w.ask(line.encode(), b"+OK")
        w.ask(b"QUIT", b"+OK")
    w = Wire(server, "pop3")
    w.line()
    w.ask(b"AUTH PLAIN " + base64.b64encode(b"\0u0001\0p\xffw"), b"-ERR [AUTH] ")


@case
def cut_quit_under_tls():
    """cut at each byte of QUIT under TLS: all or none"""
    for n in range(2):
        server.deliver(MAIL % n, "u0004")
    for at in range(len(b"QUIT\r")):
        w = login_when_free("u0004", tls=True)
        w.ask(b"DELE 1", b"+OK")
        w.ask(b"DELE 2", b"+OK")
        w.send(b"QUIT\r\n"[:at])
        os.close(w.s.detach())
        equal(count(login_when_free("u0004")), 2, f"messages when cut at {at}")
    w = login_when_free("u0004", tls=True)
    w.ask(b"DELE 1", b"+OK")
    w.ask(b"DELE 2", b"+OK")
    w.send(b"QUIT\r\n")
    os.close(w.s.detach())  # the answer is not waited for
    equal(count(login_when_free("u0004")), 0, "messages after a whole QUIT")


@case
def lock_wait():
    """a second login waits for the first session to end"""
    waiting = Server("--set", 'pop3.lock_wait="60s"', users=1)
    first = login("u0001", at=waiting)
    second = Wire(waiting, "pop3")
    second.line()
    second.send(b"USER u0001\r\nPASS pw\r\n")
    equal(second.line()[:3], b"+OK", "USER")
    first.ask(b"NOOP", b"+OK")
    first.ask(b"QUIT", b"+OK")
    equal(second.line()[:3], b"+OK", "the second login")
    waiting.stop()


@of_maildir("directories that may not be written")
def failed_update():
    """what cannot be removed: -ERR, nothing half done, the lock is released"""
    for n in range(3):
        server.deliver(MAIL % n, "u0005")
    w = login("u0005")
    before = uidl(w)
    w.ask(b"DELE 1", b"+OK")
    w.ask(b"DELE 3", b"+OK")
    folders = [os.path.join(server.mail_root, server.domain, "u0005", name) for name in ("new", "cur")]
    for folder in folders:
        os.chmod(folder, 0o500)
    equal(w.ask(b"QUIT", b"-ERR")[:16], b"-ERR [SYS/TEMP] ", "QUIT")
    equal(w.rest(), b"", "then the connection ends")
    for folder in folders:
        os.chmod(folder, 0o700)
    equal(uidl(login("u0005")), before, "messages")


@of_clear_mail("the maildrop is there since the login that sealed it")
@of_maildir("a directory that may not be read")
def unreadable_maildrop():
    """a maildrop that only the administrator can mend is [SYS/PERM]"""
    place = os.path.join(server.mail_root, server.domain, "u0008")
    os.makedirs(place)
    os.chmod(place, 0o000)
    os.chown(place, os.stat(server.mail_root).st_uid, -1)
    equal(attempt("u0008")[1][:16], b"-ERR [SYS/PERM] ", "login")
    os.chmod(place, 0o700)
    login("u0008").ask(b"QUIT", b"+OK")


@case
def unique_ids():
    """UIDL: 1 to 70 printable characters, never used again, the same after restarts and without the index"""
    global server
    for n in range(4):
        server.deliver(MAIL % 0, "u0006")
    w = login("u0006")
    first = uidl(w)
    equal([bool(re.fullmatch(rb"[!-~]{1,70}", x)) for x in first] + [len(set(first))], [True] * 4 + [4], f"{first}")
    w.ask(b"DELE 4", b"+OK")
    w.ask(b"QUIT", b"+OK")
    for lost in ((), ("satchel-index",), ("satchel-index", "satchel-cache", "satchel-state"))[:3 if STORAGE == "maildir" else 1]:
        server.stop("--keep")
        for name in lost:
            os.unlink(os.path.join(server.mail_root, server.domain, "u0006", name))
        server = Server(*SETTINGS, users=8, directory=server.dir)
        equal(uidl(login("u0006")), first[:3], f"after a restart without {lost}")
    server.deliver(MAIL % 0, "u0006")
    later = uidl(login_when_free("u0006"))
    equal((later[:3], later[3] in first), (first[:3], False), "a new message")


def make_many(user):
    """A Maildir of MANY messages that no index knows: links to a few files, since they are made quickly."""
    place = os.path.join(server.mail_root, server.domain, user)
    owner = os.stat(server.mail_root)
    for folder in ("", "tmp", "new", "cur"):
        os.makedirs(os.path.join(place, folder), exist_ok=True)
        os.chown(os.path.join(place, folder), owner.st_uid, owner.st_gid)
    content = b"Subject: many\n\n" + b"line\n" * 100
    wire_size = len(content) + content.count(b"\n")
    directory = os.open(os.path.join(place, "cur"), os.O_RDONLY)
    for n in range(MANY):
        name = f"{1600000000 + n}.M{n}P1.test,S={len(content)},W={wire_size}:2,"
        if n % 50000 == 0:
            source = name
            fd = os.open(name, os.O_CREAT | os.O_WRONLY, 0o600, dir_fd=directory)
            os.write(fd, content)
            os.fchown(fd, owner.st_uid, owner.st_gid)
            os.close(fd)
        else:
            os.link(source, name, src_dir_fd=directory, dst_dir_fd=directory)
    os.close(directory)
    return wire_size


def peak_mib():
    """Of the mail process that used most."""
    peaks = []
    for pid, role in server.roles().items():
        if role != "mail":
            continue
        with open(f"/proc/{pid}/maps") as f:
            if re.search("lib[at]san", f.read()):
                return 0  # the sanitizer's own memory is not looked at
        with open(f"/proc/{pid}/status") as f:
            peaks.append(int(re.search(r"VmHWM:\s+(\d+) kB", f.read()).group(1)) >> 10)
    return max(peaks)


@of_maildir("links to a file, without which so many would take minutes")
def many_messages():
    """very many messages, first sight and later: right answers under 64 MiB, cut in the middle of UIDL"""
    size = make_many("u0007")
    for _ in range(2):
        w = login("u0007")
        equal(w.ask(b"STAT", b"+OK").split()[1:3], [b"%d" % MANY, b"%d" % (MANY * size)], "STAT")
        equal(len(set(uidl(w))), MANY, "unique ids")
        w.ask(b"LIST", b"+OK")
        equal({x.split()[1] for x in w.multi()}, {b"%d" % size}, "sizes of LIST")
        w.ask(b"RETR %d" % (MANY // 2), b"+OK")
        equal(sum(map(len, w.multi())), size, "size of RETR")
        w.ask(b"DELE %d" % (MANY // 2), b"+OK")
        w.send(b"UIDL\r\n")
        w.lines(1000)
        w.close()
        equal(count(login_when_free("u0007")), MANY, "messages after the cut")
        equal(peak_mib() < 64, True, f"memory: {peak_mib()} MiB")
        server.stop("--keep")
        globals()["server"] = Server(*SETTINGS, users=8, directory=server.dir)


@of_maildir("the same messages")
def many_deletions():
    """all of very many messages but one are deleted in one session"""
    w = login("u0007")
    kept = w.ask(b"UIDL %d" % KEPT, b"+OK").split()[2]
    numbers = [n for n in range(1, MANY + 1) if n != KEPT]
    sender = threading.Thread(target=lambda: w.send(b"".join(b"DELE %d\r\n" % n for n in numbers)))
    sender.start()
    equal({w.line()[:3] for _ in numbers}, {b"+OK"}, "answers to DELE")
    sender.join()
    w.s.settimeout(600)
    w.ask(b"QUIT", b"+OK")
    equal(uidl(login("u0007")), [kept], "what is left")
    equal(peak_mib() < 64, True, f"memory: {peak_mib()} MiB")


main()
