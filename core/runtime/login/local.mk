# SPDX-License-Identifier: MIT
libsatchel_la_SOURCES += \
	core/runtime/login/account_event.c \
	core/runtime/login/account_event.h \
	core/runtime/login/auth_answer.c \
	core/runtime/login/auth_call.c \
	core/runtime/login/auth_call_state.h \
	core/runtime/login/auth_call_private.h \
	core/runtime/login/keyring.c \
	core/runtime/login/login.c \
	core/runtime/login/made_up.c \
	core/runtime/login/source.c
EXTRA_DIST += core/runtime/login/README.md
