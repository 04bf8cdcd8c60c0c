# SPDX-License-Identifier: MIT
satcheld_SOURCES += core/daemon/main.c core/daemon/options.h core/daemon/build_id.c core/daemon/build_id.h \
	core/daemon/roles.c core/daemon/roles.h core/daemon/roles.def core/daemon/role.h core/daemon/role_private.h core/daemon/role.c core/daemon/role_control.c core/daemon/role_peers.c \
	core/daemon/role_paths.c core/daemon/drop.c core/daemon/drop.h core/daemon/plan.c core/daemon/plan.h \
	core/daemon/config_role.c core/daemon/config_role.h core/daemon/config_ids.c core/daemon/config_tls.c \
	core/daemon/config_listeners.c core/daemon/config_names.c core/daemon/config_storage.c core/daemon/config_addresses.c core/daemon/master.c core/daemon/master_private.h core/daemon/workers.c \
	core/daemon/suspects.c core/daemon/hangs.c core/daemon/suspects.h core/daemon/wiring.c core/daemon/config_run.c core/daemon/reload.c core/daemon/stop.c core/daemon/spawn.c \
	core/daemon/spawn.h core/daemon/dirs.c core/daemon/dirs_check.c core/daemon/dirs.h core/daemon/read_only.c core/daemon/read_only.h core/daemon/listeners.c core/daemon/listeners_check.c core/daemon/listeners.h \
	core/daemon/notify.c core/daemon/notify.h core/daemon/admin.c core/daemon/control.c core/daemon/control.h \
	core/daemon/control_wire.h core/daemon/sandbox.c core/daemon/sandbox.h core/daemon/sandbox_landlock.c \
	core/daemon/sandbox_seccomp.c
include core/daemon/auth.mk
include core/daemon/sessions.mk
EXTRA_DIST += core/daemon/README.md
