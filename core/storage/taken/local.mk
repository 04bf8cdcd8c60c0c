# SPDX-License-Identifier: MIT
libsatchel_la_SOURCES += \
	core/storage/taken/taken.c \
	core/storage/taken/taken.h \
	core/storage/taken/taken_hash.c \
	core/storage/taken/taken_private.h \
	core/storage/taken/taken_settle.c
EXTRA_DIST += core/storage/taken/README.md
