#!/bin/sh
# SPDX-License-Identifier: MIT
# Tests of what a client sees, with mail in Berkeley DB: one case a program.
[ -f "${SATCHEL_BUILDDIR:-.}/bdb.la" ] || { echo "1..0 # SKIP module bdb is not built (configure found no Berkeley DB 5.3)"; exit 0; }
# Left out:
# - what reads no mail, or the least of it: protocol/cli.py, dovecot-auth.py, socketmap.py and login-timing.py; interop/ with logins, factors,
#   tokens, notices and MTAs (app-passwords, account-notices, compress, fail2ban, login-cases, oauth, postfix, roundcube, sasl, submission,
#   swaks, totp, totp-time); fault/ with processes, credentials, helpers and configuration;
# - what is about files of a Maildir, or another server at them: protocol/foreign.py and imap-failures.py, interop/maildirsize.py and
#   takeover.py, fault/machine-errors.py; single cases of the others say so (of_maildir in tests/lib/tap.py);
# - what shows the same in C for each driver: interop/search-dovecot.py (the scripts of SEARCH, SORT and THREAD run over bdb);
# - what has bdb in it anyway: fault/bdb.py, bdb-full-disk.py, convert*.py; and fault/move.py, placement.py, whose second driver is `memory`.
# Of the twoway programs one runs here, and parts of interop/retention.py and fault/spam.py; all do with SATCHEL_LONG, as do the storm and what
# is about commands, logins and logs, which ask a store for little: the same in the short run over maildir.
programs="protocol/imap-hostile.py protocol/imap-metadata.py protocol/imap_names.py protocol/limits.py protocol/lmtp.py protocol/locked.py
    protocol/octets.py protocol/pop3.py protocol/pop3-maildrop.py protocol/rights.py interop/python.py interop/keywords.py interop/quota.py interop/resync.py
    interop/simultaneous.py interop/twoway-mbsync.py fault/kill.py fault/owner.py fault/full-disk.py"
[ -z "$SATCHEL_LONG" ] || programs="$programs protocol/admin.py protocol/admin-commands.py protocol/imap-origin.py protocol/log-floods.py
    protocol/refusals.py interop/storm.py interop/twoway-offlineimap.py interop/twoway-interimap.py interop/retention.py fault/spam.py"
export SATCHEL_STORAGE=bdb
parts=2
[ -n "$SATCHEL_LONG" ] || parts=4
echo 1..$(($(echo $programs | wc -w) + parts))
. "${SATCHEL_SRCDIR:-.}/tests/lib/programs.sh"
for program in $programs; do run "$program"; done
run interop/readers.py deliver_corpus with_mbsync with_mpop
run fault/listener.py behind killed
if [ -z "$SATCHEL_LONG" ]; then
    run interop/retention.py every_way refused with_mutt with_mbsync restore by_the_clock
    run fault/spam.py learnt survives
fi
exit $status
