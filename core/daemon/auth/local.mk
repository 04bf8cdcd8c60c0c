# SPDX-License-Identifier: MIT
# The auth role as a library of its own, so that tests link it too.
noinst_LTLIBRARIES += libauth.la
libauth_la_SOURCES = \
	core/daemon/auth/auth.c \
	core/daemon/auth/auth.h \
	core/daemon/auth/auth_secret.c
include core/daemon/auth/exchange/local.mk
include core/daemon/auth/check/local.mk
include core/daemon/auth/throttle/local.mk
include core/daemon/auth/users/local.mk
include core/daemon/auth/admin/local.mk
include core/daemon/auth/placement/local.mk
libauth_la_CFLAGS = $(AM_CFLAGS) $(GNUTLS_CFLAGS)
satcheld_LDADD += libauth.la
EXTRA_DIST += core/daemon/auth/README.md
