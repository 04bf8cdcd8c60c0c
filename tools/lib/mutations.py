# SPDX-License-Identifier: MIT
"""What can be broken in C sources, one small change each, and the table of what became of it."""
import os
import re

SWAPPED = {"==": "!=", "!=": "==", "<": ">=", ">": "<=", "<=": ">", ">=": "<"}
OFF_BY_ONE = {"<": "<=", "<=": "<", ">": ">=", ">=": ">"}
COMPARISON = re.compile(r"(?<=[\w)\]] )(==|!=|<=|>=|<|>)(?= [\w(&*!'-])")
STATEMENT = re.compile(r"\s+(?!return\b|break\b|continue\b|goto\b|case\b|default\b|else\b|if\b|for\b|while\b|do\b|switch\b)"
                       r"[\w>.\[\]*-]+ (\(.*\)|[|&+-]?= .*);$|\s+[\w>.\[\]-]+(\+\+|--);$")


def blank(code):
    """The text with comments, strings and directives blanked, so that places stay the same."""
    pattern = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'|^#(?:[^\n]*\\\n)*[^\n]*', re.S | re.M)
    return pattern.sub(lambda m: re.sub(r"[^\n]", "~", m.group(0)), code)


def matching(text, start):
    """Place behind the parenthesis that closes the one at @start, or -1."""
    depth = 0
    for at in range(start, len(text)):
        depth += (text[at] == "(") - (text[at] == ")")
        if depth == 0:
            return at + 1
    return -1


def mutations_of_line(line):
    """(kind, start, end, new text) of each way to break the line."""
    for found in re.finditer(r"\b(?:if|while) \(", line):
        start = found.end() - 1
        end = matching(line, start)
        if end > 0:
            yield "negated condition", start, end, lambda old: f"(!{old})"
    for found in re.finditer(r"&&|\|\|", line):
        yield "and for or", found.start(), found.end(), lambda old: "||" if old == "&&" else "&&"
    for found in COMPARISON.finditer(line):
        yield "swapped comparison", found.start(), found.end(), lambda old: SWAPPED[old]
        if found.group(1) in OFF_BY_ONE:
            yield "off by one", found.start(), found.end(), lambda old: OFF_BY_ONE[old]
    for found in re.finditer(r"(?<=[\w)\]] [+-] )1\b", line):
        yield "off by one", found.start(), found.end(), lambda old: "0"
    for found in re.finditer(r"(?<![\w.])(\d+)(?![\w.])", line):
        if not line[:found.start()].endswith(("+ ", "- ")):
            yield "changed constant", found.start(), found.end(), lambda old: str(int(old) + 1)
    for found in re.finditer(r"\b(TRUE|FALSE)\b", line):
        yield "changed constant", found.start(), found.end(), lambda old: "FALSE" if old == "TRUE" else "TRUE"
    if STATEMENT.match(line):
        yield "removed statement", len(line) - len(line.lstrip()), len(line), lambda old: ";"


def mutations_of(top, name):
    """(file, line, start, end, kind, old, new) of everything in the bodies of a file's functions."""
    with open(os.path.join(top, name), encoding="utf-8") as file:
        code = file.read()
    found, depth = [], 0
    for number, (line, plain) in enumerate(zip(code.split("\n"), blank(code).split("\n")), 1):
        # A body begins with a brace in the first column; tables and structures do not.
        if plain.startswith("{"):
            depth = 1
        elif plain.startswith("}"):
            depth = 0
        elif depth and "g_return" not in plain and "g_assert" not in plain:
            for kind, start, end, change in mutations_of_line(plain):
                old = line[start:end]
                found.append((name, number, start, end, kind, old, change(old)))
    return found


def candidates(top, places):
    """All mutations of files and of the directories below, @places in @top."""
    names = []
    for path in places:
        if os.path.isfile(os.path.join(top, path)):
            names.append(path)
        for directory, folders, files in os.walk(os.path.join(top, path)):
            folders[:] = [f for f in folders if f != "tests"]
            names += [os.path.relpath(os.path.join(directory, f), top) for f in files if f.endswith(".c")]
    return [m for name in sorted(set(names)) for m in mutations_of(top, name)]


def one_a_line(found):
    """Of mutations in any order, those that break a line that none before breaks."""
    seen = set()
    for mutation in found:
        if mutation[:2] not in seen:
            seen.add(mutation[:2])
            yield mutation


def broken(code, mutation):
    """The text of the file with the mutation in it."""
    _, number, start, end, _, _, new = mutation
    lines = code.split("\n")
    lines[number - 1] = lines[number - 1][:start] + new + lines[number - 1][end:]
    return "\n".join(lines)


# What a run can end with.  The last two are no mutants: another line is broken instead.
KILLED, TIMED_OUT, ALIVE, NOT_COVERED = "killed", "timed out", "ALIVE", "not covered"
EQUIVALENT, NOT_COMPILED = "equivalent", "does not compile"
COLUMNS = (KILLED, TIMED_OUT, ALIVE, NOT_COVERED)


def outcome(result):
    """One of the above, of the words in a row: "killed by tests/unit/test-store"."""
    return next(o for o in (*COLUMNS, EQUIVALENT, NOT_COMPILED) if result.startswith(o))


def row_of(mutation, result):
    name, number, start, _, kind, old, new = mutation
    old, new = (re.sub(r"\s+", " ", t)[:60] for t in (old, new))
    return f"{name}:{number}:{start + 1}\t{kind}\t{old} => {new}\t{result}"


def read_rows(path):
    """{(place, kind, change): result} of a table; a row that was cut short when a run ended counts for nothing."""
    with open(path, encoding="utf-8") as file:
        return {tuple(row.split("\t")[:3]): row.rstrip("\n").split("\t")[3]
                for row in file if row.count("\t") == 3 and row.endswith("\n")}


def survivors_among(rows, found):
    """The mutations of @found that lived in @rows.  One whose line has moved since is the nearest with the same change."""
    chosen = []
    for (where, kind, change), result in rows.items():
        name, number, _ = where.split(":")
        same = [m for m in found if m[0] == name and row_of(m, "").split("\t")[1:3] == [kind, change]]
        if outcome(result) in (ALIVE, NOT_COVERED) and same:
            chosen.append(min(same, key=lambda m: abs(m[1] - int(number))))
    return chosen


def in_words(rows, places):
    """The table and the survivors for docs/mutation.md: @rows as read_rows has them, a line for each of @places."""
    lines = ["| directory | mutants | killed | timed out | survived | not covered | caught |", "|---|---|---|---|---|---|---|"]
    counts = {place: dict.fromkeys(COLUMNS, 0) for place in places}
    for (where, _, _), result in rows.items():
        place = max((p for p in places if where.startswith(p)), key=len, default=None)
        if place is not None and outcome(result) in COLUMNS:
            counts[place][outcome(result)] += 1
    total = {column: sum(c[column] for c in counts.values()) for column in COLUMNS}
    for place, count in [*counts.items(), ("all", total)]:
        n, caught = sum(count.values()), count[KILLED] + count[TIMED_OUT]
        cells = [f"`{place}`" if place != "all" else place, n, *(count[c] for c in COLUMNS), f"{100 * caught / max(1, n):.0f} %"]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    survivors = [(key, result) for key, result in sorted(rows.items()) if outcome(result) in (ALIVE, NOT_COVERED)]
    lines += ["", *(f"- `{where}`, {kind}: `{change}`" + (" (not covered)" if outcome(result) == NOT_COVERED else "")
                    for (where, kind, change), result in survivors)]
    return "\n".join(lines)
