# SPDX-License-Identifier: MIT
satchel_SOURCES += core/cli/main.c
