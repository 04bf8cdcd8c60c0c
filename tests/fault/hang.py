#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Processes that hang, jobs that are stuck, filters and layers that crash: noticed, named, ended where nothing else helps,
and the message, not everybody, is what is set aside."""
import json
import os
import re
import shutil
import signal
import smtplib
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from modules import Modules  # noqa: E402
from tap import Server, case, equal, free_port, main, wait_for  # noqa: E402

HANG_S = 2
modules = Modules()
for name, verdict in (("trouble", "SATCHEL_FILTER_CONTINUE"), ("defers", "SATCHEL_FILTER_TEMPORARY")):
    modules.add("install/trouble.c", name, f'-DNAME="{name}"', f"-DON_ERROR={verdict}", f'-DFIELD="X-{name.title()}: "')
modules.add("install/trouble.c", "once", '-DNAME="once"', "-DON_ERROR=SATCHEL_FILTER_CONTINUE", '-DFIELD="X-Once: "', "-DSTAGE=message")
modules.add("install/hello.c", "hello")
modules.add("install/hello-gate.c", "hello-gate", "-DHELLO_LOOPS")
modules.add("layers/crash.c", "crash")
modules.add("layers/crash.c", "passes", '-DNAME="passes"', '-DMARK="X-Passes: now"', "-DPASSES_BY")
server = Server(*modules.options("trouble", "defers", "once", "crash", "passes"), "--set", "server.mail_processes=1", "--set", "server.gate_processes=1",
                "--set", f"server.hang_time={HANG_S}s", "--set", "server.stuck_time=3s",
                "--set", "auth.failure_delay=0s", users=12)


def lines(pattern):
    return [line for line in server.log().splitlines() if re.search(pattern, line)]


def role(name):
    return next((pid for pid, found in server.roles().items() if found == name), None)


def login(user="u0009"):
    return server.imap_when_back(user)


def deliver(field, user):
    """The server's answer: a code, or None where the connection is lost."""
    try:
        with smtplib.LMTP("127.0.0.1", server.lmtp, timeout=60) as c:
            c.sendmail("a@example.net", [f"{user}@{server.domain}"], f"{field}\r\nSubject: s\r\n\r\ntext\r\n".encode())
        return 250
    except smtplib.SMTPRecipientsRefused as e:
        return next(iter(e.recipients.values()))[0]
    except smtplib.SMTPDataError as e:
        return e.smtp_code
    except (OSError, smtplib.SMTPException):
        return None


def ready():
    out = server.cli("status", check=False).stdout
    return out and not re.search("starting|down|hung", out)


@case
def stopped():
    """a process that is stopped is told of with its name and is started again, and logins work"""
    for name in ("gate", "auth", "mail"):
        login().logout()
        pid = role(name)
        os.kill(pid, signal.SIGSTOP)
        wait_for(lambda: lines(rf"{name}\[0\] hangs: pid={pid} "), f"{name} is told of", 60)
        equal(" state=T " in lines(rf"{name}\[0\] hangs: pid={pid} ")[0], True, "its state")
        wait_for(lambda: role(name) not in (None, pid), f"{name} is back", 60)
        login().logout()


@case
def suspended():
    """a machine that stands still altogether, or a server whose master does, is no hang"""
    login().logout()
    everyone = [server.pid, *server.roles()]
    before = server.roles()
    for who in (everyone, everyone[:1]):
        for pid in who:
            os.kill(pid, signal.SIGSTOP)
        begin = time.monotonic()
        wait_for(lambda: time.monotonic() > begin + 2 * HANG_S, "longer than server.hang_time has passed", 60)
        for pid in who:
            os.kill(pid, signal.SIGCONT)
        wait_for(ready, "all answer")
    equal(server.roles(), before, "the processes")


@case
def filter_loops():
    """a filter that loops is named with message and user; others go on; then its process is ended with a goodbye, and after the
    second time the filter is passed by for that message"""
    for turn, (what, user) in enumerate((("loop", "u0001"), ("loop", "u0001"), ("sleep", "u0011"), ("sleep", "u0011"))):
        other = login("u0008")
        other.select()
        pid = role("mail")
        told = len(lines("has a stuck job"))
        sender = threading.Thread(target=deliver, args=(f"X-Trouble: {what}", user))
        sender.start()
        line = wait_for(lambda: lines("has a stuck job")[told:], "the job is told of", 60)[0]
        for part in ("operation=delivery", f"user={user}@example.org", "message=", "module=trouble", "call=filter", f"pid={pid} "):
            equal(part in line.replace('"', ""), True, f"{part} in {line}")
        shown = server.cli("status").stdout
        if "stuck" in shown:  # its process may have been ended meanwhile
            equal("module=trouble" in shown, True, shown)
            rows = json.loads(server.cli("status", "--json").stdout)["lines"]
            equal([r.get("module") for r in rows if "stuck" in r.get("text", "")] in (["trouble"], []), True, f"status --json: {rows}")
        # Another session of the process goes on, to the goodbye.
        other.send(b"x1 NOOP\r\n")
        wait_for(lambda: len(lines(rf"mail.0. starts again: a job")) > turn, f"its process is given up\n{server.log()[-3000:]}", 60)
        said = [line for line in iter(other.readline, b"")]
        equal(said[0][:5] in (b"x1 OK", b"* BYE"), True, f"another session, meanwhile: {said}")
        equal(said[-1][:5], b"* BYE", f"the goodbye: {said}")
        wait_for(lambda: role("mail") not in (None, pid), "the process is back", 60)
        sender.join(60)
        if turn % 2:
            login("u0008").logout()  # it serves again; until then an MTA hears 421
            equal(deliver(f"X-Trouble: {what}", user), 250, "the third try")
            equal("filter passed by" in server.log(), True, "it is said")
    for user in ("u0001", "u0011"):
        c = login(user)
        equal(c.select()[1], [b"1"], "messages")
        c.logout()


