#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The process of a module (role helper): asked, killed, hung, slow, talking rubbish, taken over; everybody else goes on meanwhile."""
import json
import os
import re
import signal
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from modules import Modules  # noqa: E402
from noops import Noops  # noqa: E402
from tap import TOP, Server, case, equal, free_port, main, scratch, wait_for  # noqa: E402

HANG_S, OVERDUE_MS = 2, 500
TIMEOUT, UNAVAILABLE, NOPERM = "14", "8", "5"  # SatchelErrorCode
PORT, DIRECT = free_port(), free_port()
modules = Modules()
modules.add("helpers/probe.c", "probe", f"-I{TOP}", f"-DPORT={PORT}")
modules.add("helpers/probe.c", "direct", f"-I{TOP}", '-DNAME="direct"', f"-DPORT={DIRECT}", "-DRIGHTS=SATCHEL_RIGHT_CONNECT")


class Host:
    """A program that somebody runs beside the server: greets who connects."""

    def __init__(self, text, path=None):
        self.text = text
        self.socket = socket.socket(socket.AF_UNIX if path else socket.AF_INET)
        self.socket.bind(path or ("127.0.0.1", 0))
        if path:
            os.chmod(path, 0o777)
        self.socket.listen()
        self.port = None if path else self.socket.getsockname()[1]
        self.n = 0
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            client = self.socket.accept()[0]
            self.n += 1
            client.sendall(self.text)
            client.close()


place = scratch()
os.chmod(place, 0o755)
tcp, elsewhere, unix = Host(b"by tcp"), Host(b"elsewhere"), Host(b"by unix", os.path.join(place, "socket"))
hidden = Host(b"hidden", os.path.join(place, "hidden"))
server = Server(*modules.options("probe", "direct"), "--set", "server.mail_processes=1", "--set", "server.gate_processes=1",
                "--set", f"server.hang_time={HANG_S}s", "--set", f"helpers.overdue={OVERDUE_MS}ms",
                "--set", "helpers.files=100", "--set", "helpers.memory=512M", "--set", "helpers.queue=16",
                "--set", f'probe.door="localhost:{tcp.port}"', "--set", f'probe.back_door="unix:{place}/socket"',
                "--set", f'direct.door="127.0.0.1:{tcp.port}"',
                "--set", "listen.defaults=true", users=2)


class Probe:
    """A connection to the service that asks the helper."""

    def __init__(self, port=PORT):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.file = self.socket.makefile("r", encoding="utf-8", newline="\n")
        self.n = 0

    def send(self, command, how="ask", timeout_ms=20000):
        self.n += 1
        self.socket.sendall(f"{self.n} {how} {timeout_ms} {command}\n".encode())
        return str(self.n)

    def answer(self):
        """tag, "ok" or "error", the rest."""
        line = self.file.readline()
        equal(line[-1:], "\n", f"the end of an answer\n{server.log()[-3000:]}")
        return tuple(line.rstrip("\n").split(" ", 2))

    def ask(self, command, how="ask", timeout_ms=20000):
        tag = self.send(command, how, timeout_ms)
        got = self.answer()
        equal(got[0], tag, "tag")
        return got[1], got[2]

    def close(self):
        self.file.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.close()


def lines(pattern):
    return [line for line in server.log().splitlines() if re.search(pattern, line)]


def process(module="probe"):
    """Its row of `satchel status --json`."""
    answer = json.loads(server.cli("status", "--json", check=False).stdout or "{}")
    return next((row for row in answer.get("lines", []) if row.get("text") == "process" and row.get("module") == module), {})


def pid_of(module="probe"):
    def look():
        row = process(module)
        return row.get("state") == "ready" and int(row["pid"])
    return wait_for(look, f"the helper of {module} is ready", 60)


def put(text):
    """Settings over those of the start."""
    with open(os.path.join(server.config_dir, "conf.d", "90-probe.conf"), "w") as f:
        f.write(text + "\n")


def works(port=PORT):
    """Asks until it answers: it may be starting."""
    with Probe(port) as probe:
        wait_for(lambda: probe.ask("echo hello") == ("ok", "hello"), f"the helper answers\n{server.log()[-3000:]}", 60)


