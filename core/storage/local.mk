# SPDX-License-Identifier: MIT
libsatchel_la_SOURCES += core/storage/chunk.c core/storage/chunk.h core/storage/snapshot.c \
	core/storage/snapshot_builder.c core/storage/snapshot_compare.c core/storage/uid_set.c