@case
def filter_crashes():
    """a filter that crashes, or runs out of stack, is named, and passed by after two times as it says"""
    for field, module, user, third in (("X-Trouble: crash", "trouble", "u0002", 250), ("X-Trouble: deep", "trouble", "u0003", 250),
                                       ("X-Defers: crash", "defers", "u0004", 451), ("X-Defers: deep", "defers", "u0005", 451)):
        for _ in range(2):
            login("u0009").logout()
            told = len(lines("was busy with"))
            equal(deliver(field, user), None, f"{field}: the connection is lost")
            line = wait_for(lambda: lines("was busy with")[told:], "it is told of", 60)[0].replace('"', "")
            for part in (f"user={user}@example.org", f"module={module}", "call=filter", "message=scan "):
                equal(part in line, True, f"{part} in {line}")
        login("u0009").logout()
        equal(deliver(field, user), third, f"{field}: the third try")
        equal(deliver("X-None: x", user), 250, "other mail of the user")


@case
def message_filter_crashes():
    """the same of a filter that is asked once a message: no user is blamed"""
    for _ in range(2):
        login("u0009").logout()
        told = len(lines("was busy with"))
        equal(deliver("X-Once: crash", "u0008"), None, "the connection is lost")
        line = wait_for(lambda: lines("was busy with")[told:], "it is told of", 60)[0].replace('"', "")
        equal(("module=once" in line, "call=filter" in line), (True, True), line)
        equal("user=u0008" in line, False, line)
    login("u0009").logout()
    equal(deliver("X-Once: crash", "u0008"), 250, "the third try")
    equal(len(lines("filter passed by: .*module once")), 1, "it is said")


@case
def filter_fails():
    """the module is named in an error of its own"""
    equal(deliver("X-Defers: fail", "u0006"), 451, "the answer")
    equal(len(lines(r"filter failed:.*module defers: told to fail")), 1, "it is named")


def text_of(user, number):
    """What BODY[TEXT] says: the text, b"" where it is refused, None where the connection was lost."""
    try:
        c = server.imap(user)
        c.select()
        answer = c.fetch(number, "(UID BODY.PEEK[TEXT])")
        c.logout()
        return next((x[1].strip() for x in answer[1] if isinstance(x, tuple)), b"")
    except Exception:  # noqa: B902
        return None


@case
def layer_crashes():
    """a layer that crashes on a message twice: the message is not read, or read without the layer where that says so"""
    for field, user in ((b"X-Crash: now", "u0006"), (b"X-Passes: now", "u0007")):
        login(user).logout()
        new = min((path for path, _, _ in os.walk(server.mail_root) if path.endswith("/new") and user in path), key=len)
        for name, head in (("1.a.b", b"Subject: fine"), ("2.a.b", field)):
            path = os.path.join(new, name)
            with open(path, "wb") as f:
                f.write(head + b"\n\ntext\n")
            shutil.chown(path, os.stat(new).st_uid, os.stat(new).st_gid)
        module, text = ("crash", b"") if field.startswith(b"X-Crash") else ("passes", b"text")
        wait_for(lambda: text_of(user, "2") is not None, "FETCH is answered", 90)
        equal(len(lines(f"was busy with.*user=\"?{user}.*module=\"?{module}")), 2, f"module and user are named: {lines('was busy with')[-3:]}")
        equal(text_of(user, "1"), b"text", "the other message")
        equal(text_of(user, "2"), text, f"the message, {module}")


@case
def same_user_again():
    """a user at whose work the process dies again and again is refused for a while; others log in"""
    for n in range(3):
        login("u0009").logout()
        equal(deliver("X-Trouble: crash\r\nX-N: " + "x" * n, "u0010"), None, "another message each time")
    login("u0009").logout()
    equal(deliver("X-None: x", "u0010"), 451, "mail of the user")
    equal(deliver("X-None: x", "u0008"), 250, "mail of others")
    equal(len(lines("crashed again at the same work")) > 0, True, "it is said")


@case
def gate_half_loops():
    """the gate half of a module that loops is named, with the address of who made it loop, and the gate is back"""
    global server
    server.stop()
    port = free_port()
    server = Server(*modules.options("hello"), "--set", "server.mail_processes=1", "--set", "server.gate_processes=1", "--set", f"server.hang_time={HANG_S}s",
                    "--set", f'listen.listeners=( {{ name = "h"; protocol = "hello"; address = "127.0.0.1"; port = {port}; }} )', users=1)

    def say(line):
        try:
            with socket.create_connection(("127.0.0.1", port), 30) as s:
                f = s.makefile("rwb")
                f.readline()
                f.write(line)
                f.flush()
                return f.readline()
        except OSError:
            return b""
    pid = role("gate")
    equal(say(b"LOOP\n"), b"", "the connection ends with the gate")
    line = wait_for(lambda: lines(rf"gate\[0\] hangs: pid={pid} "), "it is told of", 60)[0].replace('"', "")
    for part in ("module=hello-gate", "call=input", "message=127.0.0.1 ", "state=R"):
        equal(part in line, True, f"{part} in {line}")
    wait_for(lambda: say(b"HELLO u0001 pw\n").startswith(b"welcome"), "a login", 60)


main()
