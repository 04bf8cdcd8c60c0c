# SPDX-License-Identifier: MIT
# The driver is a convenience library so that its tests can see inside.
noinst_LTLIBRARIES += libmaildir.la
libmaildir_la_SOURCES = \
	modules/maildir/access_error.c \
	modules/maildir/access_error.h \
	modules/maildir/blob_file.c \
	modules/maildir/boot_id.c \
	modules/maildir/boot_id.h \
	modules/maildir/cache.c \
	modules/maildir/cache.h \
	modules/maildir/checksum.c \
	modules/maildir/checksum.h \
	modules/maildir/commit_batch.c \
	modules/maildir/control_dir.c \
	modules/maildir/control_dir.h \
	modules/maildir/core_files.c \
	modules/maildir/courier.c \
	modules/maildir/courier.h \
	modules/maildir/dates.c \
	modules/maildir/driver.c \
	modules/maildir/driver.h \
	modules/maildir/examine.c \
	modules/maildir/file_io.c \
	modules/maildir/file_io.h \
	modules/maildir/file_name.c \
	modules/maildir/file_name.h \
	modules/maildir/folder_name.c \
	modules/maildir/folder_name.h \
	modules/maildir/import_mailbox.c \
	modules/maildir/index.c \
	modules/maildir/index.h \
	modules/maildir/index_format.h \
	modules/maildir/index_load.c \
	modules/maildir/inotify_watch.c \
	modules/maildir/inotify_watch.h \
	modules/maildir/journal.c \
	modules/maildir/journal.h \
	modules/maildir/keyword_letters.c \
	modules/maildir/keyword_letters.h \
	modules/maildir/list.c \
	modules/maildir/list.h \
	modules/maildir/log_area.h \
	modules/maildir/mailbox.h \
	modules/maildir/mailbox_calls.c \
	modules/maildir/mailbox_open.c \
	modules/maildir/mailbox_recovery.c \
	modules/maildir/mailbox_state.c \
	modules/maildir/maildir_store.c \
	modules/maildir/maildir_store.h \
	modules/maildir/maildir_sys.c \
	modules/maildir/maildir_sys.h \
	modules/maildir/maildirsize.c \
	modules/maildir/maildirsize.h \
	modules/maildir/message.c \
	modules/maildir/metadata.c \
	modules/maildir/metadata.h \
	modules/maildir/name_table.c \
	modules/maildir/name_table.h \
	modules/maildir/plan_append.c \
	modules/maildir/plan_copy.c \
	modules/maildir/plan_flags.c \
	modules/maildir/plan_import.c \
	modules/maildir/plan_keywords.c \
	modules/maildir/plan_messages.c \
	modules/maildir/plan_operation.c \
	modules/maildir/scan.c \
	modules/maildir/scan.h \
	modules/maildir/settings.c \
	modules/maildir/settings.h \
	modules/maildir/slots.c \
	modules/maildir/slots.h \
	modules/maildir/stage_message.c \
	modules/maildir/stage_message.h \
	modules/maildir/steps.c \
	modules/maildir/subscriptions.c \
	modules/maildir/subscriptions.h \
	modules/maildir/sync.c \
	modules/maildir/sync.h \
	modules/maildir/sync_arrivals.h \
	modules/maildir/sync_hold.c \
	modules/maildir/sync_hold.h \
	modules/maildir/sync_uids.c \
	modules/maildir/transaction_plan.c \
	modules/maildir/transaction_plan.h \
	modules/maildir/tree.c \
	modules/maildir/tree.h \
	modules/maildir/tree_fs.c \
	modules/maildir/uidlist.c \
	modules/maildir/uidlist.h \
	modules/maildir/uidlist_write.c \
	modules/maildir/uidlist_write.h \
	modules/maildir/unique_ids.c \
	modules/maildir/unique_ids.h \
	modules/maildir/unique_name.c \
	modules/maildir/unique_name.h \
	modules/maildir/unsized.c \
	modules/maildir/unsized.h \
	modules/maildir/usage_count.c \
	modules/maildir/usage_count.h \
	modules/maildir/user_file.c \
	modules/maildir/user_file.h
libmaildir_la_CPPFLAGS = $(MODULE_CPPFLAGS) -I$(top_builddir)
libmaildir_la_CFLAGS = $(MODULE_CFLAGS)

module_LTLIBRARIES += maildir.la
maildir_la_SOURCES = modules/maildir/module.c
maildir_la_CPPFLAGS = $(MODULE_CPPFLAGS) -I$(top_builddir)
maildir_la_CFLAGS = $(MODULE_CFLAGS)
maildir_la_LDFLAGS = $(MODULE_LDFLAGS)
maildir_la_LIBADD = libmaildir.la $(MODULE_LIBADD)

check_LTLIBRARIES += libmaildirtest.la
libmaildirtest_la_SOURCES = modules/maildir/tests/harness.c modules/maildir/tests/harness.h \
	modules/maildir/tests/crashfs.c modules/maildir/tests/crashfs.h modules/maildir/tests/facts.c \
	modules/maildir/tests/facts.h modules/maildir/tests/faults.c modules/maildir/tests/faults.h
