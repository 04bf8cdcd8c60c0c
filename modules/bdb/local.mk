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
	modules/bdb/admin/salvage.c \
	modules/bdb/commit/append.c \
	modules/bdb/commit/commit.c \
	modules/bdb/commit/copy.c \
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
	modules/bdb/store/places.c \
	modules/bdb/store/places.h \
	modules/bdb/store/rename_inbox.c \
	modules/bdb/store/store.c \
	modules/bdb/store/store.h \
	modules/bdb/volume/access.c \
	modules/bdb/volume/access.h \
	modules/bdb/volume/backup_lock.c \
	modules/bdb/volume/backup_lock.h \
	modules/bdb/volume/copy.c \
	modules/bdb/volume/copy.h \
	modules/bdb/volume/environment.c \
	modules/bdb/volume/environment.h \
	modules/bdb/volume/environment_use.c \
	modules/bdb/volume/facts.c \
	modules/bdb/volume/facts.h \
	modules/bdb/volume/format_file.c \
	modules/bdb/volume/format_file.h \
	modules/bdb/volume/salvage.c \
	modules/bdb/volume/space.c \
	modules/bdb/volume/tables.h \
	modules/bdb/volume/upkeep.c \
	modules/bdb/volume/volume.c \
	modules/bdb/volume/volume.h \
	modules/bdb/volume/volume_private.h
libbdb_la_CPPFLAGS = $(MODULE_CPPFLAGS) -I$(top_builddir) -I$(top_srcdir)/modules/bdb
libbdb_la_CFLAGS = $(MODULE_CFLAGS) $(BDB_CFLAGS)

module_LTLIBRARIES += bdb.la
bdb_la_SOURCES = modules/bdb/module.c
bdb_la_CPPFLAGS = $(MODULE_CPPFLAGS) -I$(top_builddir) -I$(top_srcdir)/modules/bdb
bdb_la_CFLAGS = $(MODULE_CFLAGS)
bdb_la_LDFLAGS = $(MODULE_LDFLAGS)
bdb_la_LIBADD = libbdb.la $(MODULE_LIBADD) $(BDB_LIBS)
dist_man_MANS += docs/man/satchel-bdb.1
endif
EXTRA_DIST += modules/bdb/README.md modules/bdb/FORMAT.md modules/bdb/admin/README.md modules/bdb/commit/README.md modules/bdb/format/README.md modules/bdb/message/README.md modules/bdb/store/README.md modules/bdb/volume/README.md
