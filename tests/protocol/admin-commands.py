#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Commands that a module brings: help, checks, completion, manual; and what they do in the running server, from the first line to a cancel."""
import json
import os
import pty
import re
import select
import shutil
import signal
import stat
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from modules import Modules  # noqa: E402
from tap import TOP, Server, Skip, case, equal, main, run, scratch, two_volumes, wait_for  # noqa: E402

modules = Modules()
modules.add("admin/toy.c", "toy")
server = Server(*modules.options("toy"), *two_volumes(("u0001", "u0002"), ("u0003",)), "--set", "server.mail_processes=2", "--set", "server.hang_time=2s", "--set", "server.stuck_time=2s", users=3)
USER = f"u0001@{server.domain}"
COMMANDS = "count say work hang fail crash"


def toy(*arguments, **options):
    return server.cli("toy", *arguments, check=False, **options)


def objects(text):
    return [json.loads(line) for line in text.splitlines()]


def log_lines(pattern):
    return [line for line in server.log().splitlines() if re.search(pattern, line)]


def wrapper():
    """`satchel` as this server's own, for who knows no options."""
    path = os.path.join(scratch(), "satchel")
    with open(path, "w") as f:
        f.write(f'#!/bin/sh\nexec {TOP}/tools/devserver cli --dir {server.dir} -- "$@"\n')
    os.chmod(path, os.stat(path).st_mode | stat.S_IXUSR)
    return path


def start(*arguments, **options):
    options.setdefault("stderr", subprocess.PIPE)
    return subprocess.Popen([os.path.join(TOP, "tools/devserver"), "cli", "--dir", server.dir, "--", "toy", *arguments],
                            stdout=subprocess.PIPE, text=True, start_new_session=True, **options)


@case
def help_and_lists():
    """help of satchel, of a command, and the list of modules show what the module says"""
    text = server.cli("--help").stdout
    found = re.findall(r"^  toy (\w+) ", text.partition("Commands of modules:")[2], re.M)
    equal(found, COMMANDS.split(), "commands in --help")
    text = toy("count", "--help").stdout
    for part in ("Usage: satchel toy count [OPTION...] USER\n", "Count the messages of a user's mailboxes.\n", "It opens each of them.\n",
                 "--mailbox MAILBOX", "--limit NUMBER", "At most so many (number, 1 to 1000; default 100)", "--quick   ", "--json"):
        equal(part in text, True, f"{part!r} in {text}")
    equal("kind|stern" in toy("say", "--help").stdout, True, "choices")
    equal("admin commands" in server.cli("module", "info", "toy").stdout, True, "what it provides")


@case
def mistakes():
    """what is typed wrong is told before the server is asked, with what to write"""
    for arguments, said in ((("count",), "an argument is missing; write satchel toy count USER"),
                            (("cuont", "u0001"), 'toy cuont: no such command; did you mean "count"?'),
                            (("count", "u0001", "--limit", "many"), '--limit: "many" will not do; write a whole number'),
                            (("count", "u0001", "--limit=0"), "--limit: 0 is out of range; write a value from 1 to 1000"),
                            (("count", "u0001", "--limt", "3"), "--limt: no such option here; did you mean --limit?"),
                            (("count", "u0001", "--quick=yes"), "--quick takes no value"),
                            (("say",), "--text is missing: What to say"),
                            (("say", "--text=x", "--tone", "sterm"), '"sterm" is not a choice; did you mean "stern"?'),
                            (("say", "--text=x", "--wait", "long"), "write a time: a whole number and ms, s, m, h, d or w like"),
                            (("say", "u0001", "--text=x"), "there are too many arguments; write satchel toy say")):
        r = toy(*arguments)
        equal((r.returncode, r.stdout), (64, ""), f"{arguments}: {r.stderr}")
        equal(said in r.stderr, True, f"{arguments}: {r.stderr}")
    equal(log_lines(r"admin: .*request=\"run toy "), [], "requests so far")


@case
def of_a_user():
    """a command of a user runs on the user's store, in the admin's name, through the module's own layer"""
    server.deliver(b"Subject: one\r\n\r\nx\r\n", "u0001")
    server.deliver(b"Subject: two\r\n\r\nx\r\n", "u0001")
    server.imap("u0001").logout()
    lines = toy("count", "U0001").stdout.splitlines()
    equal(lines[0], "mailbox=INBOX messages=2 quick=no", "the first record")
    equal(re.sub(r"\d+ opened", "N opened", lines[-1]), f"{USER}: N opened, cause admin, service admin", "the last line")
    equal(toy("count", "u0001", "--mailbox", "INBOX", "--quick").stdout.splitlines()[0], "mailbox=INBOX messages=2 quick=yes", "options")
    equal(len(log_lines(r'admin: command="toy count".* user=u0001@\S+ result=ok')), 2, "lines in the log")


