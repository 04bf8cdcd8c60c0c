#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A volume of bdb on a full disk that other programs fill: checkpoints, new log files and recovery take from the reserve; when that is
used up, nothing can be changed, mail can still be read, and all is well once there is room."""
import os
import re
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from small_disk import SmallDisk  # noqa: E402
from tap import Server, case, equal, main, wait_for  # noqa: E402

N_MAILS = 150
MB = 1 << 20
SETTINGS = [x for setting, size in (("log_file", 4), ("reserve", 16), ("cache", 4), ("checkpoint_size", 1))
            for x in ("--set", f'bdb.{setting}="{size}M"')]
disk = SmallDisk("96m")
server = Server("--storage", "bdb", "--set", f'server.mail_root="{disk.path}/mail"', "--set", "server.mail_processes=1", *SETTINGS, users=1)
home = os.path.join(disk.path, "mail/bdb/default")


def mail(n, size):
    return b"Subject: %d\r\n\r\n%s\r\n" % (n, b"z" * size)


def after_kill():
    os.kill(next(pid for pid, role in server.roles().items() if role == "mail"), signal.SIGKILL)
    c = server.imap_when_back()
    equal(c.select()[0], "OK", "SELECT")
    return c


def reserve():
    return os.stat(os.path.join(home, "reserve")).st_blocks * 512


def newest_log():
    return max(name for name in os.listdir(home) if name.startswith("log."))


def mail_is_whole(c, n_messages):
    answers = [x for x in c.fetch("1:*", "(BODY.PEEK[])")[1] if isinstance(x, tuple)]
    equal([len(x[1]) for x in answers], [len(mail(n, n * 100)) for n in range(n_messages)], "content of all messages")


def toggle(c, n):
    """Flags of all messages, which the log has to take; the answer's status."""
    return c.store("1:*", ("+" if n % 2 else "-") + "FLAGS.SILENT", r"(\Answered one two three)")[0]


@case
def pages_in_memory():
    """A process that is killed on the full disk is followed by one that has all mail, though tables have to grow for that"""
    c = server.imap()
    for n in range(N_MAILS):
        equal(c.append("INBOX", None, None, mail(n, n * 100))[0], "OK", "APPEND")
    disk.fill()
    equal(c.append("INBOX", None, None, mail(0, 10))[1][0][:13], b"[UNAVAILABLE]", "APPEND")
    equal("is full: new mail is refused for the moment until" in server.log(), True, "a log line says so")
    c = after_kill()
    disk.fill()
    mail_is_whole(c, N_MAILS)
    c.logout()


@case
def checkpoint_and_log():
    """While another program takes each byte that becomes free, checkpoints are made, and flags get into new log files"""
    c = server.imap()
    c.select()
    first, n = newest_log(), 0
    while newest_log() == first:
        equal(toggle(c, n), "OK", "STORE")
        n += 1
        equal(n < 5000, True, "the log goes on in another file")
    equal(reserve() >= 4 * MB, True, f"other programs did not get all of the reserve: {reserve()} bytes are left")
    disk.fill()
    c = after_kill()
    mail_is_whole(c, N_MAILS)
    equal(b"Answered" in c.fetch("7", "(FLAGS)")[1][0], (n - 1) % 2 == 1, "the last flags that were acknowledged")
    equal(c.store("1", "+FLAGS.SILENT", "(\\Deleted)")[0], "OK", "STORE")
    equal(c.expunge()[1], [b"1"], "EXPUNGE after a recovery on the full disk")
    equal(c.append("INBOX", None, None, mail(0, 0))[1][0][:13], b"[UNAVAILABLE]", "APPEND")
    c.logout()


@case
def reserve_is_used_up():
    """At the end of the reserve every change is NO [UNAVAILABLE] before anything breaks; mail is read, also after a kill"""
    c = server.imap()
    c.select()
    n = 0
    while toggle(c, n) == "OK":
        disk.fill()
        n += 1
        equal(n < 20000, True, "the reserve ends")
    equal(toggle(c, n)[:2], "NO", "once more")
    equal("its reserve is used up, so that nothing can be changed, only read" in server.log(), True, "a log line says so")
    equal(c.fetch("5", "(BODY.PEEK[])")[0], "OK", "FETCH")
    flags = c.fetch("7", "(FLAGS)")[1]
    c = after_kill()
    equal(c.fetch("7", "(FLAGS)")[1], flags, "flags after a kill")
    equal(len([x for x in c.fetch("1:*", "(BODY.PEEK[])")[1] if isinstance(x, tuple)]), N_MAILS - 1, "messages that can be read")
    state["imap"] = c


@case
def with_room_again():
    """With room again mail comes in without a restart, the reserve is taken back, and nothing had failed for good"""
    c = state["imap"]
    disk.give_back()
    equal(c.append("INBOX", None, None, mail(0, 10))[0], "OK", "APPEND")
    equal(reserve(), 16 * MB, "the reserve")
    equal(toggle(c, 1), "OK", "STORE")
    equal(re.findall("has failed.*", server.log()), [], "volumes that were opened again")
    server.cli("bdb", "verify", f"u0001@{server.domain}")
    c.logout()


state = {}
main()
