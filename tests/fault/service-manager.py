#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Under a service manager: notifications, watchdog, sockets handed over; and reloads that change listeners."""
import os
import re
import signal
import socket
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import Server, case, equal, free_port, main, scratch, wait_for  # noqa: E402

server = Server("--set", "server.gate_processes=1", "--set", "server.mail_processes=1", users=1)
conf = os.path.join(server.config_dir, "satchel.conf")
program = os.readlink(f"/proc/{server.pid}/exe")


def edit(old, new):
    with open(conf) as f:
        text = f.read()
    changed = re.sub(old, new, text, count=1)
    equal(changed != text, True, f"{old} is in the configuration")
    with open(conf, "w") as f:
        f.write(changed)
    return text


def restore(text):
    with open(conf, "w") as f:
        f.write(text)


def greets(port):
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as s:
            return s.makefile("rb").readline().startswith(b"* OK")
    except OSError:
        return False


@case
def other_listener():
    """a reload with another port starts new gates; a session of the old ones lives on, relayed, to its end"""
    c = server.imap()
    c.select()
    old = {pid for pid, role in server.roles().items() if role == "gate"}
    port = free_port()
    before = edit(rf"port = {server.ports['imap']};", f"port = {port};")
    equal(server.cli("reload").returncode, 0, "reload")
    wait_for(lambda: greets(port), "the new port")
    wait_for(lambda: "draining" in server.cli("status").stdout, "the old gate drains")
    equal(c.noop()[0], "OK", "the session through the old gate")
    equal(greets(server.ports["imap"]), False, "the old port")
    server.imap().logout()
    c.logout()
    wait_for(lambda: not old & set(server.roles()), "the old gate has gone")
    restore(before)
    equal(server.cli("reload").returncode, 0, "reload back")
    wait_for(lambda: greets(server.ports["imap"]), "the old port again")


@case
def needs_restart():
    """what only a restart can change is refused by a reload, and named"""
    mails = {pid for pid, role in server.roles().items() if role == "mail"}
    before = edit(r"mail_root = \"[^\"]*\";", f'mail_root = "{server.dir}/elsewhere";')
    r = server.cli("reload", check=False)
    restore(before)
    equal(r.returncode != 0 and "server.mail_root" in r.stdout + r.stderr and "restart" in r.stdout + r.stderr, True, r.stdout + r.stderr)
    equal({pid for pid, role in server.roles().items() if role == "mail"}, mails, "mail processes")
    equal(os.path.exists(f"{server.dir}/elsewhere"), False, "the new mail root")
    server.imap().logout()


@case
def told_and_given():
    """READY, RELOADING, WATCHDOG, STOPPING are told; sockets are taken by name and by address"""
    server.stop("--keep")
    work = scratch()
    path = os.path.join(work, "notify")
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notify.bind(path)
    notify.settimeout(60)
    by_address = socket.create_server(("127.0.0.1", server.ports["imap"]))
    by_name = socket.create_server(("127.0.0.1", 0))

    def give():
        fds = [os.dup(by_address.fileno()), os.dup(by_name.fileno())]
        high = [os.dup2(fd, 200 + i, inheritable=False) for i, fd in enumerate(fds)]
        for i, fd in enumerate(high):
            os.dup2(fd, 3 + i, inheritable=True)
        os.environ["LISTEN_PID"] = str(os.getpid())
    # exec keeps the pid, so the shell may say whom the sockets are for.
    env = dict(os.environ, NOTIFY_SOCKET=path, WATCHDOG_USEC="400000", LISTEN_FDS="2", LISTEN_FDNAMES="x:pop3")
    defaults = os.path.join(os.path.dirname(os.path.dirname(program)), "share/satchel/conf.d")
    modules = os.path.join(os.path.dirname(os.path.dirname(program)), "lib/satchel/modules")
    master = subprocess.Popen(["/bin/sh", "-c", 'LISTEN_PID=$$ exec "$@"', "sh", program, "--config-dir", server.config_dir,
                               "--defaults-dir", defaults, "--module-dir", modules, "--set", "server.gate_processes=1", "--set", "server.hang_time=3s",
                               "--set", "log.file=" + os.path.join(work, "log")],
                              env=env, preexec_fn=give, close_fds=False, stderr=subprocess.DEVNULL)
    try:
        said = []

        def is_mail_of(pid, parent):
            try:
                with open(f"/proc/{pid}/stat") as f, open(f"/proc/{pid}/cmdline") as g:
                    return int(f.read().rpartition(")")[2].split()[1]) == parent and "--role=mail" in g.read()
            except OSError:
                return False

        def hear(word):
            while True:
                said.append(notify.recv(4096).decode())
                if word in said[-1]:
                    return
        hear("READY=1")
        hear("WATCHDOG=1")
        with socket.create_connection(by_name.getsockname(), 20) as s:
            equal(s.makefile("rb").readline()[:3], b"+OK", "greeting on the socket named after its listener")
        equal(greets(server.ports["imap"]), True, "greeting on the socket with the listener's address")
        # The truth: while one process of several does not answer, nobody says that all is well.
        victim = next(int(p) for p in os.listdir("/proc") if p.isdigit() and is_mail_of(p, master.pid))
        os.kill(victim, signal.SIGSTOP)
        notify_count = 0
        notify.settimeout(0.05)

        def noticed():
            nonlocal notify_count
            try:
                notify_count += "WATCHDOG=1" in notify.recv(4096).decode()
            except TimeoutError:
                pass
            with open(os.path.join(work, "log")) as log:
                return "mail[0] hangs" in log.read()
        wait_for(noticed, "the stopped process is told of", 60)
        notify.settimeout(60)
        equal(notify_count <= 5, True, f"WATCHDOG=1 while a process was stopped, of 15 beats: {notify_count}")
        hear("WATCHDOG=1")
        master.send_signal(1)
        hear("RELOADING=1")
        hear("READY=1")
        master.terminate()
        hear("STOPPING=1")
        equal(master.wait(60), 0, "exit status")
    finally:
        if master.poll() is None:
            master.kill()
            master.wait()


main()
