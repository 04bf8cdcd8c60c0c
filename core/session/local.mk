# SPDX-License-Identifier: MIT
libsatchel_la_SOURCES += core/session/user.c core/session/user.h
libsatchel_la_SOURCES += core/session/delivery.c core/session/delivery_lookup.c core/session/delivery_owner.c core/session/spool.c \
	core/session/hostname.c core/session/hostname.h core/session/delivery_internal.h core/session/session_hold.h