@case
def answers():
    """calls from the main loop, from jobs and with mail are answered; two modules have a process each, with an account of its own"""
    with Probe() as probe:
        equal(probe.ask("echo hello"), ("ok", "hello"), "from the main loop")
        equal(probe.ask("echo hello", "job"), ("ok", "hello"), "from a job")
        equal(probe.ask("5000000", "mail"), ("ok", "5000000 5000000"), "content")
        equal(int(probe.ask("pid")[1]), pid_of(), "who answers")
    with Probe(DIRECT) as other:
        equal(int(other.ask("pid")[1]), pid_of("direct"), "who answers there")
    owners = {os.stat(f"/proc/{pid}").st_uid for pid, role in server.roles().items()}
    equal(len(owners), 4 if os.getuid() == 0 else 1, "accounts")
    shown = server.cli("status").stdout
    equal(re.search(r"MODULE\n", shown) is not None and re.search(r"^helper .* direct$", shown, re.M) is not None, True, shown)


@case
def killed():
    """a helper that is killed, or crashes, fails its calls at once and is back; sessions of IMAP do not notice, and nobody's mail is blamed"""
    with Noops(server) as noops, Probe() as probe:
        for how in ("kill", "crash"):
            pid = pid_of()
            waiting = probe.send("slow 60000")
            noops.wait_more()
            if how == "kill":
                os.kill(pid, signal.SIGKILL)
                equal(probe.answer(), (waiting, "error", UNAVAILABLE + " the helper went down"), "the call that ran")
            else:
                crash = probe.send("crash")
                ended = {probe.answer()[:2], probe.answer()[:2]}
                equal(ended, {(waiting, "error"), (crash, "error")}, "both calls")
            noops.wait_more()
            works()
            equal(pid_of() != pid, True, "another process")
        equal(len(lines("helper probe died")), 2, "lines of the log")
        equal(lines("crashed again"), [], "suspects")


@case
def gives_up():
    """a process that cannot go on says why, is started again, and nothing is suspected"""
    told = len(lines("was busy with"))
    with Probe() as probe:
        equal(probe.ask("give-up"), ("error", UNAVAILABLE + " the helper went down"), "the call")
        works()
    equal(len(lines('helper probe cannot go on: pid=.* why="the library wants a new start"')), 1, "the line of master")
    equal(len(lines("was busy with")), told, "nobody is blamed")
    equal("the library wants a new start" in server.cli("status").stdout, True, "status")


@case
def slow():
    """one call that is slow holds up no other; one past its time ends for its asker, and the helper goes on"""
    pid = pid_of()
    with Noops(server) as noops, Probe() as probe, Probe() as other:
        late = probe.send("slow 300", timeout_ms=100)
        equal(other.ask("echo fast"), ("ok", "fast"), "another call")
        got = probe.answer()
        equal((got[0], got[1], got[2][:2]), (late, "error", TIMEOUT), "the late one")
        noops.wait_more()
        works()
    equal(pid_of(), pid, "the same process")
    wait_for(lambda: "helper: slot=1 running=0 waiting=0" in server.cli("status").stdout, "the slow one has ended, too")


@case
def queue_full():
    """more calls than helpers.queue fail at once, and those before them are answered"""
    with Probe() as probe:
        tags = [str(n) for n in range(20)]
        probe.socket.sendall("".join(f"{tag} ask 20000 slow 200\n" for tag in tags).encode())  # which one turn of the loop reads
        got = [probe.answer() for _ in tags]
        equal(sorted(g[0] for g in got), sorted(tags), "each once")
        equal([g[1] for g in got].count("ok"), 16, "answered")
        equal({g[2][:1] for g in got if g[1] == "error"}, {UNAVAILABLE}, "the others")


@case
def hung_calls():
    """calls that hang end for their askers, and the helper, which nobody can use any more, is started again"""
    pid = pid_of()
    with Noops(server) as noops, Probe() as probe:
        tags = [probe.send("hang", timeout_ms=200) for _ in range(4)]
        waits = probe.send("echo x")
        got = [probe.answer() for _ in range(5)]
        equal([g[2][:2] for g in got if g[0] in tags], [TIMEOUT] * 4, "those that hang")
        equal([g[1] for g in got if g[0] == waits], ["error"], "the one behind them")
        noops.wait_more()
        works()
    equal(pid_of() != pid, True, "another process")
    equal(len(lines("helper probe cannot go on: .*overdue")), 1, "the line of master")


