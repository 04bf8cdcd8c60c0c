#!/bin/sh
# SPDX-License-Identifier: MIT
# tools/check-hashes: green on the tree, red on each kind of fixed hash, not misled by what only looks like one.
top=${SATCHEL_SRCDIR:-$(cd "$(dirname "$0")/../.." && pwd)}
check=$(cd "$top" && pwd)/tools/check-hashes
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/core/daemon/auth/placement" "$work/include" "$work/modules/m/tests"
n=0 status=0
say () { n=$((n + 1)); if [ "$1" = 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; status=1; fi; }
# expect red|green NAME FILE: standard input is the file.
expect () {
    cat > "$work/$3" || { say 1 "$1: $2"; return; }
    "$check" "$work" 2> "$work/said"; got=$?
    rm "$work/$3"
    if [ "$1" = green ]; then [ $got = 0 ]; else [ $got = 1 ] && grep -q "^$3:[0-9]*:" "$work/said"; fi
    say $? "$1: $2"
}

"$check" "$top"; say $? 'green: the tree'
expect red 'g_str_hash' modules/m/a.c <<'X'
static GHashTable *t; void f (void) { t = g_hash_table_new (g_str_hash, g_str_equal); }
X
expect red 'g_str_hash after a comment, in a header' include/a.h <<'X'
/* a table */ /* of
 * names */ static inline guint h (const char *s) { return g_str_hash (s); }
X
expect red 'g_bytes_hash' core/a.c <<'X'
  table = g_hash_table_new_full (g_bytes_hash, g_bytes_equal, NULL, NULL);
X
expect red 'an interned string' core/daemon/a.c <<'X'
  mailbox->key = g_intern_string (name);
X
expect red 'a quark' core/daemon/a.c <<'X'
  GQuark q = g_quark_from_string (name);
X
expect red 'djb2 by hand, shifted' core/a.c <<'X'
  for (; *p != '\0'; p++) hash = (hash << 5) + hash + *p;
X
expect red 'times 31' core/a.c <<'X'
  for (; *p != '\0'; p++) hash = hash * 31 + (guchar) *p;
X
expect red 'FNV-1a' modules/m/a.c <<'X'
  for (; n > 0; n--) h = (h ^ *p++) * 0x01000193u;
X
expect red 'a golden ratio' modules/m/a.c <<'X'
  return uid * 0x9e3779b1u & mask;
X
expect red 'GLib in a file that may have a hash of its own' core/daemon/auth/placement/placement_slot.c <<'X'
  t = g_hash_table_new (g_str_hash, g_str_equal);
X
expect green 'a fixed hash where one must be' core/daemon/auth/placement/placement_slot.c <<'X'
  hash = (hash ^ *p) * G_GUINT64_CONSTANT (0x100000001b3);
X
expect green 'comments, texts, tests, keyed hashes' modules/m/a.c <<'X'
/* unlike g_str_hash */ static const char *text = "g_str_hash and 5381";
/*
 * g_bytes_hash
 */
GHashTable *t = g_hash_table_new (satchel_string_hash, g_str_equal);
int line = 15381, my_g_str_hash_count;
X
expect green 'tests of a module' modules/m/tests/a.c <<'X'
  t = g_hash_table_new (g_str_hash, g_str_equal);
X
echo "1..$n"
exit $status
