# SPDX-License-Identifier: MIT
satcheld_SOURCES += core/daemon/main.c
satcheld_SOURCES += core/daemon/role.h
