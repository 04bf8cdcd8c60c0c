# SPDX-License-Identifier: MIT
satcheld_SOURCES += \
	core/daemon/build_id.c \
	core/daemon/build_id.h \
	core/daemon/free.c \
	core/daemon/free.h \
	core/daemon/main.c \
	core/daemon/options.h \
	core/daemon/plan.c \
	core/daemon/plan.h
include core/daemon/auth/local.mk
include core/daemon/config/local.mk
include core/daemon/master/local.mk
include core/daemon/role/local.mk
include core/daemon/sandbox/local.mk
EXTRA_DIST += core/daemon/README.md
