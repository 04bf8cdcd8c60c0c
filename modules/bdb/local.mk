# SPDX-License-Identifier: MIT
if WITH_BDB
# The driver is a convenience library so that its tests can see inside.
noinst_LTLIBRARIES += libbdb.la
libbdb_la_SOURCES = \
	modules/bdb/admin/admin.c \
	modules/bdb/admin/admin.h \
	modules/bdb/admin/backup.c \
	modules/bdb/admin/level.c \
	modules/bdb/admin/level.h \
	modules/bdb/body/body_copy.c \
	modules/bdb/body/body_erase.c \
	modules/bdb/body/body_files.c \
	modules/bdb/body/body_files.h \
	modules/bdb/body/body_files_private.h \
	modules/bdb/body/body_notes.h \
	modules/bdb/body/body_reclaim.c \
	modules/bdb/body/body_record.c \
	modules/bdb/body/body_record.h \
	modules/bdb/body/body_room.c \
	modules/bdb/body/body_scan.c \
	modules/bdb/body/body_slots.c \
	modules/bdb/body/body_verify.c \
	modules/bdb/commit/append.c \
	modules/bdb/commit/commit.c \
	modules/bdb/commit/copy.c \
	modules/bdb/commit/exchange.c \
	modules/bdb/commit/draft.c \
	modules/bdb/commit/draft.h \
	modules/bdb/commit/flags.c \
	modules/bdb/commit/operation.c \
	modules/bdb/commit/operation.h \
	modules/bdb/commit/operation_parts.c \
	modules/bdb/driver.c \
	modules/bdb/driver.h \
	modules/bdb/format/keys.c \
	modules/bdb/format/keys.h \
	modules/bdb/format/message_block.c \
	modules/bdb/format/message_block.h \
	modules/bdb/format/record.c \
	modules/bdb/format/record.h \
	modules/bdb/message/content.c \
	modules/bdb/message/content.h \
	modules/bdb/message/group.c \
	modules/bdb/message/group.h \
	modules/bdb/message/history.c \
	modules/bdb/message/history.h \
	modules/bdb/message/mailbox.c \
	modules/bdb/message/mailbox.h \
	modules/bdb/message/maintain.c \
	modules/bdb/message/message.c \
	modules/bdb/message/metadata.c \
	modules/bdb/message/metadata.h \
	modules/bdb/message/references.c \
	modules/bdb/message/snapshot.c \
	modules/bdb/message/stage.c \
	modules/bdb/message/stage.h \
	modules/bdb/settings.c \
	modules/bdb/settings.h \
	modules/bdb/store/blobs.c \
	modules/bdb/store/box.c \
	modules/bdb/store/catch_up.c \
	modules/bdb/store/core_files.c \
	modules/bdb/store/destroy.c \
	modules/bdb/store/erase.c \
	modules/bdb/store/import.c \
	modules/bdb/store/load.c \
	modules/bdb/store/load.h \
	modules/bdb/store/names.c \
	modules/bdb/store/pins.c \
	modules/bdb/store/pins.h \
	modules/bdb/store/rename_inbox.c \
	modules/bdb/store/salvage.c \
	modules/bdb/store/store.c \
	modules/bdb/store/store.h \
	modules/bdb/volume/access.c \
	modules/bdb/volume/access.h \
	modules/bdb/volume/backup_lock.c \
	modules/bdb/volume/backup_lock.h \
	modules/bdb/volume/batch.c \
	modules/bdb/volume/batch.h \
	modules/bdb/volume/checkpoint.c \
	modules/bdb/volume/copy.c \
	modules/bdb/volume/copy.h \
	modules/bdb/volume/environment.c \
	modules/bdb/volume/environment.h \
	modules/bdb/volume/environment_use.c \
	modules/bdb/volume/facts.c \
	modules/bdb/volume/facts.h \
	modules/bdb/volume/file_copy.c \
	modules/bdb/volume/file_copy.h \
	modules/bdb/volume/file_list.c \
	modules/bdb/volume/file_list.h \
	modules/bdb/volume/file_open.c \
	modules/bdb/volume/file_open.h \
	modules/bdb/volume/format_file.c \
	modules/bdb/volume/format_file.h \
	modules/bdb/volume/memory.c \
	modules/bdb/volume/memory.h \
	modules/bdb/volume/salvage.c \
	modules/bdb/volume/space.c \
	modules/bdb/volume/tables.h \
	modules/bdb/volume/upkeep.c \
	modules/bdb/volume/volume.c \
	modules/bdb/volume/volume.h \
	modules/bdb/volume/volume_private.h
libbdb_la_CPPFLAGS = $(MODULE_CPPFLAGS) -I$(top_builddir) -I$(top_srcdir)/modules/bdb
libbdb_la_CFLAGS = $(MODULE_CFLAGS) $(BDB_CFLAGS) $(XXHASH_CFLAGS)

