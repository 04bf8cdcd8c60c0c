# SPDX-License-Identifier: MIT
libsatchel_la_SOURCES += \
	core/storage/convert/convert.c \
	core/storage/convert/convert.h \
	core/storage/convert/convert_anew.c \
	core/storage/convert/convert_append.c \
	core/storage/convert/convert_blobs.c \
	core/storage/convert/convert_mailbox.c \
	core/storage/convert/convert_names.c \
	core/storage/convert/convert_note.c \
	core/storage/convert/convert_note.h \
	core/storage/convert/convert_pair.c \
	core/storage/convert/convert_private.h \
	core/storage/convert/convert_shared.c \
	core/storage/convert/convert_verify.c
EXTRA_DIST += core/storage/convert/README.md
