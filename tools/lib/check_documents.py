#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds documents to the tree: what they name exists, every source file stands in its directory's README, every module in
the tables of modules.
Usage: tools/lib/check_documents.py TREE [SATCHEL]    (SATCHEL: the built command, for its commands and options)

Prints FILE:LINE: what is wrong, a line each, and returns 1 if there is any.  tests/unit/check-documents.sh shows that each
rule bites."""
import fnmatch
import os
import re
import subprocess
import sys

COLUMNS = 110
README_LINES = 60
FILES_WITHOUT_README = 5
ROOTS = ("core", "include", "modules", "tests", "docs", "tools", "packaging", "conf.d", ".ci", ".github")
TEXT = (".c", ".h", ".py", ".sh", ".md", ".mk", ".def", ".in", ".script", ".am", ".ac", ".yml")
SOURCES = (".c", ".h", ".py")
# Words that point at documents which a reader of the tree does not have.
OUTSIDE = [
    (re.compile(r"§"), "a section of a document that is not named"),
    (re.compile(r"code-review|[Hh]andbook\b|[Tt]est catalogue|catalogue [A-Z]\d"), "a document outside the tree"),
    (re.compile(r"\b[Ii]ssue \d|\bdesign \d"), "an issue, which no reader of the tree has"),
    (re.compile(r"[Mm]ust[ -]show\b|\b[Pp]romise \d"), "a list outside the tree"),
    (re.compile(r"\.\./shared/(?!corpus|bench|rfc)\w"), "a directory outside the tree"),
]
# Each has one table, headed "kind", whose last column names modules.
MODULE_TABLES = ("docs/design.md", "modules/README.md")
MADE_BY_CONFIGURE = {"config.h"}
# Automake makes these.
STANDARD_TARGETS = {"all", "check", "clean", "dist", "distcheck", "install", "install-strip", "uninstall", "installcheck", "test-%"}


def sources_below(tree):
    """Text files of the tree, by name relative to it; build directories and version control are left out."""
    found = [name for name in os.listdir(tree) if name.endswith((".md", ".ac", ".am"))]
    for root in ROOTS:
        for directory, names, files in os.walk(os.path.join(tree, root)):
            names[:] = sorted(n for n in names if n == ".ci" or not n.startswith(".") and n not in ("__pycache__", "data"))
            found += [os.path.relpath(os.path.join(directory, name), tree) for name in sorted(files)]
    return [name for name in found if not name.endswith((".o", ".lo", ".pyc"))]


def read(tree, name):
    with open(os.path.join(tree, name), encoding="utf-8", errors="replace") as file:
        return file.read()


def is_text(tree, name):
    if name.endswith(TEXT):
        return True
    with open(os.path.join(tree, name), "rb") as file:
        return file.read(2) == b"#!"


def expand(pattern):
    """`a{b,c}.d` as a list of patterns."""
    braces = re.search(r"\{([^{}]*)\}", pattern)
    if not braces:
        return [pattern]
    return [p for word in braces.group(1).split(",")
            for p in expand(pattern[:braces.start()] + word.strip() + pattern[braces.end():])]


class Tree:
    def __init__(self, root, satchel):
        self.root, self.satchel = root, satchel
        self.files = sources_below(root)
        self.places = set(self.files)
        for name in self.files:
            while "/" in name:
                name = os.path.dirname(name)
                self.places.add(name)
        self.problems = []

    def complain(self, name, line, what):
        self.problems.append(f"{name}:{line}: {what}")

    def exists(self, path, directory=""):
        """Is it a file or directory of the tree, seen from its root or from @directory?"""
        for pattern in expand(path.rstrip("/")):
            seen = [os.path.normpath(os.path.join(base, pattern)) for base in {"", directory}]
            if not any(fnmatch.fnmatchcase(place, p) for p in seen for place in self.places):
                return False
        return True


def lines_of_prose(text):
    """(number, line, is_code) of each line; code is indented by four behind an empty line, or fenced."""
    is_fenced = is_code = False
    was_blank = True
    for number, line in enumerate(text.split("\n"), 1):
        if line.startswith("```"):
            is_fenced = not is_fenced
        elif line.strip() and not line.startswith("    "):
            is_code = False
        elif line.startswith("    ") and was_blank and not re.match(r"\s*([-*]|\d+\.) ", line):
            is_code = True
        yield number, line, is_fenced or is_code or line.startswith("```")
        was_blank = not line.strip()


def check_references(tree):
    """No word leads to a document that is not in the tree; documents and decisions that are named exist."""
    own = ("tools/lib/check_documents.py", "tests/unit/check-documents.sh")
    for name in tree.files:
        if name in own or not is_text(tree.root, name):
            continue
        directory = os.path.dirname(name)
        for number, line in enumerate(read(tree.root, name).split("\n"), 1):
            for pattern, what in OUTSIDE:
                if pattern.search(line):
                    tree.complain(name, number, f"names {what}: {line.strip()[:80]}")
            for path in re.findall(r"(?<![\w*$/.{-])([\w./-]*\w\.md)\b", line):
                if "NNNN" not in path and not tree.exists(path, directory) and not tree.exists("docs/" + path):
                    tree.complain(name, number, f"there is no document {path}")
            for decision in re.findall(r"\b[Dd]ecisions? (\d{4})\b", line):
                if not tree.exists(f"docs/decisions/{decision}-*.md"):
                    tree.complain(name, number, f"there is no decision {decision}")


def check_tables(tree):
    """Each source file stands in its directory's README, a directory of more than a few has one, and it is short."""
    directories = {}
    for name in tree.files:
        directories.setdefault(os.path.dirname(name), []).append(os.path.basename(name))
    for directory, names in sorted(directories.items()):
        if not directory or directory.startswith("."):
            continue
        sources = [n for n in names if n.endswith(SOURCES + (".md",)) or "." not in n]
        readme = os.path.join(directory, "README.md")
        if "README.md" not in names:
            explains_itself = directory.startswith(("core/", "modules/")) and not directory.endswith("tests")
            if len(sources) > FILES_WITHOUT_README or explains_itself and any(n.endswith(".c") for n in names):
                tree.complain(directory, 1, f"has {len(sources)} files and no README.md")
            continue
        text = read(tree.root, readme)
        n_lines = text.count("\n")
        if n_lines > README_LINES:
            tree.complain(readme, n_lines, f"is longer than {README_LINES} lines")
        named = [p for span in re.findall(r"`([^`\n]+)`", text) for word in re.split(r"[\s,]+", span) for p in expand(word)]
        stems = {os.path.splitext(n)[0] for n in names if n.endswith(".c")}

        def is_named(name):
            stem, ending = os.path.splitext(name)
            return any(fnmatch.fnmatchcase(name, p) or p == stem or ending == ".h" and stem in stems
                       and fnmatch.fnmatchcase(stem + ".c", p) for p in named)
        for name in names:
            # The name of NOUN_private.h says what it is.
            if name.endswith(SOURCES) and not name.endswith("_private.h") and not is_named(name):
                tree.complain(readme, 1, f"does not name {name}")


