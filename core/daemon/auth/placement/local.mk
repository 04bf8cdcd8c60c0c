# SPDX-License-Identifier: MIT
libauth_la_SOURCES += \
	core/daemon/auth/placement/placement.c \
	core/daemon/auth/placement/placement.h \
	core/daemon/auth/placement/placement_rules.c \
	core/daemon/auth/placement/placement_slot.c
EXTRA_DIST += core/daemon/auth/placement/README.md
