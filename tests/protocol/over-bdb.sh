#!/bin/sh
# SPDX-License-Identifier: MIT
# Tests of what a client sees, with mail in Berkeley DB: one case a program.
here=$(cd "$(dirname "$0")/.." && pwd)
[ -f "${SATCHEL_BUILDDIR:-.}/bdb.la" ] || { echo "1..0 # SKIP module bdb is not built (configure found no Berkeley DB 5.3)"; exit 0; }
# Left out: cli.py, dovecot-auth.py, socketmap.py and login-timing.py read no mail; foreign.py and imap-failures.py are about files of a
# Maildir. Single cases of the others that are say so (of_maildir in tests/lib/tap.py).
programs="protocol/admin.py protocol/admin-commands.py protocol/imap-hostile.py protocol/imap-metadata.py protocol/imap-origin.py
    protocol/imap_names.py protocol/limits.py protocol/lmtp.py protocol/locked.py protocol/log-floods.py protocol/octets.py protocol/pop3.py
    protocol/pop3-maildrop.py protocol/refusals.py protocol/rights.py fault/kill.py fault/owner.py fault/full-disk.py"
export SATCHEL_STORAGE=bdb
echo 1..$(($(echo $programs | wc -w) + 1))
n=0 status=0
run() { # PROGRAM [CASE...]
    n=$((n + 1))
    if out=$("$here/$@" 2>&1); then echo "ok $n - $*"; else
        echo "$out" | tail -40 | sed 's/^/# /'
        echo "not ok $n - $*"
        status=1
    fi
}
for program in $programs; do run "$program"; done
run interop/readers.py deliver_corpus with_mbsync with_mpop
exit $status
