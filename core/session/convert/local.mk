# SPDX-License-Identifier: MIT
libsatchel_la_SOURCES += \
	core/session/convert/convert_alone.c \
	core/session/convert/convert_command.c \
	core/session/convert/convert_command.h \
	core/session/convert/convert_leftover.c \
	core/session/convert/convert_leftover.h \
	core/session/convert/convert_private.h \
	core/session/convert/convert_switch.c \
	core/session/convert/turn.c \
	core/session/convert/turn.h
EXTRA_DIST += core/session/convert/README.md
