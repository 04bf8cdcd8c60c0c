# SPDX-License-Identifier: MIT
# What tests in C share.
noinst_HEADERS += tests/lib/descriptors.h tests/lib/keep.h tests/lib/loop.h tests/lib/session_rig.h tests/lib/imap_grammar.h tests/lib/scan_check.h tests/lib/auth-ask.h
check_LTLIBRARIES += libsessionrig.la libimapgrammar.la
libsessionrig_la_SOURCES = tests/lib/session_rig.c tests/lib/toy_protocol.c tests/lib/rig_client.c
libsessionrig_la_LIBADD = $(GNUTLS_LIBS)
libimapgrammar_la_SOURCES = tests/lib/imap_grammar.c
# The runner of each test.
EXTRA_DIST += tests/lib/limited.py tests/lib/README.md
