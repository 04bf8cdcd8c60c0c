# SPDX-License-Identifier: MIT
# Both halves.
pop3_shared = \
	modules/pop3/capability.c \
	modules/pop3/capability.h \
	modules/pop3/line.c \
	modules/pop3/line.h \
	modules/pop3/settings.c \
	modules/pop3/settings.h \
	modules/pop3/texts.c \
	modules/pop3/texts.h
# After login.
pop3_sources = \
	$(pop3_shared) \
	modules/pop3/answers.c \
	modules/pop3/commands.c \
	modules/pop3/delay.c \
	modules/pop3/listing.c \
	modules/pop3/maildrop.c \
	modules/pop3/messages.c \
	modules/pop3/octets.c \
	modules/pop3/pop3_session.c \
	modules/pop3/pop3_session.h \
	modules/pop3/retrieve.c \
	modules/pop3/update.c

module_LTLIBRARIES += pop3-gate.la pop3.la
pop3_gate_la_SOURCES = $(pop3_shared) modules/pop3/pop3_gate.c
pop3_gate_la_CPPFLAGS = $(MODULE_CPPFLAGS)
pop3_gate_la_CFLAGS = $(MODULE_CFLAGS)
pop3_gate_la_LDFLAGS = $(MODULE_LDFLAGS)
pop3_gate_la_LIBADD = $(MODULE_LIBADD)
pop3_la_SOURCES = $(pop3_sources) modules/pop3/module.c
pop3_la_CPPFLAGS = $(MODULE_CPPFLAGS)
pop3_la_CFLAGS = $(MODULE_CFLAGS)
pop3_la_LDFLAGS = $(MODULE_LDFLAGS)
pop3_la_LIBADD = $(MODULE_LIBADD)

check_PROGRAMS += modules/pop3/tests/test-pop3
TESTS += modules/pop3/tests/test-pop3
modules_pop3_tests_test_pop3_SOURCES = modules/pop3/tests/test-pop3.c $(pop3_shared)
modules_pop3_tests_test_pop3_LDADD = libsatchel.la $(GLIB_LIBS)
EXTRA_DIST += modules/pop3/README.md
