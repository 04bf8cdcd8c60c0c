#!/bin/sh
# SPDX-License-Identifier: MIT
# tools/abi-layout: green on the tree, red on each change that a module built before would trip over, whatever the number of the ABI is.
top=$(cd "${SATCHEL_SRCDIR:-$(dirname "$0")/../..}" && pwd)
build=$(cd "${SATCHEL_BUILDDIR:-$top/.build}" && pwd)
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
n=0 status=0
say () { n=$((n + 1)); if [ "$1" = 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; sed 's/^/# /' "$work/said"; status=1; fi; }
fresh () {
    rm -rf "$work/tree" && mkdir -p "$work/tree/tools" && cp "$top/tools/abi-layout" "$work/tree/tools/" && cp -r "$top/include" "$work/tree/include"
    chmod -R u+w "$work/tree"
}
look () { python3 "$work/tree/tools/abi-layout" "$@" "$build" > "$work/said" 2>&1; }
# expect red|new NAME FILE SED WORD: FILE of include/satchel/ is changed by SED, WORD stands in what is said.
expect () {
    fresh
    sed -i "$4" "$work/tree/include/satchel/$3"
    cmp -s "$work/tree/include/satchel/$3" "$top/include/satchel/$3" && { echo "the test changes nothing" > "$work/said"; say 1 "$2"; return; }
    look; got=$?
    case $1 in
    red) [ $got = 1 ] && grep -q "an old module relies on: .*$5" "$work/said"; say $? "red: $2" ;;
    new) [ $got = 1 ] && ! grep -q "an old module relies on" "$work/said" && grep -q "not noted in include/satchel.abi: .*$5" "$work/said" \
        && look --update && look; say $? "to be noted: $2" ;;
    esac
}

fresh; look; say $? 'green: the tree'
expect red 'a member that moved' snapshot.h 's/^  guint32 uid, flags;/  guint32 flags, uid;/' 'SatchelMessageRow\.uid'
expect red 'a member in the middle' transaction.h 's/^  SatchelOperationKind kind;.*/&\n  gpointer more;/' 'SatchelOperation\.'
expect red 'a member that is gone' storage.h '/^  const char \*user; /d' 'SatchelStorageIdentity\.user'
expect red 'a structure that neither tells its size nor has room' sort.h 's/^} SatchelThreadMessage;/  guint more;\n} SatchelThreadMessage;/' 'SatchelThreadMessage without more'
expect red 'one with room that grew beyond it' stream.h '0,/^  SATCHEL_RESERVED (2);/s//  SATCHEL_RESERVED (3);/' 'SatchelStream of'
expect red 'another value' filter.h 's/^  SATCHEL_FILTER_DONE,/  SATCHEL_FILTER_FIRST,\n&/' 'SATCHEL_FILTER_DONE'
expect red 'another argument' hash.h 's/(gconstpointer \([a-z]*\))/(gconstpointer \1, int more)/' 'satchel_'
expect new 'a member at the end of a table' listener.h 's/^} SatchelMailboxListenerOps;/  void (*more) (void);\n&/' 'more'
expect new 'a member in the room' stream.h '0,/^  SATCHEL_RESERVED (2);/s//  gpointer more;\n  SATCHEL_RESERVED (1);/' 'more'
expect new 'a member at the end of what the core makes' transaction.h 's/^} SatchelOperation .*/  gpointer more;\n&/; s/^} SATCHEL_MADE_BY_CORE;/  gpointer more;\n&/' 'more'

# A change that harms is not noted under the same number, and under another one it is.
fresh
sed -i 's/^#define SATCHEL_ABI .*/#define SATCHEL_ABI 2u/' "$work/tree/include/satchel/module.h"
look --update; say $? 'noted under another number'
sed -i '/^  const char \*user; /d' "$work/tree/include/satchel/storage.h"
look --update; [ $? = 1 ] && grep -q 'raise SATCHEL_ABI' "$work/said"; say $? 'not noted: harm under the same number'
sed -i 's/^#define SATCHEL_ABI .*/#define SATCHEL_ABI 3u/' "$work/tree/include/satchel/module.h"
look --update && look; say $? 'noted: the same under another number'
echo "1..$n"
exit $status
