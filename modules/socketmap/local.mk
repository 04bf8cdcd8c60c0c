# SPDX-License-Identifier: MIT
module_LTLIBRARIES += socketmap-gate.la socketmap.la
socketmap_gate_la_SOURCES = modules/socketmap/socketmap_gate.c
socketmap_gate_la_CPPFLAGS = $(MODULE_CPPFLAGS)
socketmap_gate_la_CFLAGS = $(MODULE_CFLAGS)
socketmap_gate_la_LDFLAGS = $(MODULE_LDFLAGS)
socketmap_gate_la_LIBADD = $(MODULE_LIBADD)
# The syntax of addresses is that of RCPT.
socketmap_la_SOURCES = \
	modules/lmtp/address.c \
	modules/lmtp/lmtp_session.h \
	modules/socketmap/module.c \
	modules/socketmap/netstring.c \
	modules/socketmap/netstring.h \
	modules/socketmap/settings.c \
	modules/socketmap/settings.h \
	modules/socketmap/socketmap_session.c \
	modules/socketmap/socketmap_session.h
socketmap_la_CPPFLAGS = $(MODULE_CPPFLAGS) -I$(top_srcdir)/modules/lmtp
socketmap_la_CFLAGS = $(MODULE_CFLAGS)
socketmap_la_LDFLAGS = $(MODULE_LDFLAGS)
socketmap_la_LIBADD = $(MODULE_LIBADD)
EXTRA_DIST += modules/socketmap/README.md

check_PROGRAMS += modules/socketmap/tests/test-socketmap-netstring
TESTS += modules/socketmap/tests/test-socketmap-netstring
modules_socketmap_tests_test_socketmap_netstring_SOURCES = modules/socketmap/tests/test-socketmap-netstring.c \
	modules/socketmap/netstring.c modules/socketmap/netstring.h
modules_socketmap_tests_test_socketmap_netstring_LDADD = $(GLIB_LIBS)
