# SPDX-License-Identifier: MIT
libsatchel_la_SOURCES += core/session/user.c core/session/user.h
libsatchel_la_SOURCES += core/session/hostname.c core/session/hostname.h core/session/sasl_base64.c \
	core/session/delivery.c core/session/delivery_lookup.c core/session/delivery_owner.c core/session/delivery_remote.c \
	core/session/spool.c core/session/spool_stream.c core/session/delivery_internal.h core/session/delivery_private.h \
	core/session/filter.c core/session/filter_item.c core/session/filter_internal.h core/session/header_edit.c core/session/header_edit.h
libsatchel_la_SOURCES += core/session/session_id.c core/session/session_id.h core/session/log_budget.c \
	core/session/log_budget.h core/session/network.c core/session/network.h \
	core/session/connection_table.c core/session/connection_table.h core/session/proxy.c core/session/proxy.h \
	core/session/settings.c core/session/settings.h core/session/service.c core/session/service.h \
	core/session/tls.c core/session/tls.h core/session/tls_private.h core/session/tls_transport.c \
	core/session/relay.c core/session/relay.h \
	core/session/gate.c core/session/gate.h core/session/gate_private.h core/session/gate_session.c \
	core/session/gate_auth.c core/session/gate_hand_over.c \
	core/session/janitor.c core/session/janitor.h core/session/janitor_clock.c core/session/janitor_clock.h \
	core/session/janitor_state.c core/session/janitor_state.h core/session/janitor_users.c core/session/janitor_users.h \
	core/session/admin_calls.c core/session/admin_calls.h core/session/admin_output.c core/session/admin_private.h \
	core/session/mail.c core/session/mail.h core/session/mail_private.h core/session/session.c core/session/session_hold.h
EXTRA_DIST += core/session/README.md
