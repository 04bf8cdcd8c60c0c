# SPDX-License-Identifier: MIT
module_LTLIBRARIES += quota.la
quota_sources = \
	modules/quota/layer.c \
	modules/quota/layer.h \
	modules/quota/settings.c \
	modules/quota/settings.h
quota_la_SOURCES = $(quota_sources) modules/quota/module.c
quota_la_CPPFLAGS = $(MODULE_CPPFLAGS)
quota_la_CFLAGS = $(MODULE_CFLAGS)
quota_la_LDFLAGS = $(MODULE_LDFLAGS)
quota_la_LIBADD = $(MODULE_LIBADD)

check_PROGRAMS += modules/quota/tests/test-quota
TESTS += modules/quota/tests/test-quota
modules_quota_tests_test_quota_SOURCES = modules/quota/tests/test-quota.c $(quota_sources)
modules_quota_tests_test_quota_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/layers -I$(top_srcdir)/modules/quota
modules_quota_tests_test_quota_LDADD = libmemory.la libsatchel.la $(GLIB_LIBS)
EXTRA_DIST += modules/quota/README.md
