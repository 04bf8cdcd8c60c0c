# SPDX-License-Identifier: MIT
module_LTLIBRARIES += alias-file.la
alias_file_la_SOURCES = \
	modules/alias-file/aliases.c \
	modules/alias-file/aliases.h \
	modules/alias-file/module.c \
	modules/alias-file/settings.c \
	modules/alias-file/settings.h
alias_file_la_CPPFLAGS = $(MODULE_CPPFLAGS)
alias_file_la_CFLAGS = $(MODULE_CFLAGS)
alias_file_la_LDFLAGS = $(MODULE_LDFLAGS)
alias_file_la_LIBADD = $(MODULE_LIBADD)
aliasexampledir = $(docdir)
dist_aliasexample_DATA = modules/alias-file/aliases.example

check_PROGRAMS += modules/alias-file/tests/test-alias-file
TESTS += modules/alias-file/tests/test-alias-file
modules_alias_file_tests_test_alias_file_SOURCES = modules/alias-file/tests/test-alias-file.c $(alias_file_la_SOURCES)
modules_alias_file_tests_test_alias_file_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules/alias-file
modules_alias_file_tests_test_alias_file_LDADD = libsatchel.la $(GLIB_LIBS)
EXTRA_DIST += modules/alias-file/README.md
