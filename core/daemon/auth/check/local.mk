# SPDX-License-Identifier: MIT
libauth_la_SOURCES += \
	core/daemon/auth/check/auth_cache.c \
	core/daemon/auth/check/auth_cache.h \
	core/daemon/auth/check/auth_check.c \
	core/daemon/auth/check/auth_check.h \
	core/daemon/auth/check/auth_check_end.c \
	core/daemon/auth/check/auth_check_factor.c \
	core/daemon/auth/check/auth_check_keys.c \
	core/daemon/auth/check/auth_check_password.c \
	core/daemon/auth/check/auth_kept.c \
	core/daemon/auth/check/auth_kept.h \
	core/daemon/auth/check/auth_lru.c \
	core/daemon/auth/check/auth_lru.h \
	core/daemon/auth/check/auth_main_password.c \
	core/daemon/auth/check/auth_pool.c \
	core/daemon/auth/check/auth_pool.h \
	core/daemon/auth/check/auth_seal.c \
	core/daemon/auth/check/auth_seal.h
EXTRA_DIST += core/daemon/auth/check/README.md
