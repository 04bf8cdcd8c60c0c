# SPDX-License-Identifier: MIT
libsatchel_la_SOURCES += core/runtime/error.c core/runtime/core_schema.c core/runtime/config_image.h core/runtime/ipc.h \
	core/runtime/breadcrumb.h core/runtime/loader.h
