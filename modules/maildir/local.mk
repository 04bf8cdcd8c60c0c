# SPDX-License-Identifier: MIT
# The driver is a convenience library so that its tests can see inside.
noinst_LTLIBRARIES += libmaildir.la
libmaildir_la_SOURCES = \
	modules/maildir/driver.c \
	modules/maildir/driver.h \
	modules/maildir/settings.c \
	modules/maildir/settings.h
include modules/maildir/commit/local.mk
include modules/maildir/files/local.mk
include modules/maildir/foreign/local.mk
include modules/maildir/index/local.mk
include modules/maildir/mailbox/local.mk
include modules/maildir/names/local.mk
include modules/maildir/store/local.mk
libmaildir_la_CPPFLAGS = $(MODULE_CPPFLAGS) -I$(top_builddir) -I$(top_srcdir)/modules/maildir
libmaildir_la_CFLAGS = $(MODULE_CFLAGS)

module_LTLIBRARIES += maildir.la
maildir_la_SOURCES = modules/maildir/module.c
maildir_la_CPPFLAGS = $(MODULE_CPPFLAGS) -I$(top_builddir) -I$(top_srcdir)/modules/maildir
maildir_la_CFLAGS = $(MODULE_CFLAGS)
maildir_la_LDFLAGS = $(MODULE_LDFLAGS)
maildir_la_LIBADD = libmaildir.la $(MODULE_LIBADD)

MAILDIR_TEST_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules/maildir
check_LTLIBRARIES += libmaildirtest.la
libmaildirtest_la_CPPFLAGS = $(MAILDIR_TEST_CPPFLAGS)
libmaildirtest_la_SOURCES = modules/maildir/tests/harness.c modules/maildir/tests/harness.h \
	modules/maildir/tests/crash_calls.c modules/maildir/tests/crash_calls.h modules/maildir/tests/faults.c modules/maildir/tests/faults.h
libmaildirtest_la_LIBADD = libstoretest.la
MAILDIR_TESTS = modules/maildir/tests/test-maildir modules/maildir/tests/test-outside modules/maildir/tests/test-flags \
	modules/maildir/tests/test-index modules/maildir/tests/test-takeover modules/maildir/tests/test-faults \
	modules/maildir/tests/test-courier modules/maildir/tests/test-dates modules/maildir/tests/test-usage \
	modules/maildir/tests/test-maildirsize modules/maildir/tests/test-blobs \
	modules/maildir/tests/test-hold modules/maildir/tests/test-import modules/maildir/tests/test-collisions modules/maildir/tests/test-crash-states \
	modules/maildir/tests/test-failed-saves modules/maildir/tests/test-trouble modules/maildir/tests/test-trash \
	modules/maildir/tests/test-cache modules/maildir/tests/test-uidlist modules/maildir/tests/test-watch \
	modules/maildir/tests/test-journal modules/maildir/tests/test-ahead
