# SPDX-License-Identifier: MIT
noinst_HEADERS += tests/lib/loop.h tests/lib/session_rig.h
