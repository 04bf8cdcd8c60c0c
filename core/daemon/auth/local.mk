# SPDX-License-Identifier: MIT
# The auth role as a library of its own, so that tests link it too.
noinst_LTLIBRARIES += libauth.la
libauth_la_SOURCES = \
	core/daemon/auth/auth.c \
	core/daemon/auth/auth.h \
	core/daemon/auth/auth_admin.c \
	core/daemon/auth/auth_admin.h \
	core/daemon/auth/auth_admin_test.c \
	core/daemon/auth/auth_admin_throttle.c \
	core/daemon/auth/auth_attributes.c \
	core/daemon/auth/auth_cache.c \
	core/daemon/auth/auth_cache.h \
	core/daemon/auth/auth_check.c \
	core/daemon/auth/auth_check.h \
	core/daemon/auth/auth_check_end.c \
	core/daemon/auth/auth_check_factor.c \
	core/daemon/auth/auth_check_keys.c \
	core/daemon/auth/auth_check_password.c \
	core/daemon/auth/auth_devices.c \
	core/daemon/auth/auth_mail.c \
	core/daemon/auth/auth_mail.h \
	core/daemon/auth/auth_exchange.c \
	core/daemon/auth/auth_gate.h \
	core/daemon/auth/auth_grant.c \
	core/daemon/auth/auth_known.c \
	core/daemon/auth/auth_known.h \
	core/daemon/auth/auth_log.c \
	core/daemon/auth/auth_lookup.c \
	core/daemon/auth/auth_lru.c \
	core/daemon/auth/auth_lru.h \
	core/daemon/auth/auth_main_password.c \
	core/daemon/auth/auth_move.c \
	core/daemon/auth/auth_move.h \
	core/daemon/auth/auth_owned.c \
	core/daemon/auth/auth_pool.c \
	core/daemon/auth/auth_pool.h \
	core/daemon/auth/auth_recipient.c \
	core/daemon/auth/auth_request.c \
	core/daemon/auth/auth_sasl.c \
	core/daemon/auth/auth_sasl.h \
	core/daemon/auth/auth_seal.c \
	core/daemon/auth/auth_seal.h \
	core/daemon/auth/auth_secret.c \
	core/daemon/auth/auth_session.c \
	core/daemon/auth/auth_throttle.c \
	core/daemon/auth/auth_throttle.h \
	core/daemon/auth/auth_throttle_list.c \
	core/daemon/auth/auth_throttle_private.h \
	core/daemon/auth/placement.c \
	core/daemon/auth/placement.h \
	core/daemon/auth/placement_rules.c \
	core/daemon/auth/placement_slot.c
libauth_la_CFLAGS = $(AM_CFLAGS) $(GNUTLS_CFLAGS)
satcheld_LDADD += libauth.la
EXTRA_DIST += core/daemon/auth/README.md
