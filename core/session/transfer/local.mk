# SPDX-License-Identifier: MIT
libsatchel_la_SOURCES += \
	core/session/transfer/export.h \
	core/session/transfer/export_command.c \
	core/session/transfer/export_command.h \
	core/session/transfer/export_file.c \
	core/session/transfer/export_mbox.c \
	core/session/transfer/export_tree.c \
	core/session/transfer/files.c \
	core/session/transfer/files.h \
	core/session/transfer/import.h \
	core/session/transfer/import_batch.c \
	core/session/transfer/import_command.c \
	core/session/transfer/import_command.h \
	core/session/transfer/import_mbox.c \
	core/session/transfer/import_names.c \
	core/session/transfer/import_tree.c \
	core/session/transfer/mbox_path.c \
	core/session/transfer/mbox_path.h \
	core/session/transfer/transfer.c \
	core/session/transfer/transfer.h
EXTRA_DIST += core/session/transfer/README.md
