# SPDX-License-Identifier: MIT
libauth_la_SOURCES += \
	core/daemon/auth/admin/auth_admin.c \
	core/daemon/auth/admin/auth_admin.h \
	core/daemon/auth/admin/auth_admin_test.c \
	core/daemon/auth/admin/auth_admin_throttle.c \
	core/daemon/auth/admin/auth_devices.c \
	core/daemon/auth/admin/auth_move.c \
	core/daemon/auth/admin/auth_move.h \
	core/daemon/auth/admin/auth_move_private.h \
	core/daemon/auth/admin/auth_place.c \
	core/daemon/auth/admin/auth_turn.c \
	core/daemon/auth/admin/auth_turn.h \
	core/daemon/auth/admin/auth_request.c
EXTRA_DIST += core/daemon/auth/admin/README.md
