# SPDX-License-Identifier: MIT
# A convenience library, so that its tests can see inside.
noinst_LTLIBRARIES += libretention.la
libretention_la_SOURCES = \
	modules/retention/admin.c \
	modules/retention/admin.h \
	modules/retention/admin_expunge.c \
	modules/retention/admin_list.c \
	modules/retention/admin_restore.c \
	modules/retention/blob.c \
	modules/retention/blob.h \
	modules/retention/books.c \
	modules/retention/books.h \
	modules/retention/caps.c \
	modules/retention/caps.h \
	modules/retention/choice.c \
	modules/retention/choice.h \
	modules/retention/clock.c \
	modules/retention/clock.h \
	modules/retention/deletion.c \
	modules/retention/deletion.h \
	modules/retention/drafts.c \
	modules/retention/drafts.h \
	modules/retention/expiry.c \
	modules/retention/expiry.h \
	modules/retention/hold.c \
	modules/retention/hold.h \
	modules/retention/items.c \
	modules/retention/items.h \
	modules/retention/layer.c \
	modules/retention/layer.h \
	modules/retention/names.c \
	modules/retention/purge.c \
	modules/retention/purge.h \
	modules/retention/query.c \
	modules/retention/query.h \
	modules/retention/record.c \
	modules/retention/record.h \
	modules/retention/removal.c \
	modules/retention/removal.h \
	modules/retention/retention.h \
	modules/retention/settings.c \
	modules/retention/settings.h \
	modules/retention/tree.c \
	modules/retention/tree.h
libretention_la_CPPFLAGS = $(MODULE_CPPFLAGS)
libretention_la_CFLAGS = $(MODULE_CFLAGS)
module_LTLIBRARIES += retention.la
retention_la_SOURCES = modules/retention/module.c
retention_la_CPPFLAGS = $(MODULE_CPPFLAGS)
retention_la_CFLAGS = $(MODULE_CFLAGS)
retention_la_LDFLAGS = $(MODULE_LDFLAGS)
retention_la_LIBADD = libretention.la $(MODULE_LIBADD)
EXTRA_DIST += modules/retention/README.md
dist_man_MANS += docs/man/satchel-retention.1

check_PROGRAMS += modules/retention/tests/test-retention
TESTS += modules/retention/tests/test-retention
modules_retention_tests_test_retention_SOURCES = modules/retention/tests/test-retention.c
modules_retention_tests_test_retention_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/layers -I$(top_srcdir)/modules/retention
modules_retention_tests_test_retention_LDADD = libretention.la libmemory.la libsatchel.la $(GLIB_LIBS)
