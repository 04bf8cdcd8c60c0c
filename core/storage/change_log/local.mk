# SPDX-License-Identifier: MIT
libsatchel_la_SOURCES += \
	core/storage/change_log/change.c \
	core/storage/change_log/change.h \
	core/storage/change_log/change_commit.c \
	core/storage/change_log/change_delta.c \
	core/storage/change_log/change_delta.h \
	core/storage/change_log/change_frame.c \
	core/storage/change_log/change_log.c \
	core/storage/change_log/change_log.h \
	core/storage/change_log/change_look.c \
	core/storage/change_log/change_match.c \
	core/storage/change_log/change_names.c \
	core/storage/change_log/changes.c \
	core/storage/change_log/changes.h \
	core/storage/change_log/feed.c \
	core/storage/change_log/feed.h \
	core/storage/change_log/feed_cursor.c \
	core/storage/change_log/feed_list.c \
	core/storage/change_log/feed_private.h
EXTRA_DIST += core/storage/change_log/README.md
