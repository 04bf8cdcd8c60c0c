#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The mail of before is sealed in its place, and opened again, while the user works and whoever is killed: clients notice a reconnect at
most, nothing differs afterwards, and nothing in clear is left or anything sealed."""
import contextlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import LONG, case, equal, main, wait_for  # noqa: E402
from at_work import Deliveries, Idle, Mbsync, at_work  # noqa: E402
from conversion import HAS_BDB, Conversions, only_grew, same  # noqa: E402
from instance import Instance  # noqa: E402
from sealed import ANY, MARK, SealedServer, message  # noqa: E402

N_MAIL = 20000 if LONG else 120
N_KILLS = 50 if LONG else 3
PLACES = ["default"] + (["tables"] if HAS_BDB else [])
SEALED_MAGIC = bytes((0x89, 0x53, 0x41, 0x54, 0x43, 0x52, 0x59, 0x0A))
server = SealedServer("--set", "server.mail_processes=1", "--set", 'storage.driver="maildir"', *(("--set", "bdb.enabled=true") if HAS_BDB else ()), users=10)
server.stop("--keep")
server.start("--set", "retention.enabled=true", "--set", 'storage.layers=( "retention", "crypt" )', "--set", f'crypt.rate="{"1M" if LONG else "30K"}"',
             *(("--set", 'storage.profiles=( { name = "tables"; driver = "bdb"; layers = ( "crypt" ); slot_by = "volume"; } )') if HAS_BDB else ()))
lab = Conversions(server)
address = server.address
random.seed(2)


def place(user, where):
    if where != "default":
        server.cli("user", "place", address(user), "--profile", where)


def status(user):
    """What auth and the mail process say, in one."""
    found = {}
    for record in server.records("crypt", "status", address(user), check=False):
        found.update({k: v for k, v in record.items() if k not in ("slot", "opened_by", "variant")})
    return found


def is_over(user, mail):
    s = status(user)
    return s.get("left") == 0 and s.get("mail") == mail and not s.get("at_work") and s.get("former_keys") == 0 and (mail != "clear" or s.get("sealed") is False)


def wait_over(user, mail):
    wait_for(lambda: is_over(user, mail), lambda: f"all mail is {mail}: {status(user)}", 3600 if LONG else 120)


def clear_files(user):
    """Files of a Maildir in which the mark is, and those which are sealed, but for tmp: what a kill left there is no mail, and goes in time."""
    clear, sealed = [], []
    for directory, _, names in os.walk(os.path.join(server.mail_root, server.domain, user)):
        for name in names:
            with contextlib.suppress(OSError), open(os.path.join(directory, name), "rb") as f:
                content = f.read()
                if ANY.search(content):
                    clear.append(name)
                if content.startswith(SEALED_MAGIC) and os.path.basename(directory) != "tmp":
                    sealed.append(os.path.join(directory, name))
    return clear, sealed


@case
def mail_of_before_is_sealed_and_opened_in_its_place():
    """Nothing that a client sees differs, wherever mail lies, and what is kept of removed mail is sealed as well"""
    for user, where in zip(("u0001", "u0002"), PLACES):
        place(user, where)
        lab.fill(user, 40)
        for n in range(5):
            server.deliver(message(n, 60_000 * n), user)
        with server.imap(user) as c:
            c.select()
            c.copy("1:3", "Work")
            c.uid("STORE", c.uid("SEARCH", "SUBJECT", MARK)[1][0].split()[0].decode(), "+FLAGS", "(\\Deleted)")
            c.expunge()
            c.fetch("1:*", "(ENVELOPE BODYSTRUCTURE PREVIEW)")
        before = lab.state(user)
        key = server.records("crypt", "enable", address(user), "--wait")[0]["recovery_key"]
        wait_over(user, "sealed")
        same(before, lab.state(user))
        if where == "default":
            equal(clear_files(user)[0], [], "files with something in clear")
        server.deliver(message(7), user)
        before = lab.state(user)
        server.cli("crypt", "disable", address(user))
        told = status(user)
        equal((told["sealed"], told["mail"] in ("opening", "clear")), (False, True), f"the state: {told}")
        if told["left"] > 0 and not told["at_work"]:
            refused = server.cli("crypt", "continue", address(user), "--recovery", "--password", "AAAA-BBBB", check=False)
            equal(refused.returncode in (77, 0), True, f"with a wrong key: {refused.stderr}")
        server.cli("crypt", "continue", address(user), "--recovery", "--password", key, check=False)
        wait_over(user, "clear")
        same(before, lab.state(user))
        if where == "default":
            equal(clear_files(user)[1], [], "files that are sealed")


@case
def what_waits_for_a_key_waits_for_a_login():
    """Without a session and without the recovery key nothing is opened, and all stays readable; a login lets it go on"""
    user = "u0003"
    lab.fill(user, 40)
    before = lab.state(user)
    server.cli("crypt", "enable", address(user))
    server.imap(user).logout()
    wait_over(user, "sealed")
    server.stop("--keep")
    server.start()
    server.cli("crypt", "disable", address(user))
    wait_for(lambda: status(user).get("waits_for_key"), lambda: f"the state says that a login is waited for: {status(user)}")
    again = server.records("crypt", "enable", address(user))
    equal([r for r in again if "recovery_key" in r], [], "enable takes it back with the same ring")
    equal(status(user)["sealed"], True, "it is sealed again")
    server.cli("crypt", "disable", address(user))
    same(before, lab.state(user))
    with server.imap(user):
        wait_over(user, "clear")
    same(before, lab.state(user))


def sealed_files(user):
    """The sealed messages of INBOX, by UID."""
    found = {}
    for part in ("cur", "new"):
        directory = os.path.join(server.mail_root, server.domain, user, part)
        for name in os.listdir(directory):
            path = os.path.join(directory, name)
            with open(path, "rb") as f:
                if f.read(8) == SEALED_MAGIC:
                    found[int(re.search(r"U=\d+\.(\d+)", name)[1])] = path
    return [found[uid] for uid in sorted(found)], sorted(found)


def verify(user, *options):
    """The exit status, (mailbox, UID) of what is bad, and the sums."""
    r = server.cli("crypt", "verify", address(user), "--json", *options, check=False)
    lines = [json.loads(line) for line in r.stdout.splitlines()]
    return r.returncode, [(x["mailbox"], x["uid"]) for x in lines if "problem" in x], next((x for x in lines if "damaged" in x), None)


def settled(user):
    told = status(user)
    return told if told.get("mail") == "opening" and not told.get("at_work") and verify(user)[2]["clear"] == 2 else None


@case
def verify_names_what_is_not_as_it_was_sealed():
    """Without a key headers, lengths and pairs; with the recovery key, or a session, every byte"""
    user = "u0006"
    for n in range(6):
        server.deliver(message(n, 3000), user)
    key = server.records("crypt", "enable", address(user), "--wait")[0]["recovery_key"]
    server.deliver(message(7, 200_000), user)
    equal(verify(user), (0, [], {"user": address(user), "messages": 7, "right": 0, "locked": 7, "clear": 0, "damaged": 0}), "without a key")
    code, bad, told = verify(user, "--recovery", "--password", key)
    equal((code, bad, told["right"], told["locked"]), (0, [], 7, 0), "with the recovery key")
    equal(verify(user, "--recovery", "--password", "AAAA" * 8)[0], 77, "with a wrong one")
    files, uids = sealed_files(user)
    equal(len(files), 7, "sealed files")
    with open(files[1], "r+b") as f:   # within a chunk
        f.seek(1000)
        byte = f.read(1)
        f.seek(1000)
        f.write(bytes((byte[0] ^ 1,)))
    one, other = (open(path, "rb").read() for path in files[2:4])
    for path, content in zip(files[2:4], (other, one)):   # exchanged, with the same length
        with open(path, "wb") as f:
            f.write(content)
    with open(files[6], "r+b") as f:   # in the last chunk of several
        f.seek(150_000)
        f.write(b"x" * 16)
    os.truncate(files[5], os.path.getsize(files[5]) - 1)
    inbox = [("INBOX", uid) for uid in uids]
    code, bad, told = verify(user)
    equal((code, bad, told["damaged"]), (1, [inbox[2], inbox[3], inbox[5]], 3), "without a key, after damage")
    code, bad, told = verify(user, "--recovery", "--password", key)
    equal((code, bad, told["right"]), (1, [inbox[1], inbox[2], inbox[3], inbox[5], inbox[6]], 2), "with it")
    with server.imap(user):
        equal(verify(user)[1], bad, "with a session")
    server.cli("crypt", "disable", address(user), "--recovery", "--password", key, check=False)
    told = wait_for(lambda: settled(user), "what can be opened is open")
    equal((told["mail"], told["left"] > 0), ("opening", True), "damaged mail keeps the ring")


STEPS = (("enable", "sealed"), *((("rekey", "sealed", "--password", server.password),) if LONG else ()), ("disable", "clear"))
VICTIMS = ("mail", "auth", "mail", "command", "gate", "mail", "master")


def pid_of(role):
    return next((pid for pid, what in server.roles().items() if what == role), None)


def start(*arguments):
    command, environment = Instance(server.dir).command(arguments)
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def kill_one(user, victim):
    if victim == "command":
        command = start("crypt", "continue", address(user), "--wait", "--throttle", "200K" if LONG else "20K")
        with contextlib.suppress(subprocess.TimeoutExpired):
            command.wait(random.random())
        command.kill()
        command.wait()
    elif victim == "master":
        os.kill(server.pid, signal.SIGKILL)
        server.stop("--keep")
        server.start()
    else:
        os.kill(wait_for(lambda: pid_of(victim), victim), signal.SIGKILL)


def run_with_kills(user, mail):
    """Waits until all mail has its form, and kills somebody now and then.  Returns how many kills came before the end."""
    n = n_left = 0
    while n < N_KILLS and not is_over(user, mail):
        time.sleep(random.random() * (1.5 if LONG else 0.7))
        told = status(user)
        n_left += told.get("left", 0) > 0
        kill_one(user, VICTIMS[n % len(VICTIMS)])
        n += 1
        with server.imap_when_back(user):
            pass
    wait_over(user, mail)
    return n, n_left


@case
def killed_while_clients_work():
    """Clients read, mbsync keeps a copy, mail comes in, and somebody is killed now and then: nothing is lost, nothing downloaded again"""
    for user, where in zip(("u0004", "u0005"), PLACES):
        place(user, where)
        lab.fill(user, N_MAIL)
        before = lab.state(user)
        mbsync, mta, idle, synced = Mbsync(server, user), Deliveries(server, user, True), Idle(server, user, True), []
        idle.start()
        kills = {}
        with at_work(mta.one, lambda: synced.append(mbsync.sync()), pause=0.5 if LONG else 0.1):
            for command, mail, *options in STEPS:
                server.cli("crypt", command, address(user), *options)
                kills[command] = run_with_kills(user, mail)
        idle.ends = True
        mbsync.assert_nothing_again()
        mta.assert_all_there()
        only_grew(before, lab.state(user))
        if where == "default":
            equal(clear_files(user)[1], [], "files that are sealed at the end")
        for command, (_, n_left) in kills.items():
            equal(n_left > 0, True, f"kills in the middle of {command}")
        print(f"# {where}: kills (all, in the middle) {kills}; {len(mta.done)} deliveries acknowledged, {mta.n_failed} not; "
              f"{len(synced)} runs of mbsync, {synced.count(False)} failed; IDLE came {idle.n_connections} times", flush=True)


@case
def another_key_seals_all_mail_anew():
    """Mail stays readable all the time, by the password and the new recovery key; in the end the former key is forgotten"""
    for user, where in zip(("u0007", "u0008"), PLACES):
        place(user, where)
        lab.fill(user, 40)
        first = server.records("crypt", "enable", address(user), "--wait")[0]["recovery_key"]
        before = lab.state(user)
        equal(server.cli("crypt", "rekey", address(user), "--password", "AAAA" * 8, check=False).returncode, 77, "with a wrong key")
        second = server.records("crypt", "rekey", address(user), "--password", first)[0]["recovery_key"]
        server.deliver(message(1), user)
        told = status(user)
        equal((told["mail"], told["left"] > 0, told["former_keys"]), ("rekeying", True, 1), f"before a login: {told}")
        server.stop("--keep")
        server.start()
        with server.imap(user) as c:
            wait_for(lambda: status(user).get("former_keys") == 0, lambda: f"the former key is forgotten: {status(user)}")
            c.select()
            equal(c.fetch("1:*", "(BODY.PEEK[])")[0], "OK", "FETCH in the session that was there")
        equal((status(user)["mail"], status(user)["left"]), ("sealed", 0), "at the end")
        only_grew(before, lab.state(user))
        server.stop("--keep")
        server.start()
        equal(verify(user, "--recovery", "--password", first)[0], 77, "the first recovery key")
        code, bad, told = verify(user, "--recovery", "--password", second)
        equal((code, bad, told["locked"], told["clear"]), (0, [], 0, 0), "the second one opens all mail")


@case
def a_domain_is_enabled_at_once():
    """Each user of the domain gets a recovery key, and who has a ring already is told of; another domain has none"""
    r = server.cli("crypt", "enable", "--domain", server.domain, "--json", check=False)
    lines = [json.loads(line) for line in r.stdout.splitlines()]
    keys = {x["user"] for x in lines if "recovery_key" in x}
    equal({address("u0009"), address("u0010")} <= keys, True, f"recovery keys: {keys}, {r.stderr:.500}")
    r = server.cli("crypt", "enable", "--domain", server.domain, "--json", check=False)
    equal((r.returncode, r.stdout.splitlines()[-1][:13], "is sealed already" in r.stderr), (73, '{"status": 73', True), f"once more: {r.stdout:.300} {r.stderr:.300}")
    equal(server.cli("crypt", "enable", "--domain", "nowhere.example", check=False).returncode, 66, "a domain without users")
    equal(server.cli("crypt", "enable", check=False).returncode, 64, "neither")
    equal(server.cli("crypt", "enable", "u0009", "--domain", server.domain, check=False).returncode, 64, "both")


main()
