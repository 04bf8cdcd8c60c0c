# SPDX-License-Identifier: MIT
# Both halves.
lmtp_shared = \
	modules/lmtp/replies.c \
	modules/lmtp/replies.h
# The session in a mail process.
lmtp_sources = \
	$(lmtp_shared) \
	modules/lmtp/address.c \
	modules/lmtp/commands.c \
	modules/lmtp/content.c \
	modules/lmtp/lmtp_session.c \
	modules/lmtp/lmtp_session.h \
	modules/lmtp/progress.c \
	modules/lmtp/settings.c \
	modules/lmtp/settings.h \
	modules/lmtp/xforward.c

module_LTLIBRARIES += lmtp-gate.la lmtp.la
lmtp_gate_la_SOURCES = $(lmtp_shared) modules/lmtp/lmtp_gate.c
lmtp_gate_la_CPPFLAGS = $(MODULE_CPPFLAGS)
lmtp_gate_la_CFLAGS = $(MODULE_CFLAGS)
lmtp_gate_la_LDFLAGS = $(MODULE_LDFLAGS)
lmtp_gate_la_LIBADD = $(MODULE_LIBADD)
lmtp_la_SOURCES = $(lmtp_sources) modules/lmtp/module.c
lmtp_la_CPPFLAGS = $(MODULE_CPPFLAGS)
lmtp_la_CFLAGS = $(MODULE_CFLAGS)
lmtp_la_LDFLAGS = $(MODULE_LDFLAGS)
lmtp_la_LIBADD = $(MODULE_LIBADD)
EXTRA_DIST += modules/lmtp/README.md

check_PROGRAMS += modules/lmtp/tests/test-lmtp-path
TESTS += modules/lmtp/tests/test-lmtp-path
modules_lmtp_tests_test_lmtp_path_SOURCES = modules/lmtp/tests/test-lmtp-path.c modules/lmtp/address.c
modules_lmtp_tests_test_lmtp_path_LDADD = $(GLIB_LIBS)
