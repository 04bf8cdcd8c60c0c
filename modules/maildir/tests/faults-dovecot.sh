#!/bin/sh
# SPDX-License-Identifier: MIT
# Faults and damage where our own files are in the list of another server as well.
MAILDIR_SETTINGS='other_server = "dovecot";' exec modules/maildir/tests/test-faults "$@"
