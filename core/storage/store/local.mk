# SPDX-License-Identifier: MIT
libsatchel_la_SOURCES += \
	core/storage/store/access.c \
	core/storage/store/blobs.c \
	core/storage/store/destroy.c \
	core/storage/store/dispatch.c \
	core/storage/store/handle.c \
	core/storage/store/maintain.c \
	core/storage/store/place.c \
	core/storage/store/place.h \
	core/storage/store/stacks.c \
	core/storage/store/stacks.h \
	core/storage/store/store.c \
	core/storage/store/store_beside.c \
	core/storage/store/store_cache.c \
	core/storage/store/store_open.h \
	core/storage/store/store_private.h \
	core/storage/store/store_setup.c \
	core/storage/store/store_use.c \
	core/storage/store/usage.c \
	core/storage/store/user_attributes.c \
	core/storage/store/write_lock.c
EXTRA_DIST += core/storage/store/README.md
