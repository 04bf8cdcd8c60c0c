# SPDX-License-Identifier: MIT
libsatchel_la_SOURCES += \
	core/runtime/ipc/control_wire.h \
	core/runtime/ipc/endpoint.c \
	core/runtime/ipc/endpoint.h \
	core/runtime/ipc/helper_calls.c \
	core/runtime/ipc/helper_child.c \
	core/runtime/ipc/helper_private.h \
	core/runtime/ipc/helper_serve.c \
	core/runtime/ipc/helper_wire.c \
	core/runtime/ipc/ipc.c \
	core/runtime/ipc/ipc.h \
	core/runtime/ipc/ipc_link.c \
	core/runtime/ipc/ipc_private.h \
	core/runtime/ipc/sealed.c \
	core/runtime/ipc/sealed.h
EXTRA_DIST += core/runtime/ipc/README.md
