# SPDX-License-Identifier: MIT
satchel_SOURCES += \
	core/cli/admin_totals.c \
	core/cli/admin_totals.h \
	core/cli/cli.c \
	core/cli/cli.h \
	core/cli/command_admin.c \
	core/cli/command_auth.c \
	core/cli/command_config.c \
	core/cli/command_convert.c \
	core/cli/command_fsck.c \
	core/cli/command_import.c \
	core/cli/command_manual.c \
	core/cli/command_module.c \
	core/cli/command_place.c \
	core/cli/command_server.c \
	core/cli/command_transfer.c \
	core/cli/command_transfer.h \
	core/cli/command_user.c \
	core/cli/commands.c \
	core/cli/completion.c \
	core/cli/control_client.c \
	core/cli/control_client.h \
	core/cli/counters.c \
	core/cli/counters.h \
	core/cli/defaults.c \
	core/cli/file_broker.c \
	core/cli/file_broker.h \
	core/cli/main.c \
	core/cli/module_order.c \
	core/cli/module_order.h \
	core/cli/modules.c \
	core/cli/password.c \
	core/cli/qr.c \
	core/cli/quiet_thread.c \
	core/cli/quiet_thread.h \
	core/cli/setup.c \
	core/cli/standard_input.c \
	core/cli/standard_output.c \
	core/cli/standard_streams.h \
	core/cli/table.c \
	core/cli/table.h \
	core/cli/run_for_users.c \
	core/cli/server_answer.c \
	core/cli/server_answer.h \
	core/cli/users.c
bashcompletiondir = $(datadir)/bash-completion/completions
dist_bashcompletion_DATA = core/cli/completion/satchel
EXTRA_DIST += core/cli/README.md
