# SPDX-License-Identifier: MIT
libauth_la_SOURCES += \
	core/daemon/auth/exchange/auth_exchange.c \
	core/daemon/auth/exchange/auth_gate.h \
	core/daemon/auth/exchange/auth_grant.c \
	core/daemon/auth/exchange/auth_log.c \
	core/daemon/auth/exchange/auth_sasl.c \
	core/daemon/auth/exchange/auth_sasl.h \
	core/daemon/auth/exchange/auth_session.c
EXTRA_DIST += core/daemon/auth/exchange/README.md
