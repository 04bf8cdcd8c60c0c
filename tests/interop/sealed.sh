#!/bin/sh
# SPDX-License-Identifier: MIT
# Tests of what a client sees, with sealed mail (SATCHEL_SEALED, tests/lib/tap.py): one case a program.
here=$(cd "$(dirname "$0")/.." && pwd)
[ -f "${SATCHEL_BUILDDIR:-.}/crypt.la" ] || { echo "1..0 # SKIP module crypt is not built (libsodium)"; exit 0; }
programs="protocol/lmtp.py protocol/pop3.py protocol/imap-metadata.py interop/python.py interop/resync.py"
[ -z "$SATCHEL_LONG" ] || programs="$programs interop/readers.py"
export SATCHEL_SEALED=1
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