@case
def of_each_owner():
    """each user's command reaches the process that owns the user; who never had mail or does not exist is told apart"""
    owners = set()
    for user in ("u0001", "u0002", "u0003"):
        server.deliver(b"Subject: who owns it\r\n\r\nx\r\n", user)
        r = toy("count", user, "--limit", "1")
        pids = {re.search(r" (\S+\[\d+\]): ", line)[1] for line in log_lines(rf"(delivered: .*|command=\"toy count\".*)user=\"?{user}@")}
        equal(len(pids), 1, f"processes that delivered to {user} and ran the command: {pids}")
        owners |= pids
        equal((r.returncode, r.stdout.splitlines()[-1].split(":")[0]), (0, f"{user}@{server.domain}"), user)
    equal(len(owners), 2, f"owners: {owners}")
    r = toy("count", "nobody")
    equal((r.returncode, "no such user" in r.stderr), (66, True), r.stderr)
    server.cli("release", "u0002")
    r = toy("count", "u0002")
    equal((r.returncode, "is released" in r.stderr), (75, True), r.stderr)
    server.cli("adopt", "u0002")
    equal(toy("count", "u0002").returncode, 0, "after it was adopted")


@case
def as_json():
    """with --json each line is an object with values of their types, progress included, and the last one has the status"""
    said = objects(toy("count", "u0001", "--json", "--limit", "2").stdout)
    equal(said[-1], {"status": 0, "error": None}, "the end")
    equal([x for x in said if "mailbox" in x][0], {"mailbox": "INBOX", "messages": 3, "quick": False}, "a record")
    progress = [x["progress"] for x in said if "progress" in x]
    equal([(x["done"], x["what"]) for x in progress], [(1, "mailboxes"), (2, "mailboxes")], "progress: the first and the last")
    equal([x["text"].split(",")[1] for x in said if "text" in x], [" cause admin"], "a line")
    r = toy("fail", "--json")
    equal((r.returncode, objects(r.stdout)), (1, [{"status": 1, "error": "there is no room"}]), "a failure")
    equal(r.stderr, "satchel: there is no room\n", "for people")


@case
def text_of_strangers():
    """no control character reaches the terminal, and no line is cut or joined"""
    equal(toy("say", "--text", "a\x1b[2Jb\x7f\u009bc\nd é").stdout, "a?[2Jb??c\nd é\n", "text")
    long = "x" * 3000
    equal(toy("say", "--text", long, "--times", "50").stdout, (long + "\n") * 50, "long lines")
    equal([x["text"] for x in objects(toy("say", "--json", "--text", 'a "b" \x1b').stdout)[:-2]], ['a "b" ?'], "the same as JSON")


@case
def progress_on_a_terminal():
    """people see how far it is on standard error, scripts see only the answer on standard output"""
    leader, follower = pty.openpty()
    p = start("count", "u0001", stderr=follower)
    out = p.communicate(timeout=60)[0]
    os.close(follower)
    said = b""
    while select.select([leader], [], [], 0)[0]:
        try:
            part = os.read(leader, 4096)
        except OSError:
            break
        if not part:
            break
        said += part
    os.close(leader)
    equal(re.search(rb"\r1 of \d+ mailboxes", said) is not None, True, said)
    equal("mailboxes" in out, False, out)


@case
def much():
    """an answer of many megabytes arrives whole, and is produced only as fast as it is read"""
    # Who reads nothing gets nothing more: the pipe, the socket and the window, not all of it, however long the others take.
    idle = start("say", "--text", "y" * 2000, "--times", "100000")
    equal(idle.stdout.read(1), "y", "the beginning of what nobody reads")
    p = start("say", "--text", "y" * 200, "--times", "100000")
    equal(p.stdout.read(402), "y" * 200 + "\n" + "y" * 200 + "\n", "the beginning of what is read")
    total = 402 + sum(len(part) for part in iter(lambda: p.stdout.read(65536), ""))
    equal((p.wait(60), total), (0, 201 * 100000), "the rest")
    master = wait_for(lambda: resident(server.pid), "memory of master")
    idle.kill()
    idle.wait()
    idle.stdout.close()
    line = wait_for(lambda: log_lines(r'command="toy say".*result=cancelled'), "it is cancelled")[0]
    equal(int(re.search(r"bytes=(\d+)", line)[1]) < 8 * 2**20, True, line)
    equal(master < 200 * 2**20, True, f"master has {master} bytes")


def resident(pid):
    with open(f"/proc/{pid}/statm") as f:
        return int(f.read().split()[1]) * 4096


@case
def interrupt():
    """Ctrl-C cancels the work in the server and waits for its end"""
    p = start("work")
    equal(p.stdout.readline(), "working\n", "it works")
    os.killpg(p.pid, signal.SIGINT)
    out, err = p.communicate(timeout=60)
    equal((p.returncode, out), (130, ""), err)
    equal(err.splitlines()[-1], "satchel: cancelled", "what is said")
    equal(len(log_lines("toy: work was told to end")), 1, "the work has ended")


@case
def connection_ends():
    """when the command is killed the work is cancelled all the same"""
    p = start("work", "--json")
    equal(json.loads(p.stdout.readline()), {"progress": {"done": 1, "total": 0, "what": "rounds"}}, "it works")
    os.killpg(p.pid, signal.SIGKILL)
    p.communicate()
    wait_for(lambda: len(log_lines(r'command="toy work".*result=cancelled')) == 2, "the end of the command")
    equal(len(log_lines("toy: work was told to end")), 2, "the work has ended")


