# SPDX-License-Identifier: MIT
module_LTLIBRARIES += sasl-external.la
external_sources = \
	modules/sasl-external/external.c \
	modules/sasl-external/external.h
sasl_external_la_SOURCES = $(external_sources) modules/sasl-external/module.c
sasl_external_la_CPPFLAGS = $(MODULE_CPPFLAGS)
sasl_external_la_CFLAGS = $(MODULE_CFLAGS)
sasl_external_la_LDFLAGS = $(MODULE_LDFLAGS)
sasl_external_la_LIBADD = $(MODULE_LIBADD)

check_PROGRAMS += modules/sasl-external/tests/test-external
TESTS += modules/sasl-external/tests/test-external
modules_sasl_external_tests_test_external_SOURCES = modules/sasl-external/tests/test-external.c $(external_sources)
modules_sasl_external_tests_test_external_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules/sasl-external
modules_sasl_external_tests_test_external_LDADD = libauth.la libsatchel.la $(GLIB_LIBS) $(GNUTLS_LIBS)
EXTRA_DIST += modules/sasl-external/README.md
