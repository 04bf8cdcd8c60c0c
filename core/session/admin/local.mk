# SPDX-License-Identifier: MIT
libsatchel_la_SOURCES += \
	core/session/admin/admin_calls.c \
	core/session/admin/admin_calls.h \
	core/session/admin/admin_output.c \
	core/session/admin/admin_private.h \
	core/session/admin/alone.c \
	core/session/admin/alone.h
EXTRA_DIST += core/session/admin/README.md
