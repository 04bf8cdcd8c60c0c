# SPDX-License-Identifier: MIT
"""CPU per operation of Satchel as a ratio to Dovecot, from the load generator's JSON lines in SERVER.TURN.jsonl; with --layers that
of a driver below a layer (DRIVER+LAYER) to the driver alone.  Ratios are of one turn each; the table gives their median, and the
lowest and the highest where there are several.  If a turn has a row more than once, its median counts."""
import glob
import json
import os
import statistics
import sys

IDLE_KEYS = ("connections", "pss_kb_conn", "rss_kb_conn", "kmem_kb_conn", "idle_cpu_percent", "procs", "p50_us", "p99_us")


def read_rows(directory, name_of):
    """{workload: {server: [line]}}"""
    rows = {}
    for path in sorted(glob.glob(os.path.join(directory, "*.jsonl"))):
        turn = path.split(".")[-2]
        with open(path) as f:
            for line in f:
                try:
                    r = json.loads(line)
                except ValueError:
                    continue
                r["turn"] = turn
                if not r["workload"].startswith("prep"):
                    rows.setdefault(r["workload"], {}).setdefault(name_of(r["server"]), []).append(r)
    return rows


def by_turn(runs, key):
    found = {}
    for r in runs:
        if r.get("ops") and not r.get("errors") and "skipped" not in r and key in r:
            found.setdefault(r["turn"], []).append(r[key])
    return {turn: statistics.median(values) for turn, values in found.items()}


def median(runs, key):
    good = by_turn(runs, key).values()
    return statistics.median(good) if good else None


def compare(theirs, ours):
    """Returns the cells of a row, and the ratio; None instead of it if there is none."""
    before, after = median(theirs, "cpu_us_op"), median(ours, "cpu_us_op")
    if before is None or after is None:
        errors = [r.get("first_error") for r in ours if r.get("errors")]
        return f"{before or 'n/a'} | {after or 'error'} | {errors[0] if errors else ''} | |", None
    of_theirs, of_ours = (by_turn(runs, "cpu_us_op") for runs in (theirs, ours))
    ratios = sorted(of_ours[turn] / of_theirs[turn] for turn in of_ours if turn in of_theirs)
    ratio = statistics.median(ratios) if ratios else after / before
    spread = f"{ratios[0]:.2f}, {ratios[-1]:.2f}" if len(ratios) > 1 else ""
    return f"{before:,.4g} | {after:,.4g} | {ratio:.2f} | {spread} |", ratio


def print_idle(rows):
    idle = {w: s for w, s in rows.items() if w.startswith("imap-idle")}
    if idle:
        print("\n| idle | what | Dovecot | Satchel |\n|---|---|--:|--:|")
    for workload, servers in idle.items():
        for key in IDLE_KEYS:
            a, b = (median(servers.get(s, []), key) for s in ("dovecot", "satchel"))
            print(f"| {workload} | {key} | {'n/a' if a is None else f'{a:,.4g}'} | {'n/a' if b is None else f'{b:,.4g}'} |")


def print_servers(directory):
    rows = read_rows(directory, lambda server: server.split("-")[0])
    print("| workload | Dovecot µs/op | Satchel µs/op | ratio | from, to |\n|---|--:|--:|--:|--:|")
    worst = 0
    for workload, servers in rows.items():
        if workload.startswith("imap-idle"):
            continue
        cells, ratio = compare(servers.get("dovecot", []), servers.get("satchel", []))
        worst = max(worst, ratio or 0)
        print(f"| {workload} | {cells}")
    print_idle(rows)
    print(f"\nhighest ratio: {worst:.2f}")


def print_layers(directory):
    print("\n| workload | stack | driver alone µs/op | with the layer µs/op | ratio | from, to |\n|---|---|--:|--:|--:|--:|")
    for workload, stacks in read_rows(directory, lambda server: server.partition("-")[2]).items():
        for stack, runs in sorted(stacks.items()):
            if "+" in stack:
                print(f"| {workload} | {stack} | {compare(stacks.get(stack.split('+')[0], []), runs)[0]}")


if sys.argv[1] == "--layers":
    print_layers(sys.argv[2])
else:
    print_servers(sys.argv[1])
