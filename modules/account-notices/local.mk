# SPDX-License-Identifier: MIT
# A convenience library, so that its tests can see inside.
noinst_LTLIBRARIES += libaccountnotices.la
libaccountnotices_la_SOURCES = \
	modules/account-notices/message.c \
	modules/account-notices/message.h \
	modules/account-notices/module.c \
	modules/account-notices/notice.c \
	modules/account-notices/notice.h \
	modules/account-notices/queue.c \
	modules/account-notices/queue.h \
	modules/account-notices/rate.c \
	modules/account-notices/rate.h \
	modules/account-notices/template.c \
	modules/account-notices/template.h
libaccountnotices_la_CPPFLAGS = $(MODULE_CPPFLAGS)
libaccountnotices_la_CFLAGS = $(MODULE_CFLAGS)
module_LTLIBRARIES += account-notices.la
account_notices_la_SOURCES =
account_notices_la_LDFLAGS = $(MODULE_LDFLAGS)
account_notices_la_LIBADD = libaccountnotices.la $(MODULE_LIBADD)

check_PROGRAMS += modules/account-notices/tests/test-account-notices
TESTS += modules/account-notices/tests/test-account-notices
modules_account_notices_tests_test_account_notices_SOURCES = modules/account-notices/tests/test-account-notices.c
modules_account_notices_tests_test_account_notices_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules/account-notices
modules_account_notices_tests_test_account_notices_LDADD = libaccountnotices.la libsatchel.la $(GLIB_LIBS)
EXTRA_DIST += modules/account-notices/README.md
