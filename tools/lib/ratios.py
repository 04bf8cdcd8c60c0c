# SPDX-License-Identifier: MIT
"""CPU per operation of Satchel as a ratio to Dovecot, from the load generator's JSON lines in SERVER.TURN.jsonl.  Ratios are of
one turn each; the table gives their median, and the lowest and the highest where there are several."""
import glob
import json
import os
import statistics
import sys

rows = {}
for path in sorted(glob.glob(os.path.join(sys.argv[1], "*.jsonl"))):
    turn = path.split(".")[-2]
    with open(path) as f:
        for line in f:
            try:
                r = json.loads(line)
            except ValueError:
                continue
            r["turn"] = turn
            if not r["workload"].startswith("prep"):
                rows.setdefault(r["workload"], {}).setdefault(r["server"].split("-")[0], []).append(r)


def by_turn(runs, key):
    return {r["turn"]: r[key] for r in runs if r.get("ops") and not r.get("errors") and "skipped" not in r and key in r}


def median(runs, key):
    good = by_turn(runs, key).values()
    return statistics.median(good) if good else None


print("| workload | Dovecot µs/op | Satchel µs/op | ratio | from, to |\n|---|--:|--:|--:|--:|")
worst = 0
for workload, servers in rows.items():
    if workload.startswith("imap-idle"):
        continue
    theirs, ours = (median(servers.get(s, []), "cpu_us_op") for s in ("dovecot", "satchel"))
    if theirs is None or ours is None:
        errors = [r.get("first_error") for r in servers.get("satchel", []) if r.get("errors")]
        print(f"| {workload} | {theirs or 'n/a'} | {ours or 'error'} | {errors[0] if errors else ''} | |")
        continue
    dovecot, satchel = (by_turn(servers[s], "cpu_us_op") for s in ("dovecot", "satchel"))
    ratios = sorted(satchel[turn] / dovecot[turn] for turn in satchel if turn in dovecot)
    ratio = statistics.median(ratios) if ratios else ours / theirs
    worst = max(worst, ratio)
    spread = f"{ratios[0]:.2f}, {ratios[-1]:.2f}" if len(ratios) > 1 else ""
    print(f"| {workload} | {theirs:,.4g} | {ours:,.4g} | {ratio:.2f} | {spread} |")
idle = {w: s for w, s in rows.items() if w.startswith("imap-idle")}
if idle:
    print("\n| idle | what | Dovecot | Satchel |\n|---|---|--:|--:|")
    for workload, servers in idle.items():
        for key in ("connections", "pss_kb_conn", "rss_kb_conn", "kmem_kb_conn", "idle_cpu_percent", "procs", "p50_us", "p99_us"):
            a, b = (median(servers.get(s, []), key) for s in ("dovecot", "satchel"))
            print(f"| {workload} | {key} | {'n/a' if a is None else f'{a:,.4g}'} | {'n/a' if b is None else f'{b:,.4g}'} |")
print(f"\nhighest ratio: {worst:.2f}")
