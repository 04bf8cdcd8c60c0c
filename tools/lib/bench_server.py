# SPDX-License-Identifier: MIT
"""tools/bench-server after the arguments: one instance with many users inside a cgroup of its own."""
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import instance  # noqa: E402
from instance import Failure, Instance  # noqa: E402

E = os.environ
DATA = os.path.join(E["SCRATCH"], "data-satchel" + ("" if E["VARIANT"] == "maildir" else "-" + E["VARIANT"]))
# VARIANT is a driver, or a driver and layers over it: bdb+retention, maildir+crypt.
STORAGE, *LAYERS = E["VARIANT"].split("+")
PORTS = {"imap": 23143, "imaps": 23993, "pop3": 23110, "pop3s": 23995, "lmtp": 23024}
GROUPS = [f"/sys/fs/cgroup/{controller}/{E['CG']}" for controller in ("cpuacct", "memory")]
SETTINGS = ["limits.connections=40000", "limits.connections_per_address=40000", "limits.connections_per_user=20000",
            "passwd-file.memory=\"8K\"", "passwd-file.passes=1"]
# With crypt all users' mail is sealed; its hashes are as cheap as those of passwords.
OF_LAYERS = {"crypt": ['crypt.policy="everyone"', f'crypt.path="{DATA}/state/auth/rings"', 'crypt.memory="8K"', "crypt.passes=1"]}
BIG = {"b10k": ("10000", "mix"), "b100k": ("100000", "small")} if E.get("BIG", "1") == "1" else {}


def bench_instance():
    os.makedirs(E["SCRATCH"], exist_ok=True)
    return Instance(DATA)


def maildir_of(i, user):
    return i.path("mail", "bench", user)


def append_all(connection, names):
    """APPENDs files in one command (RFC 3502); a Maildir's lines end in LF."""
    connection.sendall(b"a APPEND INBOX")
    for name in names:
        with open(name, "rb") as f:
            content = f.read().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        connection.sendall(b" {%d+}\r\n" % len(content) + content)
    connection.sendall(b"\r\n")
    with connection.makefile("rb") as replies:
        while not (line := replies.readline()).startswith(b"a "):
            if not line:
                raise Failure("the server closed the connection while it was filled")
    if not line.startswith(b"a OK"):
        raise Failure(f"APPEND: {line.decode(errors='replace')}")


def count_messages(connection):
    """How many messages INBOX has."""
    connection.sendall(b"b STATUS INBOX (MESSAGES)\r\n")
    answer = b""
    while b"\r\nb " not in answer:
        answer += connection.recv(4096)
    return int(re.search(rb"MESSAGES (\d+)", answer)[1])


def fill_by_imap(i):
    """Fills the two big mailboxes through the server, for drivers whose files no program but it writes."""
    i.start()
    try:
        for user, (count, kind) in BIG.items():
            with tempfile.TemporaryDirectory(dir=E["SCRATCH"]) as where, \
                    socket.create_connection(("127.0.0.1", i.memory["ports"]["imap"])) as connection:
                connection.recv(4096)
                connection.sendall(f"a LOGIN {user}@bench {E['PASSWORD']}\r\n".encode())
                if b"a OK" not in connection.recv(65536):
                    raise Failure(f"{user} cannot log in")
                n_there = count_messages(connection)
                if n_there == int(count):
                    continue
                if n_there > 0:
                    raise Failure(f"{user} has {n_there} messages of {count}: an earlier filling was cut off; bench-server purge, then data")
                subprocess.run([E["MB"], "gen-maildir", os.path.join(where, "m"), count, kind], check=True, stdout=subprocess.DEVNULL)
                names = sorted(os.path.join(d, f) for d, _, files in os.walk(os.path.join(where, "m")) for f in files if "/cur" in d or "/new" in d)
                for at in range(0, len(names), 50):
                    append_all(connection, names[at:at + 50])
    finally:
        i.stop(keep=True)


def data():
    i = bench_instance()
    users = instance.default_names(int(E["NUSERS"])) + list(BIG)
    i.prepare(users=users, password=E["PASSWORD"], storage=STORAGE, settings=SETTINGS + [line for layer in LAYERS for line in (f"{layer}.enabled=true", *OF_LAYERS.get(layer, ()))],
              ports=PORTS, domain="bench")
    if STORAGE != "maildir" or "crypt" in LAYERS:
        fill_by_imap(i)
        return
    for user, (count, kind) in BIG.items():
        where = maildir_of(i, user)
        if not os.path.isdir(os.path.join(where, "cur")):
            os.makedirs(os.path.dirname(where), exist_ok=True)
            subprocess.run([E["MB"], "gen-maildir", where, count, kind], check=True, stdout=subprocess.DEVNULL)
    if i.memory["uids"]:
        owner = f"{i.memory['uids']['mail']}"
        subprocess.run(["chown", "-R", f"{owner}:{owner}", i.path("mail")], check=True)


def start():
    i = bench_instance()
    for group in GROUPS:
        os.makedirs(group, exist_ok=True)
    i.memory["ports"] = dict(PORTS)
    i.prepare(users=None, password=None, storage=None, settings=[], ports=PORTS, domain="bench")
    if i.memory["ports"] != PORTS:  # others would be looked for in vain
        raise Failure(f"one of the ports {sorted(PORTS.values())} is taken")
    # The shell that becomes the server enters the groups first, so that every process of it is inside.
    enter = "".join(f"echo $$ > {group}/cgroup.procs; " for group in GROUPS)
    i.start(wrapper=["sh", "-c", enter + 'ulimit -n 60000; exec "$@"', "sh"])


def cold():
    """Forgets the indexes of the two big mailboxes; UIDs stay.  Other drivers than maildir have no index to forget."""
    i = bench_instance()
    for user in BIG:
        if i.pid():
            i.cli(["release", f"{user}@bench"], stdout=subprocess.DEVNULL, check=True)
        for name in ("satchel-index", "satchel-cache"):
            try:
                os.unlink(os.path.join(maildir_of(i, user), name))
            except FileNotFoundError:
                pass
        if i.pid():
            i.cli(["adopt", f"{user}@bench"], stdout=subprocess.DEVNULL, check=True)


def stop():
    i = bench_instance()
    if i.memory:
        i.stop(keep=True)
    for group in GROUPS:
        for _ in range(50):
            try:
                os.rmdir(group)
                break
            except FileNotFoundError:
                break
            except OSError:
                time.sleep(0.1)


def purge():
    stop()
    shutil.rmtree(DATA, ignore_errors=True)


VERBS = {f.__name__: f for f in (data, start, cold, stop, purge)}
try:
    if len(sys.argv) != 2 or sys.argv[1] not in VERBS:
        print("bench-server install|data|start|cold|stop|env|purge", file=sys.stderr)
        sys.exit(64)
    VERBS[sys.argv[1]]()
except (Failure, OSError, subprocess.CalledProcessError) as e:
    print(instance.complaint("bench-server", e), file=sys.stderr)
    sys.exit(1)
