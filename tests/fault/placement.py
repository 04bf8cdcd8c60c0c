#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Two drivers in one server, users on each by rules; users move; processes die while it is decided who is where."""
import glob
import json
import os
import re
import signal
import smtplib
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from modules import Modules  # noqa: E402
from tap import TOP, Server, case, equal, main, run_all, wait_for  # noqa: E402

LAYERS = os.path.join(TOP, "tests/layers")
N_NEW = 40
modules = Modules()
modules.add("layers/memory.c", "memory", *sorted(glob.glob(os.path.join(LAYERS, "memory_*.c"))))
modules.add("layers/xor.c", "xor")
server = Server(*modules.options("memory"), "--set", "server.mail_processes=2", users=20 + N_NEW)
CONF = os.path.join(server.config_dir, "conf.d", "50-storage.conf")
PROFILES = """xor = { enabled = true; };
storage = {
  layers = ( );
  profiles = ( { name = "quick"; driver = "memory"; layers = ( "xor" ); } );
"""
RULES = PROFILES + """  rules = ( { name = "few"; users = ( "u0001@*", "U0002@*", "u0003@*", "u000[4]@*" ); profile = "quick"; volume = "v1"; },
            { name = "new"; users = ( "u002*@*", "u003*@*" ); profile = "quick"; } );
};
"""


def configure(text):
    with open(CONF, "w") as f:
        f.write(text)


def place(user, *options):
    return json.loads(server.cli("user", "place", user, "--json", *options).stdout)


def mail(text):
    return b"Subject: %s\r\n\r\n%s\r\n" % (text.encode(), text.encode())


def login(user):
    """While auth is away the server says so, and one tries again."""
    def attempt():
        try:
            return server.imap(user)
        except Exception:  # noqa: B902
            return None
    return wait_for(attempt, f"a login of {user}")


def subjects(user):
    c = login(user)
    equal(c.select()[0], "OK", f"SELECT of {user}")
    found = [x[1].split(b"Subject: ")[1].split(b"\r\n")[0].decode() for x in c.fetch("1:*", "(BODY.PEEK[])")[1] or [] if isinstance(x, tuple)]
    c.logout()
    return sorted(found)


def has_maildir(user):
    return os.path.isdir(os.path.join(server.mail_root, server.domain, user))


def pids(role):
    return sorted(pid for pid, name in server.roles().items() if name == role)


def records():
    """Lines of the file, or none."""
    path = os.path.join(os.path.dirname(server.mail_root), "state", "auth", "placements")
    if not os.path.exists(path):
        return []
    with open(path) as f:
        return f.read().splitlines()[1:]


@case
def nothing_is_written_without_rules():
    """without rules all users are in the default stack, and nothing is written of it"""
    for user in ("u0003", "u0005"):
        server.deliver(mail("before"), user)
        equal(subjects(user), ["before"], f"mail of {user}")
    equal(records(), [], "records")
    equal({k: place("u0003")[k] for k in ("profile", "driver", "volume", "epoch", "state", "recorded", "pinned")},
          {"profile": "default", "driver": "maildir", "volume": "", "epoch": 0, "state": "active", "recorded": False, "pinned": False}, "what place says")


@case
def rules_are_for_a_restart():
    """a reload with other rules is refused with file and line, and changes nothing"""
    configure(RULES)
    r = server.cli("reload", check=False)
    equal(r.returncode, 78, f"exit status ({r.stdout}{r.stderr})")
    equal(bool(re.search(r"50-storage\.conf:5: storage\.rules changed: .*restart", r.stdout + r.stderr)), True, f"what it says: {r.stdout}{r.stderr}")
    server.deliver(mail("still"), "u0005")
    equal(subjects("u0005"), ["before", "still"], "mail of u0005")
    equal(place("u0001")["profile"], "default", "where a new user would go")
    configure(PROFILES + "};\n")
    r = server.cli("reload", check=False)
    equal((r.returncode, "storage.profiles changed" in r.stdout + r.stderr), (78, True), f"other stacks: {r.stdout}{r.stderr}")
    configure(RULES)