def check_modules(tree):
    """The tables of modules by kind name each directory of modules/ and nothing else."""
    modules = {name.split("/")[1] for name in tree.files if re.match(r"modules/[^/]+/", name)}
    for name in MODULE_TABLES:
        if name not in tree.places:
            continue
        first, named, is_on = 0, set(), False
        for number, line in enumerate(read(tree.root, name).split("\n"), 1):
            if line.startswith("| kind |"):
                first, is_on = number, True
            is_on = is_on and line.startswith("|")
            if is_on:
                cell = line.rstrip("| ").split("|")[-1]
                named.update(span.rstrip("/") for span in re.findall(r"`([^`]+)`", cell) if not span.startswith("docs/"))
        for module in sorted(modules - named):
            tree.complain(name, first or 1, f"its table of modules lacks {module}")
        for module in sorted(named - modules):
            tree.complain(name, first, f"its table of modules has {module}, which is no directory of modules/")


def check_paths(tree):
    """Links, and paths in code spans, lead to files of the tree."""
    for name in tree.files:
        if not name.endswith(".md"):
            continue
        directory = os.path.dirname(name)
        for number, line, _ in lines_of_prose(read(tree.root, name)):
            for link in re.findall(r"\]\(([^)#:\s]+)[)#]", line):
                if not tree.exists(link, directory):
                    tree.complain(name, number, f"its link leads nowhere: {link}")
            for span in re.findall(r"`([^`]+)`", line):
                path = span.split(" ")[0].rstrip(":;,.")
                if not re.match(r"(core|include|modules|tests|docs|tools|packaging|conf\.d)/[\w./*{},-]+$", path):
                    continue
                # As programs and tests are called: without .c; decisions by number.
                if not any(tree.exists(path + end, directory) for end in ("", ".c", "-*.md")) and not re.search(r"[A-Z]{3}", path):
                    tree.complain(name, number, f"there is no {path}")


def comments_of(text):
    """(line, text) of each comment in C."""
    for comment in re.finditer(r"/\*(.*?)\*/", text, re.S):
        yield text.count("\n", 0, comment.start()) + 1, comment.group(1)


