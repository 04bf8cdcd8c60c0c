#!/bin/sh
# SPDX-License-Identifier: MIT
# Tests of what a client sees, with mail in Berkeley DB: one case a program.  SATCHEL_LONG=1 runs more of them.
here=$(cd "$(dirname "$0")/.." && pwd)
[ -f "${SATCHEL_BUILDDIR:-.}/bdb.la" ] || { echo "1..0 # SKIP module bdb is not built (configure found no Berkeley DB 5.3)"; exit 0; }
programs="protocol/imap-metadata.py protocol/refusals.py protocol/pop3.py protocol/lmtp.py fault/kill.py fault/owner.py fault/full-disk.py"
[ -z "${SATCHEL_LONG:-}" ] || programs="$programs protocol/limits.py protocol/pop3-maildrop.py protocol/locked.py protocol/rights.py protocol/imap-hostile.py protocol/imap-origin.py protocol/log-floods.py protocol/admin.py"
export SATCHEL_STORAGE=bdb
echo 1..$(echo $programs | wc -w)
n=0 status=0
for program in $programs; do
    n=$((n + 1))
    if out=$("$here/$program" 2>&1); then echo "ok $n - $program"; else
        echo "$out" | tail -40 | sed 's/^/# /'
        echo "not ok $n - $program"
        status=1
    fi
done
exit $status
