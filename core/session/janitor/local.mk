# SPDX-License-Identifier: MIT
libsatchel_la_SOURCES += \
	core/session/janitor/janitor.c \
	core/session/janitor/janitor.h \
	core/session/janitor/janitor_clock.c \
	core/session/janitor/janitor_clock.h \
	core/session/janitor/janitor_state.c \
	core/session/janitor/janitor_state.h \
	core/session/janitor/janitor_users.c \
	core/session/janitor/janitor_users.h
EXTRA_DIST += core/session/janitor/README.md
