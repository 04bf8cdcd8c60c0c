# SPDX-License-Identifier: MIT
libsatchel_la_SOURCES += \
	core/runtime/process/crash.c \
	core/runtime/process/crash.h \
	core/runtime/process/process.c \
	core/runtime/process/process.h \
	core/runtime/process/roles.c \
	core/runtime/process/roles.def \
	core/runtime/process/roles.h \
	core/runtime/process/root_lock.c \
	core/runtime/process/root_lock.h
EXTRA_DIST += core/runtime/process/README.md
