# SPDX-License-Identifier: MIT
libsatchel_la_SOURCES += \
	core/runtime/log/counter.c \
	core/runtime/log/counter_lane.h \
	core/runtime/log/counter_totals.c \
	core/runtime/log/log.c \
	core/runtime/log/log_private.h
EXTRA_DIST += core/runtime/log/README.md
