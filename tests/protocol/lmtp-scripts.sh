#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs every script of tests/protocol/lmtp (or those named) in every mode.  TAP.  STACK=memory MODE=0 narrow it down.
cd "${SATCHEL_BUILDDIR:-.}" || exit 99
[ $# -gt 0 ] || set -- "${SATCHEL_SRCDIR:-.}"/tests/protocol/lmtp/*.script
exec ./tests/protocol/run-lmtp-script "$@"
