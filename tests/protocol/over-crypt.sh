#!/bin/sh
# SPDX-License-Identifier: MIT
# Tests of what a client sees, with sealed mail (SATCHEL_SEALED, tests/lib/tap.py) in both drivers: one case a program.
[ -f "${SATCHEL_BUILDDIR:-.}/crypt.la" ] || { echo "1..0 # SKIP module crypt is not built (libsodium)"; exit 0; }
# Left out, besides what over-bdb.sh leaves out:
# - what looks for the text of mail in files, or puts it there: interop/twoway-*.py, fault/full-disk.py;
# - what has modules of its own in the place of passwords' keys: protocol/locked.py, rights.py.
programs="protocol/imap-hostile.py protocol/imap-metadata.py protocol/imap_names.py protocol/limits.py protocol/lmtp.py protocol/octets.py
    protocol/pop3.py protocol/pop3-maildrop.py interop/python.py interop/keywords.py interop/quota.py interop/resync.py
    interop/simultaneous.py fault/kill.py fault/owner.py"
readers="deliver_corpus with_mbsync with_mpop"
# In the short run Berkeley DB has those that read and write most, and nobody what is about logins and logs.
over_bdb="protocol/lmtp.py protocol/pop3.py protocol/octets.py interop/python.py interop/resync.py"
if [ -n "$SATCHEL_LONG" ]; then
    programs="$programs protocol/admin.py protocol/admin-commands.py protocol/imap-origin.py protocol/log-floods.py protocol/refusals.py"
    over_bdb=$programs readers=""
fi
[ -f "${SATCHEL_BUILDDIR:-.}/bdb.la" ] || over_bdb=""
export SATCHEL_SEALED=1
. "${SATCHEL_SRCDIR:-.}/tests/lib/programs.sh"
echo 1..$(($(echo $programs $over_bdb | wc -w) + 1))
for program in $programs; do run "$program"; done
# shellcheck disable=SC2086 # a word a case
run interop/readers.py $readers
case_prefix="bdb: "
export SATCHEL_STORAGE=bdb
for program in $over_bdb; do run "$program"; done
exit $status
