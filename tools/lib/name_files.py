#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Adds source files that no README names to the table of their directory's README, with the first sentence of the file's head.
Usage: tools/lib/name_files.py TREE     (make update-docs)"""
import os
import re
import sys

from check_documents import Tree, README_LINES, check_tables, read


def purpose_of(text):
    """Returns the first sentence of a file's head, in small letters, as rows begin."""
    head = re.search(r'/\*(.*?)\*/|"""(.*?)"""', text, re.S)
    words = (head.group(1) or head.group(2)) if head else ""
    words = re.sub(r"\s+", " ", re.sub(r"^ ?\*|SPDX-License-Identifier: \S+", " ", words, flags=re.M)).strip()
    sentence = re.split(r"(?<=[a-z)`])[.;:](?= |$)", words)[0].rstrip(".").replace("|", "/")
    return sentence[:1].lower() + sentence[1:] if sentence[:2] != sentence[:2].upper() else sentence


def add_row(tree, readme, name):
    """A row behind the table of files; where the README is full, the name joins the last row."""
    lines = read(tree.root, readme).split("\n")
    header = next((n for n, line in enumerate(lines) if re.match(r"\|[^|]*(file|header)", line)), None)
    if header is None:
        return
    last = header
    while lines[last + 1].startswith("|"):
        last += 1
    if len(lines) - 1 >= README_LINES:
        lines[last] = re.sub(r"^(\| *[^|]*?) *\|", lambda row: f"{row.group(1)}, `{name}` |", lines[last])
    else:
        purpose = purpose_of(read(tree.root, os.path.join(os.path.dirname(readme), name)))
        columns = lines[header].count("|") - 1
        lines.insert(last + 1, f"| `{name}` |" + " |" * (columns - 2) + f" {purpose} |")
    with open(os.path.join(tree.root, readme), "w", encoding="utf-8") as file:
        file.write("\n".join(lines))
    print(f"update-docs: {readme} names {name} now; look at its row")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    tree = Tree(sys.argv[1], None)
    check_tables(tree)
    for problem in tree.problems:
        found = re.match(r"([^:]+):\d+: does not name (\S+)$", problem)
        if found:
            add_row(tree, *found.groups())


if __name__ == "__main__":
    main()
