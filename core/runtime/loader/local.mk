# SPDX-License-Identifier: MIT
libsatchel_la_SOURCES += \
	core/runtime/loader/admin_options.c \
	core/runtime/loader/admin_options.h \
	core/runtime/loader/kinds.c \
	core/runtime/loader/kinds.h \
	core/runtime/loader/loader.c \
	core/runtime/loader/loader.h \
	core/runtime/loader/loader_check.c \
	core/runtime/loader/loader_files.c \
	core/runtime/loader/loader_lifecycle.c \
	core/runtime/loader/loader_private.h \
	core/runtime/loader/loader_trial.c \
	core/runtime/loader/storage_methods.def
EXTRA_DIST += core/runtime/loader/README.md