@case
def users_on_each_driver():
    """after the restart new users are where the rules say, and who had mail before is where the mail is"""
    server.stop("--keep")
    server.start()
    for user in ("u0001", "u0002", "u0003", "u0005", "u0006"):
        server.deliver(mail(f"to {user}"), user)
    for user, profile, volume in (("u0001", "quick", "v1"), ("u0002", "quick", "v1"), ("u0006", "default", "")):
        equal(subjects(user), [f"to {user}"], f"mail of {user}")
        now = place(user)
        equal((now["profile"], now["volume"], now["state"], now["recorded"]), (profile, volume, "active", True), f"place of {user}")
        equal(has_maildir(user), profile == "default", f"is there a Maildir of {user}")
    equal(subjects("u0003"), ["before", "to u0003"], "mail of u0003, whom a rule fits that is younger than the mail")
    equal((place("u0003")["profile"], place("u0003")["epoch"]), ("default", 1), "place of u0003")
    equal(subjects("u0005"), ["before", "still", "to u0005"], "mail of u0005")
    # One transaction for users of both.
    server.deliver(mail("both"), "u0001", "u0005", "u0006", "u0002")
    for user in ("u0001", "u0005", "u0006", "u0002"):
        equal("both" in subjects(user), True, f"{user} has it")


@case
def auth_dies_while_placing():
    """auth is killed again and again while new users come: each is in one place, with all mail that was acknowledged"""
    users = [f"u{n:04d}" for n in range(21, 21 + N_NEW)]
    acknowledged, lock, stop = [], threading.Lock(), threading.Event()
    queue = iter(users * 4)

    def deliver():
        while True:
            with lock:
                user = next(queue, None)
            if user is None:
                return
            while True:
                try:
                    with smtplib.LMTP("127.0.0.1", server.lmtp, timeout=30) as c:
                        c.sendmail("a@example.net", [f"{user}@{server.domain}"], mail("x"))
                    break
                except (OSError, smtplib.SMTPException):
                    continue
            with lock:
                acknowledged.append(user)

    def kill():
        while not stop.is_set():
            goal = len(acknowledged) + 4
            wait_for(lambda: len(acknowledged) >= goal or len(acknowledged) == 4 * N_NEW, "deliveries go on", 120)
            if len(acknowledged) == 4 * N_NEW:
                return
            for pid in pids("auth"):
                os.kill(pid, signal.SIGKILL)
    run_all(deliver, deliver, kill)
    for user in users:
        is_quick = user[3] in "23"
        equal(len(subjects(user)) >= 4, True, f"mail of {user} that was acknowledged")
        equal(has_maildir(user), not is_quick, f"is there a Maildir of {user}")
        equal(place(user)["profile"], "quick" if is_quick else "default", f"profile of {user}")
    found = {}
    for line in records():
        fields = line.split(" ", 1)[1].split("\t")
        found.setdefault(fields[7], set()).add(fields[6])
    for user in users:
        equal(len(found[f"{user}@{server.domain}"]), 1, f"profiles that records of {user} name")


@case
def moved_while_connected():
    """a user moves to the other mail process while a client is connected and mail comes: BYE, and all is there"""
    user = "u0007"
    other = 1 - place(user)["slot"]
    server.deliver(mail("first"), user)
    c = server.imap(user)
    c.select()
    count, stop = [0], threading.Event()

    def deliver():
        while not stop.is_set():
            try:
                with smtplib.LMTP("127.0.0.1", server.lmtp, timeout=30) as s:
                    s.sendmail("a@example.net", [f"{user}@{server.domain}"], mail("on"))
                count[0] += 1
            except (OSError, smtplib.SMTPException):
                continue
    thread = threading.Thread(target=deliver)
    thread.start()
    wait_for(lambda: count[0] > 2, "deliveries go on")
    for _ in range(4):
        now = place(user, "--slot", str(other))
        equal((now["slot"], now["state"]), (other, "active"), "after the move")
        goal, other = count[0] + 3, 1 - other
        wait_for(lambda: count[0] >= goal, "deliveries go on")
    stop.set()
    thread.join(60)
    try:
        equal(c.noop()[0], "BYE", "the session that was open")
    except Exception as e:  # noqa: B902
        equal(type(e).__name__ in ("abort", "error"), True, f"the session that was open ended: {e!r}")
    found = subjects(user)
    equal(found.count("on") >= count[0] and found.count("first") == 1, True, f"mail: {len(found)} of {count[0] + 1}")
    c = server.imap(user)
    c.select()
    uids = [x.split()[2].rstrip(b")") for x in c.fetch("1:*", "(UID)")[1]]
    equal(len(set(uids)), len(found), "UIDs are unique")
    c.logout()


