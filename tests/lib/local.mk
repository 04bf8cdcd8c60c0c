# SPDX-License-Identifier: MIT
noinst_HEADERS += tests/lib/keep.h tests/lib/loop.h tests/lib/session_rig.h
