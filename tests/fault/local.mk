# SPDX-License-Identifier: MIT
EXTRA_DIST += tests/fault/README.md
SERVER_TESTS += tests/fault/directories.py tests/fault/check.py tests/fault/config.py tests/fault/convert.py \
	tests/fault/convert-leftovers.py tests/fault/crypt-enable.py tests/fault/kill.py tests/fault/owner.py tests/fault/auth.py tests/fault/upgrade.py \
	tests/fault/service-manager.py \
	tests/fault/full-disk.py tests/fault/convert-full-disk.py tests/fault/descriptors.py tests/fault/machine-errors.py \
	tests/fault/crash.py tests/fault/reload.py tests/fault/hang.py tests/fault/janitor.py tests/fault/helper.py \
	tests/fault/listener.py tests/fault/memory.py tests/fault/move.py tests/fault/placement.py tests/fault/throttle.py \
	tests/fault/login-flood.py tests/fault/totp-rekey.py tests/fault/crypt-writes.py
EXTRA_DIST += tests/fault/directories.py tests/fault/check.py tests/fault/config.py tests/fault/convert.py \
	tests/fault/convert-leftovers.py tests/fault/crypt-enable.py tests/fault/kill.py tests/fault/owner.py tests/fault/auth.py tests/fault/upgrade.py \
	tests/fault/service-manager.py \
	tests/fault/full-disk.py tests/fault/convert-full-disk.py tests/fault/descriptors.py tests/fault/machine-errors.py \
	tests/fault/crash.py tests/fault/reload.py tests/fault/hang.py tests/fault/janitor.py tests/fault/helper.py \
	tests/fault/listener.py tests/fault/memory.py tests/fault/move.py tests/fault/placement.py tests/fault/throttle.py \
	tests/fault/login-flood.py tests/fault/totp-rekey.py tests/fault/crypt-writes.py tests/lib/writes.c tests/lib/writes.py tests/lib/modules.py tests/lib/conversion.py tests/lib/at_work.py tests/helpers/probe.c \
	tests/helpers/hears.c

# The cages alone, as a program: each attempt to get out runs in a process of its own.
check_PROGRAMS += tests/fault/test-sandbox
TESTS += tests/fault/test-sandbox
tests_fault_test_sandbox_SOURCES = tests/fault/test-sandbox.c core/daemon/sandbox/sandbox.c core/daemon/sandbox/sandbox_landlock.c \
	core/daemon/sandbox/sandbox_seccomp.c core/daemon/sandbox/drop.c
tests_fault_test_sandbox_CFLAGS = $(AM_CFLAGS) $(SECCOMP_CFLAGS)
tests_fault_test_sandbox_LDADD = libsatchel.la $(GLIB_LIBS) $(SECCOMP_LIBS)

# Users who are kept elsewhere.
SERVER_TESTS += tests/fault/sql.py tests/fault/ldap.py tests/fault/pam.py
EXTRA_DIST += tests/fault/sql.py tests/fault/ldap.py tests/fault/pam.py tests/lib/sources.py
EXTRA_DIST += tests/fault/introspection.py tests/interop/oauth.py tests/lib/tokens.py
if WITH_OAUTH
SERVER_TESTS += tests/fault/introspection.py tests/interop/oauth.py
endif

# Volumes of bdb.
EXTRA_DIST += tests/fault/bdb.py tests/fault/bdb-full-disk.py
if WITH_BDB
SERVER_TESTS += tests/fault/bdb.py tests/fault/bdb-full-disk.py
endif

# Delivery filters.
SERVER_TESTS += tests/fault/scanner.py tests/fault/spam.py
EXTRA_DIST += tests/fault/scanner.py tests/fault/spam.py tests/lib/noops.py tests/helpers/scanner.c
EXTRA_DIST += tests/fault/README.md
