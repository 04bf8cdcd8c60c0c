# SPDX-License-Identifier: MIT
libsatchel_la_SOURCES += \
	core/storage/snapshot/chunk.c \
	core/storage/snapshot/chunk.h \
	core/storage/snapshot/keyword_names.h \
	core/storage/snapshot/keywords.c \
	core/storage/snapshot/shown_flags.c \
	core/storage/snapshot/snapshot.c \
	core/storage/snapshot/snapshot_builder.c \
	core/storage/snapshot/snapshot_compare.c \
	core/storage/snapshot/uid_set.c
EXTRA_DIST += core/storage/snapshot/README.md