@case
def auth_dies_while_moving():
    """auth is killed while a user moves: the user is in one place or the other, and usable"""
    user = "u0008"
    server.deliver(mail("first"), user)
    before = [place(user)["epoch"]]
    for n in range(6):
        other = 1 - place(user)["slot"]
        victim = pids("auth")[0]

        def move():
            server.cli("user", "place", user, "--slot", str(other), check=False)

        def kill():
            if n % 2:
                wait_for(lambda: len(records()) > known or victim not in pids("auth"), "it was written down")
            os.kill(victim, signal.SIGKILL)
        known = len(records())
        run_all(move, kill)
        wait_for(lambda: victim not in pids("auth") and len(pids("auth")) == 1, "auth is back")
        equal("first" in subjects(user), True, "the mail")
        server.deliver(mail("more"), user)
        now = wait_for(lambda: server.cli("user", "place", user, "--json", check=False).stdout, "auth answers")
        now = json.loads(now)
        equal(now["state"], "active", "state")
        equal(now["epoch"] >= before[-1], True, f"epochs grow: {before} {now['epoch']}")
        before.append(now["epoch"])
    equal(subjects(user), ["first"] + 6 * ["more"], "all mail")


@case
def mail_is_not_left_behind():
    """a move to another driver is refused for who has mail, and works for who has none"""
    before = place("u0005")
    c = server.imap("u0005")
    c.select()
    r = server.cli("user", "place", "u0005", "--profile", "quick", check=False)
    equal(r.returncode, 1, f"exit status ({r.stdout}{r.stderr})")
    for words in ("has mail (4 messages in INBOX)", '"quick" keeps it elsewhere', "would have to be copied"):
        equal(words in r.stderr, True, f"the message says {words!r}: {r.stderr}")
    now = place("u0005")
    equal((now["profile"], now["slot"], now["state"]), ("default", before["slot"], "active"), "nothing has changed")
    equal(len(subjects("u0005")), 4, "mail of u0005")
    # A mailbox that the user made is something to lose, too.
    c = server.imap("u0009")
    c.create("Work")
    c.logout()
    r = server.cli("user", "place", "u0009", "--profile", "quick", check=False)
    equal((r.returncode, "a mailbox Work" in r.stderr), (1, True), f"u0009: {r.stderr}")
    # Without mail, also after a first login that made the usual mailboxes.
    server.imap("u0010").logout()
    for user in ("u0010", "u0011"):
        equal(place(user, "--profile", "quick", "--volume", "v2")["volume"], "v2", f"place of {user}")
        server.deliver(mail("quick"), user)
        equal(subjects(user), ["quick"], f"mail of {user}")
        r = server.cli("user", "place", user, "--profile", "default", check=False)
        equal((r.returncode, "has mail" in r.stderr), (1, True), f"back: {r.stderr}")
        equal(subjects(user), ["quick"], f"mail of {user} afterwards")
    equal(has_maildir("u0011"), False, "a Maildir of u0011")
    # What there is not.
    for options, words in ((("--profile", "slow"), 'no profile "slow"'), (("--slot", "7"), "numbers 0 to 1"), (("--slot", "x"), "not the number"),
                           (("--profile", "quick", "--volume", "other"), 'has no volume "other"'), (("--volume", "v1"), 'has no volume "v1"'),
                           (("--new", "--slot", "1"), "--new")):
        r = server.cli("user", "place", "u0012", *options, check=False)
        equal((r.returncode != 0, words in r.stderr), (True, True), f"{options}: {r.returncode} {r.stderr}")
    r = server.cli("user", "place", "nobody", check=False)
    equal((r.returncode, "no such user" in r.stderr), (66, True), f"nobody: {r.stderr}")
    equal(place("u0012")["state"], "active", "place of u0012")
    server.deliver(mail("x"), "u0012")


