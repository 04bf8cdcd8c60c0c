#!/bin/sh
# SPDX-License-Identifier: MIT
# tools/check-turns: green on the tree, red on each way in which header and table can contradict each other.
top=${SATCHEL_SRCDIR:-$(cd "$(dirname "$0")/../.." && pwd)}
check=$(cd "$top" && pwd)/tools/check-turns
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
header=include/satchel/storage.h methods=core/runtime/loader/storage_methods.def
mkdir -p "$work/include/satchel" "$work/core/runtime/loader"
n=0 status=0
say () { n=$((n + 1)); if [ "$1" = 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; status=1; fi; }
# red NAME METHOD FILE EXPRESSION: the file is changed by sed, and the method is named.
red () {
    cp "$top/$header" "$work/$header"; cp "$top/$methods" "$work/$methods"
    sed "$4" "$top/$3" > "$work/$3"
    if cmp -s "$top/$3" "$work/$3"; then say 1 "red: $1 (nothing was changed)"; return; fi
    "$check" "$work" 2> "$work/said"; got=$?
    [ $got = 1 ] && grep -q ": $2: " "$work/said"
    say $? "red: $1"
}

"$check" "$top"; say $? 'green: the tree'
red 'a reader that comes alone' list $methods '/^METHOD (gboolean, list, /s/READ/WRITE/'
red 'a change that comes beside others' commit $methods '/^METHOD_VOID (void, commit, /s/WRITE/READ/'
red 'a step that comes alone' maintain $methods '/^STEP (maintain, /s/READ/WRITE/'
red 'the other word in the header' put_blobs $header '/Sets and removes blobs of a space/s/alone/beside/'
red 'no word in the header' sync $header '/Takes in outside changes and publishes them/s/  \[alone\]//'
red 'two words in the header' status $header '/LIST. Tells the numbers of a mailbox/s/\[beside\]/[alone] &/'
red 'a method without a row' email_id $methods '/^METHOD (gboolean, email_id, /d'
red 'a row without a method' email_id $header 's/(\*email_id) (/(*other) (/'
echo "1..$n"
exit $status
