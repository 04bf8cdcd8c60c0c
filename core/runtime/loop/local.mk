# SPDX-License-Identifier: MIT
libsatchel_la_SOURCES += \
	core/runtime/loop/breadcrumb.h \
	core/runtime/loop/job.c \
	core/runtime/loop/job_private.h \
	core/runtime/loop/reactor.c \
	core/runtime/loop/reactor_private.h \
	core/runtime/loop/timer.c \
	core/runtime/loop/trim.c \
	core/runtime/loop/trim.h
EXTRA_DIST += core/runtime/loop/README.md