@case
def released_users():
    """release and adopt go by the same records, over a restart of auth as well"""
    user = "u0013"
    server.deliver(mail("first"), user)
    server.cli("release", user)
    equal(place(user)["state"], "released", "state")
    r = server.cli("user", "place", user, "--slot", "0", check=False)
    equal((r.returncode, "adopt" in r.stderr), (75, True), f"place of one who is released: {r.stderr}")
    victim = pids("auth")[0]
    os.kill(victim, signal.SIGKILL)
    wait_for(lambda: "released" in server.cli("user", "place", user, check=False).stdout, "auth is back, and remembers")
    other = 1 - place(user)["slot"]
    server.cli("adopt", user, str(other))
    equal((place(user)["slot"], place(user)["state"]), (other, "active"), "after adopt")
    equal(subjects(user), ["first"], "mail")


@case
def everything_stays_over_a_restart():
    """after a restart, and without the rules, everybody is where he was"""
    users = ["u0001", "u0003", "u0006", "u0007", "u0010", "u0013", "u0021", "u0045"]
    before = {user: place(user) for user in users}
    server.stop("--keep")
    configure(PROFILES + "};\n")
    server.start()
    equal({user: place(user) for user in users}, before, "places")
    equal(subjects("u0003"), ["before", "to u0003"], "mail of u0003")
    equal(subjects("u0021"), [], "a driver that keeps nothing over a restart is still the one")


@case
def wrong_settings():
    """each mistake is answered with file and line"""
    lines = [
        "xor = { enabled = true; }; storage = { layers = ( );",
        "  profiles = (",
        '    { name = "a b"; driver = "memory"; },',
        '    { name = "default"; driver = "memory"; },',
        '    { name = "one"; driver = "meory"; },',
        '    { name = "other"; driver = "memory"; },',
        '    { name = "two"; driver = "memory"; layers = ( "xor", "xor" ); },',
        '    { name = "three"; driver = "memory"; layers = ( "crypt" ); },',
        '    { name = "last"; driver = "memory"; slot_by = "volume"; } );',
        "  rules = (",
        '    { name = "r1"; profile = "thre"; users = ( "a@b" ); },',
        '    { name = "r2"; users = ( "anna" ); },',
        '    { name = "r3"; domains = ( "a@b" ); },',
        '    { name = "r4"; users = ( "x@y" ); volume = "big"; },',
        '    { name = "r5"; users = ( "x@z" ); profile = "two"; volume = "other"; },',
        '    { name = "all"; },',
        '    { name = "r6"; domains = ( "x" ); } );',
        "};"]
    expected = {3: "letters, digits", 4: "storage.driver and storage.layers already", 5: 'driver "meory"', 7: 'names "xor" twice',
                8: 'names "crypt", which is not an enabled', 11: 'did you mean "three"', 12: "applies to nobody", 13: "applies to no domain",
                14: 'the driver maildir has no volume "big"', 15: 'has no volume "other"', 17: "never applies"}
    configure("\n".join(lines) + "\n")
    r = server.cli("config", "check", check=False)
    told = re.findall(r"50-storage\.conf:(\d+): ", r.stdout + r.stderr)
    equal(sorted(set(told), key=int), [str(n) for n in expected], f"lines that are told of:\n{r.stdout}{r.stderr}\n")
    configure(RULES.replace("layers = ( );", 'layers = ( "noop" );').replace('layers = ( "xor" ); ', ""))
    twice = server.cli("config", "check", check=False)
    equal(("50-storage.conf:3:" in twice.stderr, "leaves out xor" in twice.stderr), (True, True), f"a layer that stands nowhere: {twice.stderr}")
    configure("")
    equal(r.returncode, 78, f"exit status ({r.stdout}{r.stderr})")
    for number, words in expected.items():
        equal(any(re.search(rf"50-storage\.conf:{number}: ", line) and words in line for line in (r.stdout + r.stderr).splitlines()), True,
              f"line {number} says {words!r}:\n{r.stdout}{r.stderr}\n")


main()