check_PROGRAMS += $(MAILDIR_TESTS)
TESTS += $(MAILDIR_TESTS) modules/maildir/tests/faults-dovecot.sh modules/maildir/tests/coarse-times.sh
modules/maildir/tests/faults-dovecot.log: modules/maildir/tests/test-faults modules/maildir/tests/test-index
modules/maildir/tests/coarse-times.log: $(MAILDIR_TESTS)
modules_maildir_tests_test_maildir_SOURCES = modules/maildir/tests/test-maildir.c
modules_maildir_tests_test_maildir_CPPFLAGS = $(MAILDIR_TEST_CPPFLAGS)
modules_maildir_tests_test_maildir_LDADD = libmaildirtest.la libmaildir.la libsatchel.la $(GLIB_LIBS)
modules_maildir_tests_test_outside_SOURCES = modules/maildir/tests/test-outside.c
modules_maildir_tests_test_outside_CPPFLAGS = $(MAILDIR_TEST_CPPFLAGS)
modules_maildir_tests_test_outside_LDADD = libmaildirtest.la libmaildir.la libsatchel.la $(GLIB_LIBS)
modules_maildir_tests_test_flags_SOURCES = modules/maildir/tests/test-flags.c
modules_maildir_tests_test_flags_CPPFLAGS = $(MAILDIR_TEST_CPPFLAGS)
modules_maildir_tests_test_flags_LDADD = libmaildirtest.la libmaildir.la libsatchel.la $(GLIB_LIBS)
modules_maildir_tests_test_index_SOURCES = modules/maildir/tests/test-index.c
modules_maildir_tests_test_index_CPPFLAGS = $(MAILDIR_TEST_CPPFLAGS)
modules_maildir_tests_test_index_LDADD = libmaildirtest.la libmaildir.la libsatchel.la $(GLIB_LIBS)
modules_maildir_tests_test_courier_SOURCES = modules/maildir/tests/test-courier.c
modules_maildir_tests_test_courier_CPPFLAGS = $(MAILDIR_TEST_CPPFLAGS)
modules_maildir_tests_test_courier_LDADD = libmaildirtest.la libmaildir.la libsatchel.la $(GLIB_LIBS)
modules_maildir_tests_test_dates_SOURCES = modules/maildir/tests/test-dates.c
modules_maildir_tests_test_dates_CPPFLAGS = $(MAILDIR_TEST_CPPFLAGS)
modules_maildir_tests_test_dates_LDADD = libmaildirtest.la libmaildir.la libsatchel.la $(GLIB_LIBS)
modules_maildir_tests_test_hold_SOURCES = modules/maildir/tests/test-hold.c
modules_maildir_tests_test_hold_CPPFLAGS = $(MAILDIR_TEST_CPPFLAGS)
modules_maildir_tests_test_hold_LDADD = libmaildirtest.la libmaildir.la libsatchel.la $(GLIB_LIBS)
modules_maildir_tests_test_import_SOURCES = modules/maildir/tests/test-import.c
modules_maildir_tests_test_import_CPPFLAGS = $(MAILDIR_TEST_CPPFLAGS)
modules_maildir_tests_test_import_LDADD = libmaildirtest.la libmaildir.la libsatchel.la $(GLIB_LIBS)
modules_maildir_tests_test_collisions_SOURCES = modules/maildir/tests/test-collisions.c
modules_maildir_tests_test_collisions_CPPFLAGS = $(MAILDIR_TEST_CPPFLAGS)
modules_maildir_tests_test_collisions_LDADD = libmaildirtest.la libmaildir.la libsatchel.la $(GLIB_LIBS)
modules_maildir_tests_test_crash_states_SOURCES = modules/maildir/tests/test-crash-states.c
modules_maildir_tests_test_crash_states_CPPFLAGS = $(MAILDIR_TEST_CPPFLAGS)
modules_maildir_tests_test_crash_states_LDADD = libmaildirtest.la libmaildir.la libsatchel.la $(GLIB_LIBS)
modules_maildir_tests_test_failed_saves_SOURCES = modules/maildir/tests/test-failed-saves.c
modules_maildir_tests_test_failed_saves_CPPFLAGS = $(MAILDIR_TEST_CPPFLAGS)
modules_maildir_tests_test_failed_saves_LDADD = libmaildirtest.la libmaildir.la libsatchel.la $(GLIB_LIBS)
modules_maildir_tests_test_trouble_SOURCES = modules/maildir/tests/test-trouble.c
modules_maildir_tests_test_trouble_CPPFLAGS = $(MAILDIR_TEST_CPPFLAGS)
modules_maildir_tests_test_trouble_LDADD = libmaildirtest.la libmaildir.la libsatchel.la $(GLIB_LIBS)
modules_maildir_tests_test_cache_SOURCES = modules/maildir/tests/test-cache.c
modules_maildir_tests_test_cache_CPPFLAGS = $(MAILDIR_TEST_CPPFLAGS)
modules_maildir_tests_test_cache_LDADD = libmaildirtest.la libmaildir.la libsatchel.la $(GLIB_LIBS)
modules_maildir_tests_test_uidlist_SOURCES = modules/maildir/tests/test-uidlist.c
modules_maildir_tests_test_uidlist_CPPFLAGS = $(MAILDIR_TEST_CPPFLAGS)
modules_maildir_tests_test_uidlist_LDADD = libmaildirtest.la libmaildir.la libsatchel.la $(GLIB_LIBS)
modules_maildir_tests_test_watch_SOURCES = modules/maildir/tests/test-watch.c
modules_maildir_tests_test_watch_CPPFLAGS = $(MAILDIR_TEST_CPPFLAGS)
modules_maildir_tests_test_watch_LDADD = libmaildirtest.la libmaildir.la libsatchel.la $(GLIB_LIBS)
modules_maildir_tests_test_ahead_SOURCES = modules/maildir/tests/test-ahead.c
modules_maildir_tests_test_ahead_CPPFLAGS = $(MAILDIR_TEST_CPPFLAGS)
modules_maildir_tests_test_ahead_LDADD = libmaildirtest.la libmaildir.la libsatchel.la $(GLIB_LIBS)
modules_maildir_tests_test_journal_SOURCES = modules/maildir/tests/test-journal.c
modules_maildir_tests_test_journal_CPPFLAGS = $(MAILDIR_TEST_CPPFLAGS)
modules_maildir_tests_test_journal_LDADD = libmaildirtest.la libmaildir.la libsatchel.la $(GLIB_LIBS)
modules_maildir_tests_test_trash_SOURCES = modules/maildir/tests/test-trash.c
modules_maildir_tests_test_trash_CPPFLAGS = $(MAILDIR_TEST_CPPFLAGS)
modules_maildir_tests_test_trash_LDADD = libmaildirtest.la libmaildir.la libsatchel.la $(GLIB_LIBS)
modules_maildir_tests_test_blobs_SOURCES = modules/maildir/tests/test-blobs.c
modules_maildir_tests_test_blobs_CPPFLAGS = $(MAILDIR_TEST_CPPFLAGS)
modules_maildir_tests_test_blobs_LDADD = libmaildirtest.la libmaildir.la libsatchel.la $(GLIB_LIBS)
modules_maildir_tests_test_usage_SOURCES = modules/maildir/tests/test-usage.c
modules_maildir_tests_test_usage_CPPFLAGS = $(MAILDIR_TEST_CPPFLAGS)
modules_maildir_tests_test_usage_LDADD = libmaildirtest.la libmaildir.la libsatchel.la $(GLIB_LIBS)
modules_maildir_tests_test_maildirsize_SOURCES = modules/maildir/tests/test-maildirsize.c
modules_maildir_tests_test_maildirsize_CPPFLAGS = $(MAILDIR_TEST_CPPFLAGS)
modules_maildir_tests_test_maildirsize_LDADD = libmaildirtest.la libmaildir.la libsatchel.la $(GLIB_LIBS)
modules_maildir_tests_test_takeover_SOURCES = modules/maildir/tests/test-takeover.c
modules_maildir_tests_test_takeover_CPPFLAGS = $(MAILDIR_TEST_CPPFLAGS)
modules_maildir_tests_test_takeover_LDADD = libmaildirtest.la libmaildir.la libsatchel.la $(GLIB_LIBS)
modules_maildir_tests_test_faults_SOURCES = modules/maildir/tests/test-faults.c
modules_maildir_tests_test_faults_CPPFLAGS = $(MAILDIR_TEST_CPPFLAGS)
modules_maildir_tests_test_faults_LDADD = libmaildirtest.la libmaildir.la libsatchel.la $(GLIB_LIBS)
EXTRA_DIST += modules/maildir/README.md modules/maildir/FORMAT.md modules/maildir/tests/README.md \
	modules/maildir/tests/faults-dovecot.sh modules/maildir/tests/coarse-times.sh
