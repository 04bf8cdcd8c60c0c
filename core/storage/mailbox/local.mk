# SPDX-License-Identifier: MIT
libsatchel_la_SOURCES += \
	core/storage/mailbox/content.c \
	core/storage/mailbox/key_cache.c \
	core/storage/mailbox/key_cache.h \
	core/storage/mailbox/mailbox.c \
	core/storage/mailbox/mailbox_keys.c \
	core/storage/mailbox/mailbox_open.c \
	core/storage/mailbox/mailbox_read.c \
	core/storage/mailbox/mailbox_sync.c \
	core/storage/mailbox/mailbox_use.c \
	core/storage/mailbox/stage.c \
	core/storage/mailbox/suspects.c \
	core/storage/mailbox/suspects.h \
	core/storage/mailbox/watch.c
EXTRA_DIST += core/storage/mailbox/README.md
