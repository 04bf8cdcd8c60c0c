#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Lays out paragraphs and list items of Markdown files that have lines over 110 columns, or code spans over the end of a line;
all else stays as it is.
Usage: tools/lib/lay_out_prose.py TREE     (make update-docs)"""
import os
import re
import sys
import textwrap

from check_documents import COLUMNS, sources_below

ITEM = re.compile(r"\s*([-*]|\d+\.) +")
# Beginnings of lines that do not continue the paragraph before them.
OTHER = ("|", "#", "```")
KEPT = "\x00"


def wrapped(block):
    """Returns the lines of one paragraph or item, laid out."""
    item = ITEM.match(block[0])
    first = item.group(0) if item else re.match(r"\s*", block[0]).group(0)
    text = " ".join([block[0][len(first):].strip()] + [line.strip() for line in block[1:]])
    # A code span stays in one line.
    text = re.sub(r"`[^`]+`", lambda span: span.group(0).replace(" ", KEPT), text)
    lines = textwrap.wrap(text, COLUMNS, initial_indent=first, subsequent_indent=" " * len(first), break_long_words=False,
                          break_on_hyphens=False)
    return [line.replace(KEPT, " ") for line in lines]


def is_untidy(line):
    return len(line) > COLUMNS or line.count("`") % 2 == 1


def laid_out(text):
    lines, out = text.split("\n"), []
    is_fenced, is_code, was_blank = False, False, True
    at = 0
    while at < len(lines):
        line = lines[at]
        if line.startswith("```"):
            is_fenced = not is_fenced
        elif line.strip():
            is_code = line.startswith("    ") and (is_code or was_blank and not ITEM.match(line))
        if is_fenced or is_code or not line.strip() or line.startswith(OTHER):
            out.append(line)
            was_blank = not line.strip()
            at += 1
            continue
        block = [line]
        while at + len(block) < len(lines):
            following = lines[at + len(block)]
            if not following.strip() or following.startswith(OTHER) or ITEM.match(following):
                break
            block.append(following)
        out += wrapped(block) if any(is_untidy(part) for part in block) else block
        was_blank = False
        at += len(block)
    return "\n".join(out)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    for name in sources_below(sys.argv[1]):
        if not name.endswith(".md"):
            continue
        path = os.path.join(sys.argv[1], name)
        with open(path, encoding="utf-8") as file:
            text = file.read()
        if laid_out(text) != text:
            with open(path, "w", encoding="utf-8") as file:
                file.write(laid_out(text))


if __name__ == "__main__":
    main()