@case
def time_is_over():
    """what takes longer than server.admin_time is cancelled, and the admin is told of the setting"""
    with open(os.path.join(server.config_dir, "conf.d", "time.conf"), "w") as f:
        f.write('server = { admin_time = "300ms"; };\n')
    server.cli("reload")
    r = toy("work")
    os.unlink(os.path.join(server.config_dir, "conf.d", "time.conf"))
    server.cli("reload")
    equal((r.returncode, "server.admin_time" in r.stderr), (69, True), r.stderr)


@case
def too_many():
    """more than eight at a time are refused, and the others go on"""
    running = [start("work") for _ in range(8)]
    for p in running:
        equal(p.stdout.readline(), "working\n", "it works")
    r = toy("work")
    equal((r.returncode, "8 admin commands are running already" in r.stderr), (69, True), r.stderr)
    for p in running:
        os.killpg(p.pid, signal.SIGINT)
    equal({p.wait(60) for p in running}, {130}, "the eight")
    equal(toy("say", "--text", "again").stdout, "again\n", "there is room again")


@case
def hangs():
    """one that hangs is a stuck job like any other: named in the log, ended, and the admin is told"""
    r = toy("hang", "u0003")
    equal((r.returncode, "ended before the command did" in r.stderr), (69, True), r.stderr)
    line = wait_for(lambda: [line for line in log_lines("has a stuck job") if "admin command" in line], "a line in the log")[0]
    for part in ('module=toy', 'user=u0003@'):
        equal(part in line, True, line)


@case
def crashes():
    """one that crashes costs its process only, and the admin is told"""
    def crash():
        r = toy("crash")
        return "is not running; try again" not in r.stderr and r
    r = wait_for(crash, "an attempt")
    equal((r.returncode, "ended before the command did" in r.stderr), (69, True), r.stderr)
    wait_for(lambda: toy("say", "--text", "back").stdout == "back\n", "the next process")


@case
def counters():
    """status --json counts the commands by how they ended"""
    found = {x["labels"]["result"]: x["value"] for x in json.loads(server.cli("status", "--json").stdout)["counters"]
             if x["name"] == "satchel_admin_commands_total"}
    equal({key for key, value in found.items() if value > 0} >= {"ok", "failed", "cancelled"}, True, found)


@case
def completion():
    """bash completes the module's commands and options, asking the program"""
    if not shutil.which("bash"):
        raise Skip("bash is not installed")
    program = wrapper()
    script = run(program, "completion", "bash", text=True).stdout

    def complete(*words):
        quoted = " ".join(f"'{word}'" for word in (program, *words))
        text = script + f'\nCOMP_WORDS=({quoted}); COMP_CWORD={len(words)}; _satchel; printf "%s\\n" "${{COMPREPLY[@]}}"'
        return run("bash", "-c", text, text=True).stdout.split()
    equal(complete("to"), ["toy"], "the group")
    equal(complete("st"), ["status", "stop"], "our own")
    equal(complete("toy", ""), COMMANDS.split(), "commands")
    equal(complete("toy", "count", "--l"), ["--limit"], "an option")
    equal(complete("toy", "count", "u0001", "--")[:4], ["--mailbox", "--limit", "--quick", "--json"], "options after the user")
    equal(complete("module", "l"), ["list"], "a group of our own")


@case
def manual():
    """the manual page of the module is sound mdoc with every command and option"""
    page = server.cli("module", "manual", "toy").stdout
    for part in (".Dt SATCHEL-TOY 1", ".It Cm toy count Oo Ar option ... Oc Ar user", ".It Fl Fl limit Ar NUMBER", "At most so many (number, 1 to 1000; default 100)",
                 "Work until cancelled."):
        equal(part in page, True, part)
    if not shutil.which("mandoc"):
        raise Skip("mandoc is not installed: only the text was looked at")
    r = subprocess.run(["mandoc", "-Tlint", "-W", "error"], input=page, capture_output=True, text=True)
    equal((r.returncode, r.stdout), (0, ""), r.stderr)
    shown = subprocess.run(["mandoc", "-Tascii"], input=page, capture_output=True, text=True).stdout
    equal("\\-\\- A" not in shown and "-- A name" in re.sub(".\b", "", shown), True, shown)


@case
def without_the_module():
    """a module that is not enabled brings nothing, and one that the server lacks is told of"""
    r = server.cli("toy", "say", "--text=x", "--set", "toy.enabled=false", check=False)
    equal((r.returncode, "toy: no such command" in r.stderr), (64, True), r.stderr)
    for words in ("module toy has it", "toy.enabled = true"):
        equal(words in r.stderr, True, r.stderr)
    r = server.cli("toi", "say", "--set", "toy.enabled=false", check=False)
    equal((r.returncode, "module" in r.stderr), (64, False), r.stderr)
    server.stop("--keep")
    r = toy("say", "--text=x")
    equal((r.returncode, "no server runs here" in r.stderr), (69, True), r.stderr)


main()
