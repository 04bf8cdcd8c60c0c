# SPDX-License-Identifier: MIT
libsatchel_la_SOURCES += \
	core/base/error.c \
	core/base/exit.h \
	core/base/fd.c \
	core/base/fd.h \
	core/base/hash.c \
	core/base/heap.c \
	core/base/heap.h \
	core/base/hostname.c \
	core/base/hostname.h \
	core/base/json.c \
	core/base/json.h \
	core/base/packed.c \
	core/base/packed.h \
	core/base/list.h \
	core/base/prepare.c \
	core/base/sanitized.h \
	core/base/scram.c \
	core/base/secret.c \
	core/base/session_id.c \
	core/base/session_id.h \
	core/base/user.c \
	core/base/user.h
EXTRA_DIST += core/base/README.md