module_LTLIBRARIES += bdb.la
bdb_la_SOURCES = modules/bdb/module.c
bdb_la_CPPFLAGS = $(MODULE_CPPFLAGS) -I$(top_builddir) -I$(top_srcdir)/modules/bdb
bdb_la_CFLAGS = $(MODULE_CFLAGS)
bdb_la_LDFLAGS = $(MODULE_LDFLAGS)
bdb_la_LIBADD = libbdb.la $(MODULE_LIBADD) $(BDB_LIBS) $(XXHASH_LIBS)
dist_man_MANS += docs/man/satchel-bdb.1

check_PROGRAMS += modules/bdb/tests/test-blocks
TESTS += modules/bdb/tests/test-blocks
modules_bdb_tests_test_blocks_SOURCES = modules/bdb/tests/test-blocks.c
modules_bdb_tests_test_blocks_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules/bdb
modules_bdb_tests_test_blocks_LDADD = libbdb.la $(BDB_LIBS) $(XXHASH_LIBS) libsatchel.la $(GLIB_LIBS)
check_PROGRAMS += modules/bdb/tests/test-batch
TESTS += modules/bdb/tests/test-batch
modules_bdb_tests_test_batch_SOURCES = modules/bdb/tests/test-batch.c modules/bdb/tests/place.c modules/bdb/tests/place.h
modules_bdb_tests_test_batch_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules/bdb
modules_bdb_tests_test_batch_LDADD = libbdb.la $(BDB_LIBS) $(XXHASH_LIBS) libsatchel.la $(GLIB_LIBS)

check_PROGRAMS += modules/bdb/tests/test-groups
TESTS += modules/bdb/tests/test-groups
modules_bdb_tests_test_groups_SOURCES = modules/bdb/tests/test-groups.c modules/bdb/tests/place.c modules/bdb/tests/place.h
modules_bdb_tests_test_groups_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules/bdb
modules_bdb_tests_test_groups_LDADD = libbdb.la $(BDB_LIBS) $(XXHASH_LIBS) libsatchel.la $(GLIB_LIBS)
check_PROGRAMS += modules/bdb/tests/test-bodies
TESTS += modules/bdb/tests/test-bodies
modules_bdb_tests_test_bodies_SOURCES = modules/bdb/tests/test-bodies.c modules/bdb/tests/place.c modules/bdb/tests/place.h
modules_bdb_tests_test_bodies_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules/bdb
modules_bdb_tests_test_bodies_LDADD = libbdb.la $(BDB_LIBS) $(XXHASH_LIBS) libsatchel.la $(GLIB_LIBS)

check_PROGRAMS += modules/bdb/tests/test-memory
TESTS += modules/bdb/tests/test-memory
modules_bdb_tests_test_memory_SOURCES = modules/bdb/tests/test-memory.c modules/bdb/tests/place.c modules/bdb/tests/place.h
modules_bdb_tests_test_memory_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules/bdb
modules_bdb_tests_test_memory_CFLAGS = $(AM_CFLAGS) $(BDB_CFLAGS)
modules_bdb_tests_test_memory_LDADD = libbdb.la $(BDB_LIBS) $(XXHASH_LIBS) libsatchel.la $(GLIB_LIBS)

# Berkeley DB's calls are recorded by its own hooks, those of the driver by the linker.
check_PROGRAMS += modules/bdb/tests/test-crash-states
TESTS += modules/bdb/tests/test-crash-states
modules_bdb_tests_test_crash_states_SOURCES = modules/bdb/tests/test-crash-states.c modules/bdb/tests/crash_calls.c modules/bdb/tests/crash_calls.h
modules_bdb_tests_test_crash_states_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules/bdb
modules_bdb_tests_test_crash_states_CFLAGS = $(AM_CFLAGS) $(BDB_CFLAGS)
modules_bdb_tests_test_crash_states_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=open,--wrap=open64,--wrap=openat,--wrap=openat64,--wrap=pwrite,--wrap=pwrite64 \
	-Wl,--wrap=fallocate,--wrap=fallocate64,--wrap=ftruncate,--wrap=ftruncate64 \
	-Wl,--wrap=unlinkat,--wrap=mkdirat,--wrap=fsync,--wrap=fdatasync
modules_bdb_tests_test_crash_states_LDADD = libstoretest.la libbdb.la $(BDB_LIBS) $(XXHASH_LIBS) libsatchel.la $(GLIB_LIBS)
endif
EXTRA_DIST += modules/bdb/README.md modules/bdb/FORMAT.md modules/bdb/admin/README.md modules/bdb/body/README.md \
	modules/bdb/commit/README.md modules/bdb/format/README.md modules/bdb/message/README.md modules/bdb/store/README.md \
	modules/bdb/tests/README.md modules/bdb/volume/README.md
