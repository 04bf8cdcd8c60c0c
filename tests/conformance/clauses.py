#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every clause of the storage contract has cases that prove it.  clauses.txt has a row for each comment of the headers that promises
something, and for each sentence of the rules for drivers; its cases are among those that satchel-storage-check lists.

clauses.py              checks this, as a test
clauses.py --show KEY   prints the words of a clause
clauses.py --update     makes rows for new clauses, drops those of clauses that are gone, and notes the words of those that changed, once
                        somebody has looked whether their cases still prove them"""
import os
import re
import subprocess
import sys
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
from tap import TOP, case, equal, main  # noqa: E402

BUILD = os.environ.get("SATCHEL_BUILDDIR") or os.path.join(TOP, ".build")
TABLE = os.path.join(HERE, "clauses.txt")
HEAD = """# SPDX-License-Identifier: MIT
# Clauses of the storage contract, the sum of their words (clauses.py --show KEY prints them), and what proves them: cases of this suite,
# or a test by its path.  "core" and "layer" say that no driver is concerned.  Made with clauses.py --update; the proofs are written by hand.
"""
# Structures whose members promise something, in the headers that drivers see.
STRUCTURES = ("SatchelMailboxImport", "SatchelStorageOps", "SatchelStaged", "SatchelOperation", "SatchelMailboxState", "SatchelStreamOps",
              "SatchelWriterOps", "SatchelUsage", "SatchelBlob")
RULES = "Rules that each driver keeps"


def words(comment):
    return " ".join(re.sub(r"\n\s*\*", "\n", comment).split())


def declared(line, after):
    """The name that a comment is about: of the declaration in front of it in its line, or of the one behind it."""
    after = re.sub(r"/\*.*?\*/", "", after, flags=re.S).strip()
    if not line.strip() and after.startswith("typedef") and "(*Satchel" in after.split(";")[0]:
        after = after[re.search(r"SATCHEL_API", after).start():]  # of the function that takes it
    text = line.strip() or after.split(";")[0].split("\n{")[0]
    for pattern in (r"\(\*(\w+)\)", r"\b(satchel_\w+) \(", r"#define (\w+)", r"^(SATCHEL_FILE_\w+)", r"(\w+)(?:\[\w+\])?\s*[,;]?\s*$"):
        found = re.search(pattern, text)
        if found:
            return found[1]
    return ""


def read_header(header):
    """Key -> words."""
    with open(os.path.join(TOP, "include/satchel", header)) as f:
        text = f.read()
    found = {}
    for m in re.finditer(r"/\*(.*?)\*/", text, re.S):
        body = words(m[1])
        if RULES in body:
            for n, rule in enumerate(re.split(r" - (?=[a-zA-Z])", body[body.index(RULES):])[1:], 1):
                for k, sentence in enumerate(re.split(r"(?<=[.;]) (?=[A-Za-z])", rule), 1):
                    found[f"rule {n}.{k}"] = sentence
            continue
        line = text[text.rfind("\n", 0, m.start()) + 1:m.start()]
        name = declared(line, text[m.end():m.end() + 900])
        opened, closed = text.rfind("\n{", 0, m.start()), text.rfind("\n}", 0, m.start())
        owner = re.search(r"struct (\w+)\s*$", text[:opened]) if opened > closed else None
        key = f"{owner[1]}.{name}" if owner else name
        if not (owner and owner[1] in STRUCTURES or not owner and re.match(r"satchel_|SATCHEL_(BLOB|METADATA|UNIQUE|IMPORT|FILE)", name)):
            continue
        found[key] = found[key] + " " + body if key in found else body
    return found


def clauses():
    return {key: text for header in ("store.h", "storage.h", "transaction.h", "snapshot.h", "stream.h")
            for key, text in read_header(header).items() if header != "snapshot.h" or key.startswith("SatchelMailboxState.")}


def sum_of(text):
    return f"{zlib.crc32(text.encode()):08x}"


def read_table():
    """Key -> sum, proofs."""
    rows = {}
    with open(TABLE) as f:
        for line in f:
            if line.strip() and not line.startswith("#"):
                key, value, proofs = (part.strip() for part in line.split("|"))
                rows[key] = (value, proofs.split())
    return rows


def known_cases():
    """The cases over the stacks of this tree: areas that only some of them have are among these."""
    said = subprocess.run([os.path.join(BUILD, "satchel-storage-check"), "-l"], capture_output=True, text=True, check=True,
                          env={**os.environ, "SATCHEL_BUILDDIR": BUILD}).stdout
    return {m[1] for m in re.finditer(r"^/conformance/[^/]+/(\S+)$", said, re.M)}


def update():
    rows = read_table() if os.path.exists(TABLE) else {}
    with open(TABLE, "w") as f:
        f.write(HEAD)
        for key, text in clauses().items():
            f.write(f"{key} | {sum_of(text)} | {' '.join(rows.get(key, ('', []))[1])}".rstrip() + "\n")


@case
def each_clause_has_a_row():
    """each clause of the headers has a row, and each row a clause"""
    table, found = read_table(), clauses()
    equal(sorted(set(found) - set(table)), [], "clauses without a row: run clauses.py --update and name their cases")
    equal(sorted(set(table) - set(found)), [], "rows of clauses that are gone: run clauses.py --update")
    print(f"# {len(found)} clauses", flush=True)


@case
def no_clause_has_changed():
    """no clause has changed since somebody looked at its cases"""
    found = clauses()
    changed = [key for key, (value, _) in read_table().items() if key in found and value != sum_of(found[key])]
    equal(changed, [], "clauses with other words: see whether their cases still prove them, then run clauses.py --update")


@case
def each_clause_is_proved():
    """each clause names a case, or a test elsewhere"""
    equal([key for key, (_, proofs) in read_table().items() if not proofs], [], "clauses that nothing proves")


@case
def proofs_exist():
    """each case and test that is named exists"""
    cases = known_cases()
    missing = [f"{key}: {proof}" for key, (_, proofs) in read_table().items() for proof in proofs
               if proof not in ("core", "layer") and proof not in cases and not os.path.exists(os.path.join(TOP, proof))]
    equal(missing, [], "proofs that do not exist")


if sys.argv[1:2] == ["--update"]:
    update()
elif sys.argv[1:2] == ["--show"]:
    print(clauses()[" ".join(sys.argv[2:])])
else:
    main()
