# SPDX-License-Identifier: MIT
libsatchel_la_SOURCES += core/storage/access.c core/storage/handle.c core/storage/chunk.c core/storage/chunk.h core/storage/keywords.c core/storage/snapshot.c \
	core/storage/snapshot_builder.c core/storage/snapshot_compare.c core/storage/uid_set.c \
	core/storage/change.c core/storage/change.h core/storage/change_commit.c core/storage/change_delta.c core/storage/change_delta.h \
	core/storage/change_frame.c core/storage/change_log.c core/storage/change_log.h core/storage/change_match.c core/storage/change_names.c \
	core/storage/changes.c core/storage/changes.h core/storage/feed.c core/storage/feed.h core/storage/feed_cursor.c \
	core/storage/commit.c core/storage/round.c core/storage/content.c core/storage/dispatch.c core/storage/keys.c core/storage/mailbox.c core/storage/maintain.c \
	core/storage/operations.c core/storage/operation_fields.c core/storage/import.c core/storage/names.c core/storage/namespaces.c core/storage/rights.c \
	core/storage/special_use.c core/storage/stage.c core/storage/suspects.c core/storage/suspects.h core/storage/store.c core/storage/store_cache.c core/storage/store_setup.c \
	core/storage/store_open.h core/storage/stacks.c core/storage/place.c core/storage/place.h core/storage/store_private.h core/storage/blobs.c core/storage/transaction.c core/storage/usage.c core/storage/user_attributes.c core/storage/watch.c
EXTRA_DIST += core/storage/README.md
