#!/bin/sh
# SPDX-License-Identifier: MIT
# The tests that change a Maildir from outside, on a file system whose times tell little: one case a program.
programs="test-maildir test-outside test-flags test-index test-dates test-takeover test-faults test-usage"
echo 1..8
n=0 status=0
for program in $programs; do
    n=$((n + 1))
    if out=$(MAILDIR_TIMES=coarse modules/maildir/tests/$program 2>&1); then echo "ok $n - $program"; else
        echo "$out" | tail -20 | sed 's/^/# /'
        echo "not ok $n - $program"
        status=1
    fi
done
exit $status
