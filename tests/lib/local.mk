# SPDX-License-Identifier: MIT
# What tests in C share.
noinst_HEADERS += tests/lib/descriptors.h tests/lib/keep.h tests/lib/loop.h tests/lib/own_clock.h tests/lib/session_rig.h tests/lib/delivery_rig.h tests/lib/imap_grammar.h \
	tests/lib/scan_check.h tests/lib/auth-ask.h
check_LTLIBRARIES += libsessionrig.la libdeliveryrig.la libimapgrammar.la
libsessionrig_la_SOURCES = tests/lib/session_rig.c tests/lib/toy_protocol.c tests/lib/rig_client.c
libsessionrig_la_LIBADD = $(GNUTLS_LIBS)
libdeliveryrig_la_SOURCES = tests/lib/delivery_rig.c
# What happens to a store: messages, facts, and states of the disk after a crash.
check_LTLIBRARIES += libstoretest.la
libstoretest_la_SOURCES = tests/lib/crashfs.h tests/lib/crashfs_private.h tests/lib/crashfs_record.c tests/lib/crashfs_states.c \
	tests/lib/facts.c tests/lib/facts.h tests/lib/messages.c tests/lib/messages.h
libimapgrammar_la_SOURCES = tests/lib/imap_grammar.c
# Load of logins, for tests/fault/login-flood.py.
check_PROGRAMS += tests/lib/login-load
tests_lib_login_load_LDADD = $(GLIB_LIBS)
# The runner of each test.
EXTRA_DIST += tests/lib/limited.py tests/lib/README.md
