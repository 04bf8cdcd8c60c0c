# SPDX-License-Identifier: MIT
# The auth role, with stand-ins for the processes around it.
AUTH_TESTS = tests/unit/test-auth-parts tests/unit/test-auth-role
check_PROGRAMS += $(AUTH_TESTS)
TESTS += $(AUTH_TESTS)
tests_unit_test_auth_parts_SOURCES = tests/unit/test-auth-parts.c tests/lib/auth-stage.c tests/lib/auth-stage.h
tests_unit_test_auth_parts_LDADD = libauth.la libsatchel.la $(GLIB_LIBS) $(GNUTLS_LIBS)
tests_unit_test_auth_role_SOURCES = tests/unit/test-auth-role.c tests/lib/auth-stage.c tests/lib/auth-stage.h
tests_unit_test_auth_role_LDADD = libauth.la libsatchel.la $(GLIB_LIBS) $(GNUTLS_LIBS)
