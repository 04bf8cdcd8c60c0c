# SPDX-License-Identifier: MIT
libsatchel_la_SOURCES += \
	core/runtime/stream/crlf_stream.c \
	core/runtime/stream/record_log.c \
	core/runtime/stream/stream.c
EXTRA_DIST += core/runtime/stream/README.md
