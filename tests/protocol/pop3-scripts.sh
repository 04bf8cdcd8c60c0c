#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs every script of tests/protocol/pop3 (or those named) in every mode.  TAP.  STACK=memory MODE=0 narrow it down.
cd "${SATCHEL_BUILDDIR:-.}" || exit 99
[ $# -gt 0 ] || set -- "${SATCHEL_SRCDIR:-.}"/tests/protocol/pop3/*.script
exec ./tests/protocol/run-pop3-script "$@"