# What a comment before a function may not begin with, since it says first what the function does.
NO_VERB = [
    (re.compile(r"(@\w+|[A-Z]{2,}|-?\d+)( means)?:|[A-Z]{2,} means |\*?@\w+ "), "begins with a value or an argument"),
    (re.compile(r"(The caller holds|Under) [^.;:]*\.?$"), "says only which lock is held"),
    (re.compile(r"[A-Z][^.;:]*\?( |$)"), "asks a question"),
]
# Openings that any comment of ours can do without.
EMPTY_OPENING = re.compile(r"(This|These) (files? |headers? |functions |members |comments? )?(is|are|has|have|says?|declares?|belongs?)\b")
# A comment that begins behind code and ends in a later line, and a declaration that its comment tore apart.
LONG_TRAILER = re.compile(r"^[ \t]+[^\s/*#][^\n]*?[;,{][ \t]+/\*[^\n]*(?<!\*/)\n", re.M)
TORN = re.compile(r"^[ \t]+(?:(?:const|static|struct) )*[A-Za-z_]\w*(?: =)?\n[ \t]+(?:\*\w+|\w+(?=[;,]| << ))[^;\n(]*[;,][ \t]+/\*", re.M)
FUNCTION = re.compile(r"(?!typedef (struct|enum|union)|struct |enum )\w[^;{}=]*\(")


def check_comments(tree):
    """Comments before functions say what these do, the head of a file says more than its name, no comment begins with words
    that say nothing, and one behind code is short."""
    for name in tree.files:
        if not name.startswith(("core/", "include/", "modules/")) or not name.endswith((".c", ".h")) or "/tests/" in name:
            continue
        text = read(tree.root, name)
        for line, comment in comments_of(text):
            said = " ".join(re.sub(r"\n\s*\*", "\n", comment).split()).removeprefix("SPDX-License-Identifier: MIT ")
            if EMPTY_OPENING.match(said):
                tree.complain(name, line, f"begins with words that say nothing: {said[:60]}")
        for pattern, what in ((LONG_TRAILER, "needs two lines"), (TORN, "tears its declaration apart")):
            for trailer in pattern.finditer(text):
                line = text.count("\n", 0, trailer.start()) + 1
                tree.complain(name, line, f"a comment behind code {what}; put it above")
        for comment in re.finditer(r"^/\*((?:[^*]|\*(?!/))*)\*/\n", text, re.M):
            said = " ".join(re.sub(r"\n\s*\*", "\n", comment.group(1)).split())
            line = text.count("\n", 0, comment.start()) + 1
            if said.startswith("SPDX-License-Identifier:"):
                if len(said.split()) < 4:
                    tree.complain(name, line, "the head of the file does not say what the file has")
            elif FUNCTION.match(text, comment.end()):
                for pattern, what in NO_VERB:
                    if pattern.match(said):
                        tree.complain(name, line, f"{what}; a comment before a function says what it does: {said[:60]}")


def check_sources(tree):
    """Files of C that comments and READMEs name exist, and a comment says of no function without a result what it returns."""
    known = {os.path.basename(name) for name in tree.files} | MADE_BY_CONFIGURE

    def look(name, number, text):
        for file in re.findall(r"(?<![\w./<*{-])([a-z][a-z0-9_-]*\.[ch])\b(?!\.)", text):
            if file not in known:
                tree.complain(name, number, f"there is no file {file}")
    for name in tree.files:
        if name.endswith("README.md"):
            for number, line, is_code in lines_of_prose(read(tree.root, name)):
                for span in [] if is_code else re.findall(r"`([^`]+)`", line):
                    look(name, number, span)
        if not name.endswith((".c", ".h")):
            continue
        text = read(tree.root, name)
        for number, comment in comments_of(text):
            look(name, number, comment)
        for wrong in re.finditer(r"/\* Returns\b[^*]*(?:\*(?!/)[^*]*)*\*/\n(?:static |SATCHEL_API |inline )*void[ \n](?!\*)", text):
            tree.complain(name, text.count("\n", 0, wrong.start()) + 1, "says what a function returns that returns nothing")
        for call in re.finditer(r'satchel_error_set_errno \((?:[^"();]|\([^()]*\))*((?:"(?:[^"\\]|\\.)*"\s*(?:[A-Z_]+\s*)?)+)', text):
            if "/tests/" not in name and not name.startswith("tests/") and len(call.group(1).split()) < 3 and "%s %s" not in call.group(1):
                tree.complain(name, text.count("\n", 0, call.start()) + 1, "an error of the system is a sentence: what could not be done")


