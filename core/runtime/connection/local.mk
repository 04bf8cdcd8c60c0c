# SPDX-License-Identifier: MIT
libsatchel_la_SOURCES += \
	core/runtime/connection/connection.c \
	core/runtime/connection/connection_buffers.c \
	core/runtime/connection/connection_input.c \
	core/runtime/connection/connection_life.c \
	core/runtime/connection/connection_output.c \
	core/runtime/connection/connection_private.h \
	core/runtime/connection/connection_struct.h \
	core/runtime/connection/deflate_transport.c \
	core/runtime/connection/transport.c
EXTRA_DIST += core/runtime/connection/README.md
