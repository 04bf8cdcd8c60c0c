# SPDX-License-Identifier: MIT
module_LTLIBRARIES += sasl-scram.la
scram_sources = \
	modules/sasl-scram/exchange.c \
	modules/sasl-scram/exchange.h \
	modules/sasl-scram/messages.c \
	modules/sasl-scram/messages.h
sasl_scram_la_SOURCES = $(scram_sources) modules/sasl-scram/module.c
sasl_scram_la_CPPFLAGS = $(MODULE_CPPFLAGS)
sasl_scram_la_CFLAGS = $(MODULE_CFLAGS)
sasl_scram_la_LDFLAGS = $(MODULE_LDFLAGS)
sasl_scram_la_LIBADD = $(MODULE_LIBADD)

check_PROGRAMS += modules/sasl-scram/tests/test-scram
TESTS += modules/sasl-scram/tests/test-scram
modules_sasl_scram_tests_test_scram_SOURCES = modules/sasl-scram/tests/test-scram.c $(scram_sources)
modules_sasl_scram_tests_test_scram_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules/sasl-scram
modules_sasl_scram_tests_test_scram_LDADD = libauth.la libsatchel.la $(GLIB_LIBS) $(GNUTLS_LIBS)
EXTRA_DIST += modules/sasl-scram/README.md
