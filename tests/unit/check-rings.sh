#!/bin/sh
# SPDX-License-Identifier: MIT
# tools/check-rings: one-way calls are green, a ring and a call to a higher layer are red.
top=${SATCHEL_SRCDIR:-$(cd "$(dirname "$0")/../.." && pwd)}
check=$(cd "$top" && pwd)/tools/check-rings
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
n=0 status=0
say () { n=$((n + 1)); if [ "$1" = 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; status=1; fi; }
# file NAME: its text on standard input, and its object as the build names it.
file () {
    mkdir -p "$work/$(dirname "$1")/.libs"
    cat > "$work/$1.c"
    ${CC:-cc} -c -o "$work/$(dirname "$1")/$2$(basename "$1").o" "$work/$1.c"
}
# expect red|green NAME [WORDS that a red check says]
expect () {
    python3 "$check" "$work" "$work" > /dev/null 2> "$work/said"; got=$?
    if [ "$1" = green ]; then [ $got = 0 ]; else [ $got = 1 ] && grep -q "$3" "$work/said"; fi
    say $? "$1: $2"
    rm -rf "$work/core" "$work/modules"
}

file core/cli/a .libs/ <<'X'
int b (void); int a (void) { return b (); }
X
file core/cli/b satchel- <<'X'
int c; int b (void) { return c; }
X
expect green 'one after the other'

file core/cli/a .libs/ <<'X'
int b (void); int a (void) { return b (); }
X
file core/cli/b satchel- <<'X'
int c (void); int b (void) { return c (); }
X
file core/cli/c <<'X'
int a (void); int c (void) { return a (); }
X
expect red 'a ring of three files' 'core/cli: .* a b c '

file core/daemon/role/a <<'X'
int b (void); int a (void) { return b (); }
X
file core/daemon/master/b <<'X'
int a (void); int b (void) { return a (); }
X
expect red 'a ring over two directories of a layer' 'core/daemon: .* b a '

file core/daemon/role/a <<'X'
extern int b; int a (void) { return b; }
X
file core/daemon/role/b <<'X'
int a (void); int b; int c (void) { return a (); }
X
expect red 'a ring over a variable' 'core/daemon: .* a b '

file core/base/a <<'X'
int b (void); int a (void) { return b (); }
X
file core/mail/b <<'X'
int b (void) { return 1; }
X
expect red 'a lower layer calls a higher one' 'core/base/a.c uses b of core/mail/b.c'

file core/mail/a <<'X'
int b (void); int a (void) { return b (); }
X
file core/base/b <<'X'
int b (void) { return 1; }
X
expect green 'a higher layer calls a lower one'

file modules/heron/nest/a .libs/heron_la- <<'X'
int b (void); int a (void) { return b (); }
X
file modules/heron/b .libs/libheron_la- <<'X'
int a (void); int b (void) { return a (); }
X
expect red 'a ring in a module, over its directories' 'modules/heron: .* b a '

file modules/heron/a .libs/heron_la- <<'X'
int b (void); int a (void) { return b (); }
X
file modules/heron/b .libs/heron_la- <<'X'
int b (void) { return 0; }
X
file modules/kestrel/b .libs/kestrel_la- <<'X'
int a (void); int b (void) { return a (); }
X
file modules/kestrel/tests/a <<'X'
int b (void); int a (void) { return b (); }
X
expect green 'modules with functions of the same names, and a test that calls what calls it'

file modules/heron/a .libs/heron_la- <<'X'
int b (void); int a (void) { return b (); }
X
file modules/heron/b .libs/heron_la- <<'X'
int a (void); int b (void) { return a (); }
X
file modules/kestrel/b .libs/kestrel_la- <<'X'
int b (void) { return 0; }
X
expect red 'a ring over a function that another module has as well' 'modules/heron: .* a b '

file core/cli/a <<'X'
int b (void); int a (void) { return b (); }
X
file core/daemon/b <<'X'
int b (void) { return 1; }
X
expect red 'the command line calls the daemon' 'core/cli/a.c uses b of core/daemon/b.c'

file core/cli/a <<'X'
int b (void); int a (void) { return b (); }
X
file core/cli/b <<'X'
int a (void); int b (void) { return a (); }
X
rm "$work/core/cli/b.c"
expect green 'an object whose source is no more'
echo "1..$n"
exit $status
