# SPDX-License-Identifier: MIT
satcheld_SOURCES += core/daemon/main.c
