# SPDX-License-Identifier: MIT
module_LTLIBRARIES += account-notices.la
account_notices_la_SOURCES = \
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
account_notices_la_CPPFLAGS = $(MODULE_CPPFLAGS) -DSATCHEL_STATE_DIR='"$(localstatedir)/lib/satchel"'
account_notices_la_CFLAGS = $(MODULE_CFLAGS)
account_notices_la_LDFLAGS = $(MODULE_LDFLAGS)
account_notices_la_LIBADD = $(MODULE_LIBADD)

check_PROGRAMS += modules/account-notices/tests/test-account-notices
TESTS += modules/account-notices/tests/test-account-notices
modules_account_notices_tests_test_account_notices_SOURCES = modules/account-notices/tests/test-account-notices.c $(account_notices_la_SOURCES)
modules_account_notices_tests_test_account_notices_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules/account-notices
modules_account_notices_tests_test_account_notices_LDADD = libsatchel.la $(GLIB_LIBS)
EXTRA_DIST += modules/account-notices/README.md