@case
def hung_process():
    """a helper whose main loop hangs, or that is stopped, is ended after server.hang_time"""
    with Noops(server) as noops, Probe() as probe:
        for how in ("main", "stop"):
            pid = pid_of()
            if how == "main":
                probe.ask("hang-main")
            else:
                os.kill(pid, signal.SIGSTOP)
            noops.wait_more()
            got = probe.ask("echo x", timeout_ms=500)
            equal(got[0], "error", "a call meanwhile")
            wait_for(lambda: lines(rf"helper probe hangs: pid={pid} "), f"it is told of {pid} ({how})\n{server.log()[-3000:]}", 60)
            works()
            noops.wait_more()
            equal(pid_of() != pid, True, "another process")


@case
def rubbish():
    """a helper that sends malformed messages is found out and started again; those that heard it go on"""
    with Noops(server) as noops, Probe() as probe:
        for kind in ("bytes", "answer"):
            pid = pid_of()
            told = len(lines("helper probe sent malformed messages to (mail|auth)"))  # who heard it first
            got = probe.ask(f"rubbish {kind}")
            equal(got, ("error", UNAVAILABLE + " the helper went down"), "the call")
            noops.wait_more()
            wait_for(lambda: pid_of() != pid, "another process", 60)
            wait_for(lambda: len(lines("helper probe sent malformed messages to (mail|auth)")) > told, "the log")
            works()
            noops.wait_more()


@case
def limits():
    """a helper has limits of its own for files and memory"""
    with Probe() as probe:
        files, memory = int(probe.ask("files")[1]), int(probe.ask("memory")[1])
    equal(100 <= files <= 600, True, f"files: {files}")
    equal(memory < 512, True, f"memory: {memory} MiB")


@case
def endpoints():
    """a helper reaches what its settings name, by name and by unix socket, and nothing else"""
    with Probe() as probe, Probe(DIRECT) as direct:
        equal(probe.ask("greeting door"), ("ok", "by tcp"), "by TCP")
        equal(probe.ask("greeting back_door"), ("ok", "by unix"), "by unix socket")
        equal(probe.ask("resolve door")[1].rpartition(":")[::2] in (("127.0.0.1", str(tcp.port)), ("[::1]", str(tcp.port))), True, "resolved")
        equal(direct.ask("greeting back_door")[1][:5], "no: 1", "a setting that is not set")
        # One that may connect by itself: to the port, nowhere else.
        equal(direct.ask(f"escape tcp {tcp.port}"), ("ok", "out"), "the port that is granted")
        equal(direct.ask(f"escape tcp {elsewhere.port}"), ("ok", "held"), "another port")
        equal(direct.ask(f"escape unix {place}/hidden"), ("ok", "held"), "a unix socket")
        equal(direct.ask(f"escape udp {tcp.port}"), ("ok", "held"), "UDP")
        equal(direct.ask("greeting door"), ("ok", "by tcp"), "through the connector, too")
    equal((elsewhere.n, hidden.n), (0, 0), "connections elsewhere")


@case
def connector_killed():
    """without the process that connects for it a helper starts again"""
    pid = pid_of()
    with open(f"/proc/{pid}/task/{pid}/children") as f:
        children = [int(x) for x in f.read().split()]
    equal(len(children), 1, "children of a helper")
    with Probe() as probe:
        os.kill(children[0], signal.SIGSTOP)
        waiting = probe.send("greeting door")
        wait_for(lambda: "helper: slot=1 running=1" in server.cli("status").stdout, "the call is under way", 60)
        os.kill(children[0], signal.SIGKILL)
        # The module may hear of it and answer before its process ends.
        tag, how, text = probe.answer()
        equal((tag, how == "error" or text.startswith("no: ")), (waiting, True), f"the call that it was to connect for: {text}")
        wait_for(lambda: pid_of() != pid, "another process", 60)
        works()
        equal(probe.ask("greeting door"), ("ok", "by tcp"), "afterwards")
    pid = pid_of()
    with open(f"/proc/{pid}/task/{pid}/children") as f:
        child = int(f.read())
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not os.path.exists(f"/proc/{child}"), "its connector ends with it", 60)
    works()


