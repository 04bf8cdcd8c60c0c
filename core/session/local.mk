# SPDX-License-Identifier: MIT
libsatchel_la_SOURCES += core/session/user.c core/session/user.h
libsatchel_la_SOURCES += core/session/hostname.c core/session/hostname.h
