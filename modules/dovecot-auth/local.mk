# SPDX-License-Identifier: MIT
dovecot_auth_shared = \
	modules/dovecot-auth/settings.c \
	modules/dovecot-auth/settings.h
module_LTLIBRARIES += dovecot-auth-gate.la dovecot-auth.la
dovecot_auth_gate_la_SOURCES = \
	$(dovecot_auth_shared) \
	modules/dovecot-auth/dovecot_auth_gate.c \
	modules/dovecot-auth/replies.c \
	modules/dovecot-auth/replies.h \
	modules/dovecot-auth/request.c \
	modules/dovecot-auth/request.h
dovecot_auth_gate_la_CPPFLAGS = $(MODULE_CPPFLAGS)
dovecot_auth_gate_la_CFLAGS = $(MODULE_CFLAGS)
dovecot_auth_gate_la_LDFLAGS = $(MODULE_LDFLAGS)
dovecot_auth_gate_la_LIBADD = $(MODULE_LIBADD)
dovecot_auth_la_SOURCES = $(dovecot_auth_shared) modules/dovecot-auth/module.c
dovecot_auth_la_CPPFLAGS = $(MODULE_CPPFLAGS)
dovecot_auth_la_CFLAGS = $(MODULE_CFLAGS)
dovecot_auth_la_LDFLAGS = $(MODULE_LDFLAGS)
dovecot_auth_la_LIBADD = $(MODULE_LIBADD)
EXTRA_DIST += modules/dovecot-auth/README.md

check_PROGRAMS += modules/dovecot-auth/tests/test-dovecot-request
TESTS += modules/dovecot-auth/tests/test-dovecot-request
modules_dovecot_auth_tests_test_dovecot_request_SOURCES = modules/dovecot-auth/tests/test-dovecot-request.c \
	modules/dovecot-auth/request.c modules/dovecot-auth/request.h
modules_dovecot_auth_tests_test_dovecot_request_LDADD = $(GLIB_LIBS)