MAILDIR_TESTS = modules/maildir/tests/test-maildir modules/maildir/tests/test-takeover modules/maildir/tests/test-faults modules/maildir/tests/test-courier modules/maildir/tests/test-dates modules/maildir/tests/test-usage modules/maildir/tests/test-maildirsize modules/maildir/tests/test-blobs \
	modules/maildir/tests/test-hold modules/maildir/tests/test-import modules/maildir/tests/test-collisions modules/maildir/tests/test-crash-states \
	modules/maildir/tests/test-failed-saves modules/maildir/tests/test-trouble modules/maildir/tests/test-trash modules/maildir/tests/test-cache
check_PROGRAMS += $(MAILDIR_TESTS)
TESTS += $(MAILDIR_TESTS) modules/maildir/tests/faults-dovecot.sh modules/maildir/tests/coarse-times.sh
modules/maildir/tests/faults-dovecot.log: modules/maildir/tests/test-faults
modules/maildir/tests/coarse-times.log: $(MAILDIR_TESTS)
modules_maildir_tests_test_maildir_SOURCES = modules/maildir/tests/test-maildir.c
modules_maildir_tests_test_maildir_LDADD = libmaildirtest.la libmaildir.la libsatchel.la $(GLIB_LIBS)
modules_maildir_tests_test_courier_SOURCES = modules/maildir/tests/test-courier.c
modules_maildir_tests_test_courier_LDADD = libmaildirtest.la libmaildir.la libsatchel.la $(GLIB_LIBS)
modules_maildir_tests_test_dates_SOURCES = modules/maildir/tests/test-dates.c
modules_maildir_tests_test_dates_LDADD = libmaildirtest.la libmaildir.la libsatchel.la $(GLIB_LIBS)
modules_maildir_tests_test_hold_SOURCES = modules/maildir/tests/test-hold.c
modules_maildir_tests_test_hold_LDADD = libmaildirtest.la libmaildir.la libsatchel.la $(GLIB_LIBS)
modules_maildir_tests_test_import_SOURCES = modules/maildir/tests/test-import.c
modules_maildir_tests_test_import_LDADD = libmaildirtest.la libmaildir.la libsatchel.la $(GLIB_LIBS)
modules_maildir_tests_test_collisions_SOURCES = modules/maildir/tests/test-collisions.c
modules_maildir_tests_test_collisions_LDADD = libmaildirtest.la libmaildir.la libsatchel.la $(GLIB_LIBS)
modules_maildir_tests_test_crash_states_SOURCES = modules/maildir/tests/test-crash-states.c
modules_maildir_tests_test_crash_states_LDADD = libmaildirtest.la libmaildir.la libsatchel.la $(GLIB_LIBS)
modules_maildir_tests_test_failed_saves_SOURCES = modules/maildir/tests/test-failed-saves.c
modules_maildir_tests_test_failed_saves_LDADD = libmaildirtest.la libmaildir.la libsatchel.la $(GLIB_LIBS)
modules_maildir_tests_test_trouble_SOURCES = modules/maildir/tests/test-trouble.c
modules_maildir_tests_test_trouble_LDADD = libmaildirtest.la libmaildir.la libsatchel.la $(GLIB_LIBS)
modules_maildir_tests_test_cache_SOURCES = modules/maildir/tests/test-cache.c
modules_maildir_tests_test_cache_LDADD = libmaildirtest.la libmaildir.la libsatchel.la $(GLIB_LIBS)
modules_maildir_tests_test_trash_SOURCES = modules/maildir/tests/test-trash.c
modules_maildir_tests_test_trash_LDADD = libmaildirtest.la libmaildir.la libsatchel.la $(GLIB_LIBS)
modules_maildir_tests_test_blobs_SOURCES = modules/maildir/tests/test-blobs.c
modules_maildir_tests_test_blobs_LDADD = libmaildirtest.la libmaildir.la libsatchel.la $(GLIB_LIBS)
modules_maildir_tests_test_usage_SOURCES = modules/maildir/tests/test-usage.c
modules_maildir_tests_test_usage_LDADD = libmaildirtest.la libmaildir.la libsatchel.la $(GLIB_LIBS)
modules_maildir_tests_test_maildirsize_SOURCES = modules/maildir/tests/test-maildirsize.c
modules_maildir_tests_test_maildirsize_LDADD = libmaildirtest.la libmaildir.la libsatchel.la $(GLIB_LIBS)
modules_maildir_tests_test_takeover_SOURCES = modules/maildir/tests/test-takeover.c
modules_maildir_tests_test_takeover_LDADD = libmaildirtest.la libmaildir.la libsatchel.la $(GLIB_LIBS)
modules_maildir_tests_test_faults_SOURCES = modules/maildir/tests/test-faults.c
modules_maildir_tests_test_faults_LDADD = libmaildirtest.la libmaildir.la libsatchel.la $(GLIB_LIBS)
EXTRA_DIST += modules/maildir/README.md modules/maildir/FORMAT.md modules/maildir/tests/README.md modules/maildir/tests/faults-dovecot.sh modules/maildir/tests/coarse-times.sh
