# SPDX-License-Identifier: MIT
satcheld_SOURCES += \
	core/daemon/sandbox/drop.c \
	core/daemon/sandbox/drop.h \
	core/daemon/sandbox/sandbox.c \
	core/daemon/sandbox/sandbox.h \
	core/daemon/sandbox/sandbox_landlock.c \
	core/daemon/sandbox/sandbox_seccomp.c
EXTRA_DIST += core/daemon/sandbox/README.md
