# SPDX-License-Identifier: MIT
# The auth role as a library of its own, so that tests link it too.
noinst_LTLIBRARIES += libauth.la
libauth_la_SOURCES = core/daemon/auth.c core/daemon/auth.h core/daemon/auth_admin.c core/daemon/auth_admin.h \
	core/daemon/auth_cache.c core/daemon/auth_cache.h core/daemon/auth_grant.c core/daemon/auth_log.c \
	core/daemon/auth_login.c core/daemon/auth_lookup.c core/daemon/auth_lru.c core/daemon/auth_seal.c core/daemon/auth_seal.h core/daemon/auth_lru.h \
	core/daemon/auth_owned.c core/daemon/auth_move.c core/daemon/auth_move.h core/daemon/placement.c core/daemon/placement.h \
	core/daemon/placement_rules.c core/daemon/placement_slot.c core/daemon/record_log.c core/daemon/record_log.h core/daemon/auth_pool.c core/daemon/auth_pool.h \
	core/daemon/auth_sasl.c core/daemon/auth_sasl.h core/daemon/auth_session.c core/daemon/auth_throttle.c \
	core/daemon/auth_throttle.h
libauth_la_CFLAGS = $(AM_CFLAGS) $(GNUTLS_CFLAGS)
satcheld_LDADD += libauth.la
