#!/bin/sh
# SPDX-License-Identifier: MIT
# tools/lib/check_documents.py: green on a small sound tree, red for each thing that a document may not do.
top=${SATCHEL_SRCDIR:-$(cd "$(dirname "$0")/../.." && pwd)}
check=$(cd "$top" && pwd)/tools/lib/check_documents.py
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
n=0 status=0
say () { n=$((n + 1)); if [ "$1" = 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; sed 's/^/# /' "$work/said"; status=1; fi; }

# A tree with a document of each kind, and a command.
make_tree () {
    rm -rf "$work/tree"
    mkdir -p "$work/tree/core/daemon" "$work/tree/docs/decisions" "$work/tree/tools"
    cd "$work/tree" || exit 99
    echo '/* See docs/guide.md, and decision 0001. */' > core/daemon/gate.c
    printf '# Daemon\n\n| file | what |\n|---|---|\n| `gate.c` | the gate |\n' > core/daemon/README.md
    printf '# Guide\n\nSee [the daemon](../core/daemon/README.md) and `core/daemon/gate.c`.\n\n    satchel user add --quiet anna\n    tools/do it\n    make check WERROR=-Werror\n' \
        > docs/guide.md
    echo '# 0001: First' > docs/decisions/0001-first.md
    printf '#!/bin/sh\n' > tools/do
    echo 'check: all' > Makefile.am
    mkdir -p modules/imap
    : > modules/imap/local.mk
    printf '# Design\n\n| kind | runs in | in this tree |\n|---|---|---|\n| protocol | mail | `imap` |\n| layer | mail | none (`docs/guide.md`) |\n\n`pop3` is planned.\n' > docs/design.md
}
cat > "$work/satchel" <<'X'
#!/bin/sh
case "$1 $2" in
    "--help "*) printf 'Commands:\n  user add NAME   adds a user\n  status          shows the server\n\n' ;;
    "user add") printf '  --quiet   says nothing\n' ;;
esac
X
chmod +x "$work/satchel"
look () { python3 "$check" "$work/tree" "$work/satchel" > "$work/said" 2>&1; }
# red WHAT PATTERN: the tree as it is now is refused with a line that matches.
red () { look; got=$?; [ $got = 1 ] && grep -q -e "$2" "$work/said"; say $? "red: $1"; make_tree; }
green () { look; say $? "green: $1"; make_tree; }

make_tree; green 'a sound tree'
echo '/* As design §2 has it. */' >> core/daemon/gate.c; red 'a section of nothing' 'gate.c:2: names a section'
echo '/* See the test catalogue. */' >> core/daemon/gate.c; red 'a catalogue' 'gate.c:2: names a document outside'
echo 'The handbook has more.' >> docs/guide.md; red 'a handbook' 'guide.md:8: names a document outside'
echo 'issue 2 asks for it.' >> docs/guide.md; red 'an issue' 'guide.md:8: names an issue'
echo '# Must show 3' >> tools/do; red 'a list of what must be shown' 'tools/do:2: names a list'
echo 'cp ../shared/notes .' >> tools/do; red 'a directory beside the tree' 'tools/do:2: names a directory'
echo 'cp ../shared/corpus .' >> tools/do; green 'the corpus beside the tree'
echo '/* docs/limits.md */' >> core/daemon/gate.c; red 'a document that is not there' 'no document docs/limits.md'
echo '/* decision 0002 */' >> core/daemon/gate.c; red 'a decision that is not there' 'no decision 0002'
: > core/daemon/mail.c; red 'a source file that no README names' 'core/daemon/README.md:1: does not name mail.c'
: > core/daemon/gate_auth.c; sed -i 's/`gate.c`/`gate*.c`/' core/daemon/README.md; green 'source files behind a pattern'
mkdir core/base; : > core/base/fd.c; red 'a part of the core without a README' 'core/base:1: has 1 files'
for f in a b c d e f; do : > tools/$f.py; done; red 'six files without a README' 'tools:1: has 7 files'
for i in $(seq 60); do echo "line $i" >> core/daemon/README.md; done; red 'a README that is a book' 'longer than 60 lines'
mkdir modules/pop3; : > modules/pop3/local.mk; red 'a module that the design does not know' 'design.md:3: its table of modules lacks pop3'
mkdir modules/pop3; : > modules/pop3/local.mk; sed -i 's/| `imap`/| `imap`, `pop3`/' docs/design.md; green 'the same module once the table has it'
sed -i 's/| `imap`/| `imap`, `nntp`/' docs/design.md; red 'a module in the table that is not there' 'design.md:3: its table of modules has nntp'
printf '# Modules\n\n| kind | modules |\n|---|---|\n| protocol | `lmtp/` |\n' > modules/README.md; red 'a map of the modules that lacks one' 'modules/README.md:3: its table of modules lacks imap'
echo 'See [nothing](nothing.txt).' >> docs/guide.md; red 'a link that leads nowhere' 'leads nowhere: nothing.txt'
echo 'See `core/daemon/gat.c`.' >> docs/guide.md; red 'a path that is not there' 'there is no core/daemon/gat.c'
echo '/* mail.c has these. */' >> core/daemon/gate.c; red 'a comment that names a file that is not there' 'gate.c:2: there is no file mail.c'
echo '`gate.h` declares it.' >> core/daemon/README.md; red 'a README that names such a file' 'README.md:6: there is no file gate.h'
echo '/* <stdio.h>, config.h and gate.c are there. */' >> core/daemon/gate.c; green 'files of the system, and of this tree'
printf '/* Returns the gate. */\nvoid\nopen_gate (void);\n' >> core/daemon/gate.c; red 'a result of a function without one' 'gate.c:2: says what a function returns'
printf 'gboolean\nread_it (GError **error)\n{\n  return satchel_error_set_errno (error, errno, "%%s: read", name);\n}\n' >> core/daemon/gate.c; red 'an error of the system that is no sentence' 'gate.c:5: an error of the system is a sentence'
printf '/* Returns the gate. */\nvoid *\nopen_gate (void);\n' >> core/daemon/gate.c; green 'a result that is a pointer'
# said COMMENT: adds a function of C behind that comment.
said () { printf '/* %s */\nstatic gboolean\nopen_gate (const char *name);\n' "$1" >> core/daemon/gate.c; }
said 'NULL: there is no gate.'
said 'FALSE means that there is none.'
said '@name is borrowed.'
said 'CANNOT: no driver has it.'
said 'The caller holds the lock.'
said 'Is the gate open?'
look
for wrong in '2: begins with a value' '5: begins with a value' '8: begins with a value' '11: begins with a value' \
    '14: says only which lock is held' '17: asks a question'; do
    grep -q "gate.c:$wrong" "$work/said"; say $? "red: a comment of a function, line $wrong"
