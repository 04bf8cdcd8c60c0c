# SPDX-License-Identifier: MIT
libsatchel_la_SOURCES += \
	core/session/gate/connection_table.c \
	core/session/gate/connection_table.h \
	core/session/gate/gate.h \
	core/session/gate/gate_accept.c \
	core/session/gate/gate_auth.c \
	core/session/gate/gate_hand_over.c \
	core/session/gate/gate_private.h \
	core/session/gate/gate_session.c \
	core/session/gate/gate_state.c \
	core/session/gate/log_budget.c \
	core/session/gate/log_budget.h \
	core/session/gate/proxy.c \
	core/session/gate/proxy.h \
	core/session/gate/relay.c \
	core/session/gate/relay.h \
	core/session/gate/sasl_base64.c \
	core/session/gate/tls.c \
	core/session/gate/tls.h \
	core/session/gate/tls_private.h \
	core/session/gate/tls_transport.c
EXTRA_DIST += core/session/gate/README.md