@case
def escapes():
    """what a helper that was taken over might try: none of it succeeds"""
    secret = os.path.join(place, "secret")
    with open(secret, "w") as f:
        f.write("x")
    os.chmod(secret, 0o666)
    os.chmod(place, 0o777)
    control = os.path.join(os.path.dirname(server.lmtp_socket), "control")
    passwords = os.path.join(os.path.dirname(server.mail_root), "state", "auth", "passwd")
    equal((os.path.exists(control), os.path.exists(passwords), os.path.exists(server.mail_root)), (True, True, True), "what is tried is there")
    tries = (f"read {server.mail_root}", "read /etc/shadow", "read /etc/passwd", f"read {passwords}", f"read {secret}",
             f"write {secret}", f"write {place}/made", f"remove {secret}", f"tcp {elsewhere.port}", f"tcp {tcp.port}", f"udp {tcp.port}",
             f"unix {place}/hidden", f"unix {place}/socket", f"unix {control}", f"pair {place}/hidden", "bind", "process", "exec /bin/true",
             f"connector 127.0.0.1:{elsewhere.port}", f"connector unix:{place}/hidden", "ptrace", "memory", "signal", "code")
    n_held = n_ended = 0
    end = "helper probe (died|ended|cannot go on)"
    with Probe() as probe:
        works()
        equal(probe.ask(f"escape connector localhost:{tcp.port}"), ("ok", "out"), "the connector, asked in this way for what it grants")
        for attempt in tries:
            works()
            ended = len(lines(end))
            got = probe.ask(f"escape {attempt}")
            if got == ("ok", "held"):
                n_held += 1
                continue
            equal(got, ("error", UNAVAILABLE + " the helper went down"), attempt)
            line = wait_for(lambda: lines(end)[ended:], "master tells of its end")[0]
            equal("a system call that its sandbox forbids" in line, True, f"{attempt}: {line}")
            n_ended += 1
    works()
    equal((os.path.exists(secret), os.path.exists(os.path.join(place, "made"))), (True, False), "files")
    equal((elsewhere.n, hidden.n), (0, 0), "connections")
    print(f"# {len(tries)} escapes tried: {n_held} refused, {n_ended} ended the process", flush=True)


@case
def reloaded():
    """a reload reaches helpers; one that changes an endpoint starts it again; another set of helpers wants a restart"""
    pid = pid_of()
    restarts = process()["restarts"]
    with Probe() as probe:
        put('probe = { word = "new"; };')
        server.cli("reload")
        equal(probe.ask("word"), ("ok", "new"), "the new word")
        equal(pid_of(), pid, "the same process")
        equal(probe.ask("greeting door"), ("ok", "by tcp"), "the same endpoint")
        # One that is no endpoint is told with its place, and nothing changes.
        put('probe = {\n  third_door = "nowhere";\n};')
        refused = server.cli("reload", check=False)
        equal("90-probe.conf:2: probe.third_door:" in refused.stdout + refused.stderr, True, refused)
        put(f'probe = {{ word = "newer"; third_door = "127.0.0.1:{elsewhere.port}"; }};')
        server.cli("reload")
        wait_for(lambda: process()["restarts"] > restarts, "it starts again", 60)
        works()
        equal(probe.ask("greeting third_door"), ("ok", "elsewhere"), "the new endpoint")
        equal(probe.ask("word"), ("ok", "newer"), "the newer word")
    put("direct = { enabled = false; };")
    # The modules that the server was started with are on its command line.
    equal(process("direct")["state"], "ready", "the other")


@case
def secrets():
    """a helper knows its module's settings, and nobody else's"""
    pid = pid_of()
    with open(f"/proc/{pid}/maps") as f:
        maps = re.findall(r"^([0-9a-f]+)-([0-9a-f]+) rw", f.read(), re.M)
    with open(f"/proc/{pid}/mem", "rb", 0) as f:
        memory = b""
        for begin, end in maps:
            f.seek(int(begin, 16))
            try:
                memory += f.read(int(end, 16) - int(begin, 16))
            except OSError:
                pass
    equal((b"newer" in memory, b"state/auth/passwd" in memory), (True, False), "its own word, and the path of the passwords")


@case
def stopped():
    """the server stops in good order with helpers that are busy"""
    with Probe() as probe:
        probe.send("slow 60000")
        begin = len(lines("helper probe"))
        server.stop("--keep")
    equal([line for line in lines("helper probe")[begin:] if "killed" in line or "died" in line], [], "helpers that did not end")


if __name__ == "__main__":
    main()
