# SPDX-License-Identifier: MIT
libsatchel_la_SOURCES += \
	core/session/fsck/fsck_command.c \
	core/session/fsck/fsck_command.h
EXTRA_DIST += core/session/fsck/README.md
