# SPDX-License-Identifier: MIT
satcheld_SOURCES += \
	core/daemon/config/config_addresses.c \
	core/daemon/config/config_ids.c \
	core/daemon/config/config_listeners.c \
	core/daemon/config/config_main_password.c \
	core/daemon/config/config_names.c \
	core/daemon/config/config_problem.c \
	core/daemon/config/config_role.c \
	core/daemon/config/config_role.h \
	core/daemon/config/config_storage.c \
	core/daemon/config/config_tls.c
EXTRA_DIST += core/daemon/config/README.md
