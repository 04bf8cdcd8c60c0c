# SPDX-License-Identifier: MIT
satcheld_SOURCES += \
	core/daemon/master/admin.c \
	core/daemon/master/config_run.c \
	core/daemon/master/control.c \
	core/daemon/master/control.h \
	core/daemon/master/crash_suspects.c \
	core/daemon/master/crash_suspects.h \
	core/daemon/master/dirs.c \
	core/daemon/master/dirs.h \
	core/daemon/master/dirs_check.c \
	core/daemon/master/hangs.c \
	core/daemon/master/listeners.c \
	core/daemon/master/listeners.h \
	core/daemon/master/listeners_check.c \
	core/daemon/master/log_file.c \
	core/daemon/master/master.c \
	core/daemon/master/master_private.h \
	core/daemon/master/notify.c \
	core/daemon/master/notify.h \
	core/daemon/master/read_only.c \
	core/daemon/master/read_only.h \
	core/daemon/master/reload.c \
	core/daemon/master/spawn.c \
	core/daemon/master/spawn.h \
	core/daemon/master/stop.c \
	core/daemon/master/wiring.c \
	core/daemon/master/worker.c \
	core/daemon/master/workers.c
EXTRA_DIST += core/daemon/master/README.md
