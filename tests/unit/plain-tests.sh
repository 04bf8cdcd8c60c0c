#!/bin/sh
# SPDX-License-Identifier: MIT
# A program that tries less under a sanitizer, or has cases that are not there, stands in PLAIN_TESTS (tests/local.mk): tools/test runs
# the others with a sanitizer only.
top=${SATCHEL_SRCDIR:-$(cd "$(dirname "$0")/../.." && pwd)}
tries_less() { grep -qE '\<(count_rounds|get_kill_step|crashfs_each|(satchel_)?is_sanitized) \(|\<SATCHEL_SANITIZED\>' "$@"; }
# What the make that runs this was told, such as TESTS=, is not for this one.
tests=$(env -u MAKEFLAGS -u MFLAGS make -s -C "${SATCHEL_BUILDDIR:-.}" print-sanitized-only)
n=0 unlisted=''
for test in $tests; do
    case $test in *.sh | tests/protocol/run-*) continue ;; esac
    n=$((n + 1))
    ! tries_less "$top/$test.c" || unlisted="$unlisted $test"
done
echo 1..2
if [ $n -gt 50 ] && [ -z "$unlisted" ]; then echo "ok 1 - $n programs show under a sanitizer what they show without"; else
    echo "not ok 1 - of $n programs these stand not in PLAIN_TESTS:$unlisted"
fi
if tries_less "$top/tests/unit/test-snapshot.c" && tries_less "$top/tests/unit/test-reactor.c" && ! tries_less "$top/tests/unit/test-user.c"; then
    echo "ok 2 - one that tries less is told from one that does not"; else echo "not ok 2 - one that tries less is told from one that does not"; fi