def check_lines(tree):
    for name in tree.files:
        if not name.endswith(".md"):
            continue
        for number, line, is_code in lines_of_prose(read(tree.root, name)):
            if len(line) > COLUMNS and not is_code and not line.startswith("|") \
                    and " " in re.sub(r"`[^`]+`", "", line).strip():
                tree.complain(name, number, f"is longer than {COLUMNS} columns (make update-docs lays it out)")


def targets_of(tree):
    found = set(STANDARD_TARGETS)
    for name in tree.files:
        if name.endswith((".mk", "Makefile.am")):
            for line in read(tree.root, name).split("\n"):
                rule = re.match(r"([\w%./ -]+):(?!=)", line)
                if rule:
                    found.update(rule.group(1).split())
                if line.startswith(".PHONY:"):
                    found.update(line.split()[1:])
    return found


def commands_of(satchel):
    """Name of each command, with what its help says."""
    def ask(*words):
        return subprocess.run([satchel, *words, "--help"], capture_output=True, text=True, timeout=60).stdout
    found, is_on = {}, False
    for line in ask().split("\n"):
        if line.startswith("Commands:"):
            is_on = True
        elif not line.strip():
            is_on = False
        elif is_on:
            words = line.split()[:2]
            name = words if len(words) > 1 and re.match(r"[a-z-]+$", words[1]) and line.startswith("  ") else words[:1]
            found[tuple(name)] = ask(*name)
    return found


def commands_of_modules(tree):
    """The same of the manual pages of modules, which follow from their tables (make update-docs)."""
    found = {}
    for page in tree.files:
        if re.match(r"docs/man/satchel-[\w-]+\.1$", page):
            for part in read(tree.root, page).split("\n.It Cm ")[1:]:
                options = re.findall(r"^\.It Fl Fl ([\w-]+)", part, re.M)
                found[tuple(part.split()[:2])] = " ".join(f"--{name}" for name in [*options, "json", "help"])
    return found


def check_commands(tree):
    """Commands that documents show exist: tools, targets of make, and what `satchel` can do with which option."""
    targets = targets_of(tree)
    commands = {**commands_of(tree.satchel), **commands_of_modules(tree)} if tree.satchel else {}
    firsts = {name[0] for name in commands}
    for name in tree.files:
        if not name.endswith(".md") or name.startswith(("docs/decisions/", "CHANGELOG")):
            continue
        # Guides for authors show commands of modules that they might write.
        are_examples = name.startswith("docs/modules/")
        for number, line, is_code in lines_of_prose(read(tree.root, name)):
            spans = [line] if is_code else re.findall(r"`([^`]+)`", line)
            for span in spans:
                span = span.split(" # ")[0]
                for tool in re.findall(r"(?:^|[\s(])(tools/[\w./-]+)", span):
                    if not tree.exists(tool):
                        tree.complain(name, number, f"there is no {tool}")
                for words in re.findall(r"(?:^|&& |sudo )\s*make((?: +[\w=./$\"'()-]+)*)", span):
                    words = re.sub(r"\$\(.*?\)|-[CfjI] *\S+", "", words).split()
                    for word in words:
                        known = any(fnmatch.fnmatchcase(word, t.replace("%", "*")) for t in targets)
                        if re.match(r"[a-z][a-z-]*$", word) and not known:
                            tree.complain(name, number, f"make has no target {word}")
                for text in re.findall(r"(?:^|&& |sudo )\s*satchel ([^|;&`]*)", span) if commands and not are_examples else []:
                    check_command(tree, name, number, text, commands, firsts)


def check_command(tree, name, number, text, commands, firsts):
    words = [w for w in text.split() if not w.startswith("-")]
    options = [w.split("=")[0] for w in text.split() if re.match(r"--[a-z]", w)]
    if not words or not re.match(r"[a-z-]+$", words[0]):
        return
    if words[0] not in firsts:
        tree.complain(name, number, f"satchel has no command {words[0]}")
        return
    helped = commands.get(tuple(words[:2])) or commands.get(tuple(words[:1]))
    if helped is None:
        if len(words) > 1 and re.match(r"[a-z-]+$", words[1]):
            tree.complain(name, number, f"satchel has no command {' '.join(words[:2])}")
        return
    for option in options:
        if not re.search(re.escape(option) + r"\b", helped):
            tree.complain(name, number, f"satchel {' '.join(words[:2])} has no option {option}")


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    tree = Tree(sys.argv[1], sys.argv[2] if len(sys.argv) == 3 else None)
    for check in (check_references, check_tables, check_modules, check_paths, check_comments, check_sources, check_lines,
                  check_commands):
        check(tree)
    for problem in tree.problems:
        print(f"check-docs: {problem}", file=sys.stderr)
    return 1 if tree.problems else 0


if __name__ == "__main__":
    sys.exit(main())