done
make_tree
said 'This is what opens the gate @name.'
echo '/* These members belong to a gate that is open. */' >> core/daemon/gate.c
printf 'struct Gate\n{\n  int n; /* the number of gates, of which those that\n            are closed are not counted */\n};\n' >> core/daemon/gate.c
printf 'struct Gates\n{\n  struct Gate\n      *first; /* NULL: there is none */\n};\n' >> core/daemon/gate.c
printf 'enum\n{\n  GATE_OPEN =\n      1 << 1, /* it is open */\n};\n' >> core/daemon/gate.c
look
for wrong in '2: begins with words that say nothing' '5: begins with words that say nothing' '8: a comment behind code needs two lines' \
    '13: a comment behind code tears' '18: a comment behind code tears'; do
    grep -q "gate.c:$wrong" "$work/said"; say $? "red: a comment that is hard to read, line $wrong"
done
make_tree
printf '/* SPDX-License-Identifier: MIT\n * This file has the gate.\n */\n' > core/daemon/gate.c; red 'a head with an empty opening' 'gate.c:1: begins with words'
printf '/* SPDX-License-Identifier: MIT\n * gate.c\n */\n' > core/daemon/gate.c; red 'the head of a file that has only its name' 'gate.c:1: the head of the file'
printf '/* SPDX-License-Identifier: MIT\n * Opens gates.\n */\n' > core/daemon/gate.c
said 'Opens the gate @name. FALSE means: it is open. The caller holds the lock.'
printf '/* NULL: none. */\ntypedef struct Gate\n{\n  int n; /* 0: none */\n} Gate;\n/* -1: closed */\nstatic int gates[] = { N (1) };\n' >> core/daemon/gate.c
printf 'struct Gate\n{\n  struct Gate *next; /* NULL: none */\n  int n;\n  int (*call) (void); /* may be NULL */\n};\n' >> core/daemon/gate.c
green 'a head and a comment that say more, and values of types and variables'
printf '%0120d\n' 0 | sed 's/0/x /g' >> docs/guide.md; red 'a line of prose that is too long' 'guide.md:8: is longer'
printf '\n%0120d\n' 0 | sed 's/0/x /g' >> core/daemon/README.md; red 'one in the map of a directory' 'core/daemon/README.md:7: is longer'
printf '    cc %0120d\n\n- %0120d\n| %0120d |\n' 1 2 3 | sed '/^-/s/0/x /g' >> docs/guide.md; cp docs/guide.md "$work/wide"
python3 "$(dirname "$check")/lay_out_prose.py" "$work/tree" 2> "$work/said"
[ "$(tr -d ' \n' < docs/guide.md)" = "$(tr -d ' \n' < "$work/wide")" ] && grep -q '^  x' docs/guide.md; say $? 'laid out: every word is still there'
green 'what was laid out: prose, beside code and tables that stay'
printf '| %0120d |\n' 0 >> docs/guide.md; green 'a long row of a table'
echo '    tools/undo it' >> docs/guide.md; red 'a tool that is not there' 'no tools/undo'
echo 'Say `make checks`.' >> docs/guide.md; red 'a target that make has not' 'no target checks'
echo '    satchel user remove anna' >> docs/guide.md; red 'a command that is none' 'no command user remove'
echo 'Say `satchel stats`.' >> docs/guide.md; red 'a group of commands that is none' 'no command stats'
echo '    satchel user add --loud anna' >> docs/guide.md; red 'an option that is none' 'no option --loud'
echo "1..$n"
exit $status
