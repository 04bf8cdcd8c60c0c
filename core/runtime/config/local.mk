# SPDX-License-Identifier: MIT
libsatchel_la_SOURCES += \
	core/runtime/config/config.c \
	core/runtime/config/config_check.c \
	core/runtime/config/config_image.c \
	core/runtime/config/config_image.h \
	core/runtime/config/config_load.c \
	core/runtime/config/config_private.h \
	core/runtime/config/config_suggest.c \
	core/runtime/config/config_text.c \
	core/runtime/config/config_units.c \
	core/runtime/config/config_value.c \
	core/runtime/config/config_write.c \
	core/runtime/config/core_schema.c \
	core/runtime/config/core_settings.h \
	core/runtime/config/user_choices.c
EXTRA_DIST += core/runtime/config/README.md
