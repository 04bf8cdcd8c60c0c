#!/bin/sh
# SPDX-License-Identifier: MIT
# Faults and damage where our own files are in the list of another server as well: one case a program.
programs="test-faults test-index"
echo 1..2
n=0 status=0
for program in $programs; do
    n=$((n + 1))
    if out=$(MAILDIR_SETTINGS='other_server = "dovecot";' modules/maildir/tests/$program "$@" 2>&1); then echo "ok $n - $program"; else
        echo "$out" | tail -20 | sed 's/^/# /'
        echo "not ok $n - $program"
        status=1
    fi
done
exit $status
