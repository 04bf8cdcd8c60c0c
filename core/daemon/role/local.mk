# SPDX-License-Identifier: MIT
satcheld_SOURCES += \
	core/daemon/role/connector.c \
	core/daemon/role/connector.h \
	core/daemon/role/gate_role.c \
	core/daemon/role/helper_role.c \
	core/daemon/role/launcher.c \
	core/daemon/role/launcher.h \
	core/daemon/role/mail_role.c \
	core/daemon/role/role.c \
	core/daemon/role/role.h \
	core/daemon/role/role_calls.c \
	core/daemon/role/role_control.c \
	core/daemon/role/role_paths.c \
	core/daemon/role/role_peers.c \
	core/daemon/role/role_private.h
EXTRA_DIST += core/daemon/role/README.md
