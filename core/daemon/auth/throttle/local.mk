# SPDX-License-Identifier: MIT
libauth_la_SOURCES += \
	core/daemon/auth/throttle/auth_known.c \
	core/daemon/auth/throttle/auth_known.h \
	core/daemon/auth/throttle/auth_throttle.c \
	core/daemon/auth/throttle/auth_throttle.h \
	core/daemon/auth/throttle/auth_throttle_list.c \
	core/daemon/auth/throttle/auth_throttle_private.h
EXTRA_DIST += core/daemon/auth/throttle/README.md
