# SPDX-License-Identifier: MIT
# Protocols and commands from outside, against what was built.
WIRE_TESTS = tests/protocol/cli.py tests/protocol/admin.py tests/protocol/lmtp.py tests/protocol/dovecot-auth.py \
	tests/protocol/socketmap.py tests/protocol/imap-origin.py tests/protocol/pop3.py tests/protocol/pop3-maildrop.py \
	tests/protocol/imap_names.py tests/protocol/imap-hostile.py tests/protocol/refusals.py \
	tests/protocol/log-floods.py tests/protocol/imap-metadata.py tests/protocol/limits.py tests/protocol/login-timing.py tests/protocol/spam.py
SERVER_TESTS += $(WIRE_TESTS) tests/protocol/over-bdb.sh tests/protocol/over-crypt.sh
EXTRA_DIST += $(WIRE_TESTS) tests/lib/wire.py tests/lib/programs.sh tests/protocol/over-bdb.sh tests/protocol/over-crypt.sh
# Scripts over socket pairs: a protocol's objects, the core, and stacks of test storage.
harness_sources = tests/protocol/harness.c tests/protocol/harness.h \
	tests/protocol/harness-gate.c tests/protocol/harness-deflate.c tests/protocol/harness-private.h
imap_harness_sources = $(harness_sources) tests/protocol/harness-imap.c
imap_libraries = libimap.la libimapgate.la libimapcore.la
check_PROGRAMS += tests/protocol/run-script tests/protocol/run-pop3-script tests/protocol/run-lmtp-script tests/protocol/imap-literals
tests_protocol_run_script_CPPFLAGS = $(IMAP_TEST_CPPFLAGS)
tests_protocol_run_script_SOURCES = tests/protocol/run-script.c $(imap_harness_sources)
tests_protocol_run_script_LDADD = $(imap_libraries) libsatchel.la $(GLIB_LIBS) $(ZLIB_LIBS)
# What a client sends as a literal never runs.
tests_protocol_imap_literals_SOURCES = tests/protocol/imap-literals.c $(imap_harness_sources)
tests_protocol_imap_literals_CPPFLAGS = $(IMAP_TEST_CPPFLAGS)
tests_protocol_imap_literals_LDADD = $(imap_libraries) libsatchel.la $(GLIB_LIBS) $(ZLIB_LIBS)
TESTS += tests/protocol/imap-literals
tests_protocol_run_pop3_script_SOURCES = tests/protocol/run-script.c $(harness_sources) tests/protocol/harness-pop3.c $(pop3_sources) modules/pop3/pop3_gate.c
tests_protocol_run_pop3_script_LDADD = libsatchel.la $(GLIB_LIBS) $(ZLIB_LIBS)
tests_protocol_run_lmtp_script_SOURCES = tests/protocol/run-script.c $(harness_sources) tests/protocol/harness-lmtp.c $(lmtp_sources) modules/lmtp/lmtp_gate.c
tests_protocol_run_lmtp_script_LDADD = libsatchel.la $(GLIB_LIBS) $(ZLIB_LIBS)
TESTS += tests/protocol/imap-scripts.sh tests/protocol/pop3-scripts.sh tests/protocol/lmtp-scripts.sh
EXTRA_DIST += tests/protocol/imap-scripts.sh tests/protocol/pop3-scripts.sh tests/protocol/lmtp-scripts.sh \
	tests/protocol/README.md tests/protocol/imap tests/protocol/clients \
	tests/protocol/pop3 tests/protocol/lmtp
# Maildirs that other programs filled.
# Commands of modules.
SERVER_TESTS += tests/protocol/admin-commands.py
EXTRA_DIST += tests/protocol/admin-commands.py tests/admin/toy.c tests/admin/keeper.c
SERVER_TESTS += tests/protocol/foreign.py tests/protocol/octets.py tests/protocol/imap-failures.py tests/protocol/locked.py tests/protocol/rights.py
EXTRA_DIST += tests/protocol/foreign.py tests/protocol/octets.py tests/protocol/imap-failures.py tests/protocol/locked.py tests/protocol/rights.py
