#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A reload that one of several modules refuses, or that would change which listeners there are: all of them, before it and after it, work as
before."""
import json
import os
import re
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from modules import Modules  # noqa: E402
from tap import Server, case, equal, main, scratch, wait_for  # noqa: E402

NAMES = ("first", "second", "third")
ROUNDS = 100
modules = Modules()
for name in NAMES:
    modules.add("install/sorter.c", name, f'-DNAME="{name}"')
for name, role in (("reluctant", "SATCHEL_ROLE_MAIL"), ("reluctant-gate", "SATCHEL_ROLE_GATE")):
    modules.add("install/reluctant.c", name, f"-DROLE={role}")
modules.add("helpers/hears.c", "hears")
heard = os.path.join(scratch(), "heard")
os.makedirs(heard)
os.chmod(os.path.dirname(heard), 0o755)
os.chmod(heard, 0o777)
server = Server(*modules.options(*NAMES, "reluctant"), "--set", "server.mail_processes=2", "--set", f'hears.path="{heard}/lines"', users=2)


def settings(mailbox, refuses=()):
    with open(os.path.join(server.config_dir, "conf.d", "50-sorters.conf"), "w") as f:
        for name in NAMES:
            f.write(f'{name} = {{ mailbox = "{mailbox}"; refuse = {"true" if name in refuses else "false"}; }};\n')


def goes_to():
    """Where a mail for each module goes, for users of both mail processes."""
    found = set()
    for user in ("u0001", "u0002"):
        for name in NAMES:
            server.deliver(b"X-For: %s\nSubject: s\n\ntext\n" % name.encode(), user)
        c = server.imap(user)
        for mailbox in ("INBOX", "Archive", "Junk", "Trash"):
            c.select(mailbox)
            for item in c.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (X-FOR)])")[1]:
                if isinstance(item, tuple):
                    found.add((item[1].split(b":")[1].strip().decode(), mailbox))
            c.store("1:*", "+FLAGS", r"\Deleted")
            c.expunge()
        c.logout()
    return found


def everybody(mailbox):
    return {(name, mailbox) for name in NAMES}


@case
def one_refuses():
    """whichever module refuses, mail of all of them goes where it went before"""
    equal(goes_to(), everybody("Archive"), "before")
    for refuses in ((NAMES[0],), (NAMES[1],), (NAMES[2],), NAMES[1:]):
        settings("Junk", refuses)
        r = server.cli("reload", check=False)
        equal(r.returncode, 78, f"exit status of a refused reload ({r.stdout}{r.stderr})")
        equal(f"module {refuses[0]}: reload: told to refuse" in r.stdout + r.stderr, True, f"who refused:\n{r.stdout}{r.stderr}")
        equal(goes_to(), everybody("Archive"), f"after {refuses} refused")


@case
def all_agree():
    """a reload that all agree to is in force for all"""
    settings("Junk")
    equal(server.cli("reload").returncode, 0, "reload")
    equal(goes_to(), everybody("Junk"), "after the reload")


@case
def again_and_again():
    """a hundred reloads, every third refused: nobody dies, and the last that was agreed to counts"""
    before = server.roles()
    for n in range(ROUNDS):
        settings("Trash" if n % 3 else "Archive", () if n % 3 else (NAMES[n % len(NAMES)],))
        equal(server.cli("reload", check=False).returncode, 0 if n % 3 else 78, f"exit status of reload {n}")
    equal(goes_to(), everybody("Trash"), "after all of them")
    equal(server.roles(), before, "the processes")


@case
def one_dies_meanwhile():
    """a process that starts while settings change has the new ones in the end"""
    pids = sorted(pid for pid, role in server.roles().items() if role == "mail")
    for n, pid in enumerate(pids):
        settings("Archive" if n % 2 else "Junk")
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: server.cli("reload", check=False).returncode == 0, "a reload goes through")
    wait_for(lambda: not re.search("down|starting", server.cli("status").stdout), "all are ready")
    equal(goes_to(), everybody("Archive"), "both processes have what was agreed to last")


def reload_gates(n, starts):
    """Reloads with another number of gates, which makes the server start new ones."""
    with open(os.path.join(server.config_dir, "conf.d", "60-gates.conf"), "w") as f:
        f.write(f'server = {{ gate_processes = {n}; }};\nreluctant = {{ starts = {"true" if starts else "false"}; }};\n')
    return server.cli("reload", check=False)


def gates():
    return sorted(pid for pid, role in server.roles().items() if role == "gate")


@case
def new_gates_do_not_start():
    """a reload whose new gates do not start is refused, says why, and the gates before it serve on"""
    settings("Archive")
    equal(reload_gates(1, True).returncode, 0, "one gate")
    wait_for(lambda: len(gates()) == 1, "one gate serves")
    before, c = gates(), server.imap("u0001")
    settings("Junk")
    r = reload_gates(2, False)
    equal((r.returncode, "gate: the new configuration does not start: " in r.stderr + r.stdout, "told not to start" in r.stderr + r.stdout),
          (78, True, True), f"a refused reload: {r.stdout}{r.stderr}")
    wait_for(lambda: gates() == before, "only the old gate is there")
    equal(c.noop()[0], "OK", "a session from before")
    equal(goes_to(), everybody("Archive"), "settings of the refused reload are not in force")
    r = reload_gates(2, True)
    equal(r.returncode, 0, f"the mistake is mended: {r.stdout}{r.stderr}")
    equal(c.noop()[0], "OK", "a session of the old gate goes on")
    equal(goes_to(), everybody("Junk"), "new gates serve, with the new settings")
    equal(len(set(gates()) - set(before)), 2, "new gates")
    c.logout()
    wait_for(lambda: not set(gates()) & set(before), "the old gate ends with its last session")


def told():
    """How many messages the listener heard of for each user."""
    n = {"u0001": 0, "u0002": 0}
    with open(heard + "/lines") as f:
        for row in map(json.loads, filter(str.strip, f)):
            n[row["user"].partition("@")[0]] += len(row["messages"]) if row["kind"] == "APPEND" else 0
    return n


@case
def listeners():
    """listeners are the same while a mail process runs: a reload that would add or take one away is refused, and the others hear on"""
    path = os.path.join(server.config_dir, "conf.d", "70-hears.conf")

    def switch(is_on):
        with open(path, "w") as f:
            f.write(f'hears = {{ enabled = {"true" if is_on else "false"}; }};\n')
        r = server.cli("reload", check=False)
        equal((r.returncode != 0, "a restart is needed to change" in r.stderr + r.stdout), (True, True), f"a reload that switches a listener {is_on}: {r.stdout}{r.stderr}")
    before = goes_to()
    switch(True)
    equal(goes_to(), before, "mail after the first")
    equal((os.path.exists(heard + "/lines"), "listener: name=hears" in server.cli("status").stdout), (False, False), "who is called")
    with open(path, "w") as f:
        f.write("hears = { enabled = true; };\n")
    server.stop("--keep")
    server.start(*modules.options(*NAMES, "reluctant"))
    goes_to()
    wait_for(lambda: os.path.exists(heard + "/lines") and told() == {"u0001": 3, "u0002": 3}, "it hears after a restart")
    switch(False)
    goes_to()
    wait_for(lambda: told() == {"u0001": 6, "u0002": 6}, "it hears on")


main()
