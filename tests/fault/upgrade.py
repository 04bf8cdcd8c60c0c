#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A new build installed over a running server, then a process killed: service goes on, in the new build."""
import glob
import imaplib
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import Server, case, equal, main, run_all, wait_for  # noqa: E402
from instance import Instance  # noqa: E402 - of tools/lib, whose path tap knows

# Others run the programs of the build at the same time.
server = Server("--own-programs", "--set", "server.mail_processes=2", "--set", "server.gate_processes=2", users=2)


def programs():
    """Where the running program was installed."""
    return os.path.dirname(os.path.dirname(os.readlink(f"/proc/{server.pid}/exe").removesuffix(" (deleted)")))


def install_again():
    """As `make install` does: every file is a new one under the old name."""
    top = programs()
    files = [os.path.join(top, "sbin/satcheld")] + [f for f in glob.glob(os.path.join(top, "lib/libsatchel.so.*")) if not os.path.islink(f)]
    for f in files + glob.glob(os.path.join(top, "lib/satchel/modules/*.so")):
        shutil.copy2(f, f + ".new")
        os.rename(f + ".new", f)


def login(user="u0001"):
    def attempt():
        try:
            return server.imap(user)
        except Exception:  # noqa: B902
            return None
    return wait_for(attempt, f"a login of {user}")


def is_new(pid):
    try:
        return not os.readlink(f"/proc/{pid}/exe").endswith("(deleted)")
    except OSError:
        return False


def is_upgraded(old):
    """Whether master and all processes are of the new build, none is one of `old`, and master says that it runs: all are ready."""
    new = set(server.roles())
    if len(new) != 5 or old & new or not all(map(is_new, (*new, server.pid))):
        return False
    return f"pid {server.pid}: running" in server.cli("status").stdout.partition("\n")[0]


@case
def goes_on():
    """the killed process comes back in the new build with all others, master keeps its pid, no connection is refused"""
    server.deliver(b"Message-ID: <before@upgrade.example>\r\nSubject: before\r\n\r\ntext\r\n")
    refused, stop = [], threading.Event()

    def knock():
        while not stop.is_set():
            try:
                socket.create_connection(("127.0.0.1", server.ports["imap"]), 20).close()
            except ConnectionRefusedError as e:
                refused.append(e)
            except OSError:
                pass
            stop.wait(0.005)
    knocking = threading.Thread(target=knock)
    knocking.start()
    try:
        for role in ("gate", "mail", "auth"):
            old = set(server.roles())
            install_again()
            os.kill(next(pid for pid, name in server.roles().items() if name == role), signal.SIGKILL)
            wait_for(lambda: is_upgraded(old), f"all processes are of the new build, master under its old pid, after {role} was killed")
            c = login()
            equal(c.select()[1], [b"1"], "messages after the upgrade")
            c.logout()
    finally:
        stop.set()
        knocking.join()
    equal(len(refused), 0, "connections refused")
    server.cli("status")


@case
def refused_configuration():
    """a new build that refuses the configuration takes over only when that is right; until then the old one serves"""
    mistake = os.path.join(server.config_dir, "conf.d", "mistake.conf")
    with open(mistake, "w") as f:
        f.write("limits = { connections = 0; };\n")
    others = {pid for pid, role in server.roles().items() if role != "gate"}
    install_again()
    os.kill(next(pid for pid, role in server.roles().items() if role == "gate"), signal.SIGKILL)
    wait_for(lambda: "refuses the configuration" in server.log(), "the log says so")
    equal(others <= set(server.roles()), True, "the other processes are the old ones")
    equal("connections" in server.log().split("refuses the configuration")[0], True, "the mistake is in the log")
    login("u0001").logout()
    os.unlink(mistake)
    wait_for(lambda: is_upgraded(others), "the new build takes over", 60)
    login("u0001").logout()


@case
def without_kill():
    """a new build alone disturbs nobody; a reload starts it in master's place and says so: a session ends with BYE, the next one is of the new build"""
    c = login("u0002")
    c.select()
    old = set(server.roles())
    install_again()
    equal(c.noop()[0], "OK", "a session")
    r = server.cli("reload")
    equal("upgraded" in r.stdout, True, f"what the reload says: {r.stdout}{r.stderr}")
    wait_for(lambda: is_upgraded(old), "all processes are of the new build")
    try:
        c.noop()
        raise AssertionError("the session of the old process goes on")
    except imaplib.IMAP4.abort as e:
        equal("EOF" in str(e), False, f"how the session ended: {e}")
    login("u0002").logout()


@case
def answers_meanwhile():
    """`satchel status` is answered at each moment of an upgrade, and so is an administrator whose connection was there before"""
    command, environment = Instance(server.dir).command(["status"])
    idle = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    idle.settimeout(60)
    idle.connect(os.path.join(os.path.dirname(server.lmtp_socket), "control"))
    answers, is_over = [], threading.Event()

    def poll():
        while not is_over.is_set():
            r = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
            answers.append((r.returncode, r.stdout.splitlines()[:1], r.stderr))

    def upgrade():
        try:
            for _ in range(3):
                old = set(server.roles())
                install_again()
                known = len(answers)
                wait_for(lambda: len(answers) > known, "polling goes on")
                server.cli("reload")
                wait_for(lambda: is_upgraded(old), "all processes are of the new build", 60)
                login().logout()
        finally:
            is_over.set()
    run_all(poll, poll, upgrade)
    bad = [answer for answer in answers if answer[0] != 0 or answer[2] or not answer[1] or not re.match(rf"satcheld \S+, pid {server.pid}: ", answer[1][0])]
    equal(bad, [], f"answers of {len(answers)} that are none")
    print(f"# {len(answers)} answers: {sorted({answer[1][0].split(': ')[1].split()[0] for answer in answers})}", flush=True)
    idle.sendall(struct.pack("=4I", 0x53617443, 1, 1, 0) + b"status\0")
    equal(b"state=running" in idle.recv(16384), True, "the answer on a connection of before")
    idle.close()


@case
def reload_refused():
    """a reload with a new build that refuses the configuration fails, and the old one goes on with its sessions"""
    c = login("u0002")
    mistake = os.path.join(server.config_dir, "conf.d", "mistake.conf")
    with open(mistake, "w") as f:
        f.write("limits = { connections = 0; };\n")
    old = set(server.roles())
    install_again()
    equal(server.cli("reload", check=False).returncode, 78, "status of the reload")
    equal(set(server.roles()), old, "processes")
    equal(c.noop()[0], "OK", "the session")
    os.unlink(mistake)
    c.logout()


main()
