#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Upkeep of modules: every user is visited, whether he comes or not; in slices, one at a time; a restart goes on; clocks that jump are
told; what hangs or fails costs itself only."""
import json
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from modules import Modules  # noqa: E402
from tap import Server, case, equal, main, wait_for  # noqa: E402

modules = Modules()
modules.add("admin/keeper.c", "keeper")


def start(*options, interval="10s", processes=1, users=6):
    settings = [f"server.mail_processes={processes}", f"janitor.interval={interval}", "janitor.slice=50ms", *options]
    arguments = [*modules.options("keeper"), *[x for setting in settings for x in ("--set", setting)]]
    one = Server(*arguments, users=users)
    one.arguments = arguments
    return one


def lines(server, pattern):
    return [line for line in server.log().splitlines() if re.search(pattern, line)]


def visited(server, what="visit", until=None):
    """Users, in order; only of the lines before the first that has @until."""
    text = server.log()
    if until:
        text = text[:text.index(until)]
    return re.findall(rf"keeper: {what} user=(\S+)", text)


def processes(server, pattern):
    return {re.search(r"satchel-mail\[\d+\]", line)[0] for line in lines(server, pattern)}


def first_rounds(server):
    """Who was visited in the first round of each process, in whatever order the log has them."""
    found = []
    for process in processes(server, "janitor: round over"):
        own = "\n".join(line for line in lines(server, re.escape(process)))
        found += re.findall(r"keeper: visit user=(\S+)", own[:own.index("janitor: round over")])
    return found


def status(server):
    return [x for x in json.loads(server.cli("status", "--json").stdout)["lines"] if x.get("text") == "janitor:"]


def counter(server, result):
    return sum(x["value"] for x in json.loads(server.cli("status", "--json").stdout)["counters"]
               if x["name"] == "satchel_janitor_visits_total" and x["labels"]["result"] == result)


def state_file(server):
    return os.path.join(server.mail_root, "spool", ".janitor-0")


server = start("keeper.fail=u0004", "keeper.slow=u0005", "janitor.interval=8s", processes=2)
everybody = {f"u{n:04}@{server.domain}" for n in range(1, 7)}


@case
def all_users():
    """a round visits every account, also those without mail and who never logged in, in each owner, one after the other"""
    for slot in (0, 1):
        wait_for(lambda slot=slot: [x for x in status(server) if x["slot"] == slot and (x["visited"] == x["users"] or x["state"] == "waiting")], f"slot {slot}", 60)
    wait_for(lambda: len(processes(server, "janitor: round over")) == 2, "the end of a round of each", 60)
    equal(set(visited(server)), everybody, "users")
    equal({x for line in lines(server, "keeper: visit") for x in re.findall(r"(?:cause|service|clock|jumped)=\w+", line)},
          {"cause=background", "service=janitor", "clock=right", "jumped=no"}, "what they see")
    equal({re.search(r"at_once=(\d+)", line)[1] for line in lines(server, "keeper: visit")}, {"1"}, "at a time")
    equal(set(visited(server, "listener")), everybody, "users of the listener")


@case
def slow_and_failing():
    """who takes long goes on in further slices, who fails is told of and counted; all others are visited once a round"""
    found = first_rounds(server)
    first = {user: found.count(user) for user in found}
    again = set(visited(server, "done"))
    equal(again, everybody - {f"u0004@{server.domain}"}, "who was done")
    equal({user: n for user, n in first.items() if not user.startswith("u0005")}, dict.fromkeys(everybody - {f"u0005@{server.domain}"}, 1), "visits")
    equal(first[f"u0005@{server.domain}"] >= 5, True, f"slices: {first}")
    equal(len(lines(server, r"janitor: user=u0004@\S+ module=keeper: nothing is where it was")), 1, "the failure in the log")
    equal((counter(server, "failed") >= 1, counter(server, "done") >= 5), (True, True), "counters")


@case
def mail_without_account():
    """mail that nobody has an account for is looked after as well; a released user is left alone"""
    path = os.path.join(server.mail_root, server.domain, "ghost")
    owner = os.stat(server.mail_root)
    os.mkdir(path, 0o700)
    os.chown(path, owner.st_uid, owner.st_gid)
    wait_for(lambda: f"ghost@{server.domain}" in visited(server), "a visit", 60)
    server.cli("release", "u0001")
    n = len(lines(server, "round over"))
    before = visited(server).count(f"u0001@{server.domain}")
    wait_for(lambda: len(lines(server, "round over")) >= n + 4, "further rounds", 90)
    equal(visited(server).count(f"u0001@{server.domain}"), before, "visits of the released one")
    server.cli("adopt", "u0001")
    wait_for(lambda: visited(server).count(f"u0001@{server.domain}") > before, "a visit after it was adopted", 60)


@case
def stores_are_closed():
    """a store that was opened for the visit alone is closed again"""
    wait_for(lambda: {x["stores"] for x in json.loads(server.cli("status", "--json").stdout)["lines"] if x.get("text") == "mail:"} == {0}, "no store is open")
    server.stop()


@case
def goes_on_after_restart():
    """a restart goes on with the round where it was; sessions work meanwhile"""
    one = start(interval="15s", users=12)
    wait_for(lambda: len(visited(one)) >= 3, "three visits", 60)
    equal(one.imap("u0001").select()[0], "OK", "a session")
    one.stop("--keep")
    equal(os.path.exists(state_file(one)), True, "the file")
    equal(len(visited(one)) < 12, True, "some are left")
    one.start(*one.arguments)
    wait_for(lambda: lines(one, "round over"), "the end of the round", 60)
    equal(sorted(visited(one, until="round over")), [f"u{n:04}@{one.domain}" for n in range(1, 13)], "each once")
    one.stop()


@case
def clock_jumps():
    """a clock that went ahead of the time that passed is told to modules, in the log and in status, and nobody is left out"""
    one = start(interval="4s", users=2)
    wait_for(lambda: len(visited(one)) >= 2, "visits", 60)
    equal([x["clock_ahead_s"] for x in status(one)], [0], "status before")
    one.stop("--keep")
    with open(state_file(one)) as f:
        text = f.read()
    month_ms = 30 * 86400 * 1000
    wall = int(re.search(r"^wall (\d+)$", text, re.M)[1])
    with open(state_file(one), "w") as f:
        f.write(re.sub(r"^wall \d+$", f"wall {wall - month_ms}", text, flags=re.M))
    n = len(visited(one))
    one.start(*one.arguments)
    wait_for(lambda: len(visited(one)) >= n + 2, "further visits", 60)
    equal({re.search(r"jumped=(\w+)", line)[1] for line in lines(one, "keeper: visit")[n:]}, {"yes"}, "what they see")
    equal(lines(one, "warning: janitor: the clock is 259[0-9]{4} s ahead") != [], True, "the line in the log")
    equal([x["clock_ahead_s"] > month_ms // 1000 - 60 for x in status(one)], [True], "status")
    one.stop()


@case
def hangs():
    """upkeep that hangs is a stuck job like any other, and those after it have their turn in the next process"""
    one = start("keeper.hang=u0002", "server.hang_time=1s", "server.stuck_time=1s", interval="20s", users=4)
    # A disk may be slow enough for a line about another user.
    line = wait_for(lambda: lines(one, "has a stuck job: .* user=u0002@"), "a line in the log", 60)[0]
    for part in ("operation=janitor", "module=keeper", "call=maintain"):
        equal(part in line, True, line)
    wait_for(lambda: f"u0004@{one.domain}" in visited(one, "done"), "the last user", 90)
    equal(visited(one, until="round over" if lines(one, "round over") else None).count(f"u0002@{one.domain}"), 1, "visits of the one that hangs")
    one.stop()


@case
def stops():
    """a visit that would never end is ended with the server, without waiting for the end of its time"""
    one = start("keeper.slow=u0001", "keeper.endless=u0001", "janitor.slice=60s", "server.stop_grace=300s", interval="10s", users=2)
    wait_for(lambda: visited(one), "a visit", 60)
    one.cli("stop", timeout=45)
    equal(visited(one), [f"u0001@{one.domain}"], "who was visited")


@case
def nothing_to_do():
    """without a module that has upkeep, or with janitor.interval = 0, there is no janitor"""
    one = start("keeper.enabled=false")
    equal(status(one), [], "status without the module")
    one.stop()
    one = start(interval="0s")
    equal((status(one), visited(one)), ([], []), "status and visits with interval 0")
    one.stop()


main()
