# SPDX-License-Identifier: MIT
# The auth role, with stand-ins for the processes around it.
AUTH_TESTS = tests/unit/test-auth-parts tests/unit/test-auth-role tests/unit/test-auth-guesses tests/unit/test-auth-owner tests/unit/test-auth-hostile \
	tests/unit/test-auth-calls tests/unit/test-auth-admin tests/unit/test-auth-mail
check_PROGRAMS += $(AUTH_TESTS)
TESTS += $(AUTH_TESTS)
auth_stage = tests/lib/auth-stage.c tests/lib/auth-stage.h
auth_stage_libs = libauth.la libsatchel.la $(GLIB_LIBS) $(GNUTLS_LIBS)
tests_unit_test_auth_parts_SOURCES = tests/unit/test-auth-parts.c $(auth_stage)
tests_unit_test_auth_parts_LDADD = $(auth_stage_libs)
tests_unit_test_auth_guesses_SOURCES = tests/unit/test-auth-guesses.c $(auth_stage)
tests_unit_test_auth_guesses_LDADD = $(auth_stage_libs)
tests_unit_test_auth_role_SOURCES = tests/unit/test-auth-role.c $(auth_stage)
tests_unit_test_auth_role_LDADD = $(auth_stage_libs)
tests_unit_test_auth_owner_SOURCES = tests/unit/test-auth-owner.c $(auth_stage)
tests_unit_test_auth_owner_LDADD = $(auth_stage_libs)
tests_unit_test_auth_calls_SOURCES = tests/unit/test-auth-calls.c $(auth_stage)
tests_unit_test_auth_calls_LDADD = $(auth_stage_libs)
tests_unit_test_auth_admin_SOURCES = tests/unit/test-auth-admin.c $(auth_stage)
tests_unit_test_auth_admin_LDADD = $(auth_stage_libs)
tests_unit_test_auth_mail_SOURCES = tests/unit/test-auth-mail.c $(auth_stage)
tests_unit_test_auth_mail_LDADD = $(auth_stage_libs)
tests_unit_test_auth_hostile_SOURCES = tests/unit/test-auth-hostile.c $(auth_stage)
tests_unit_test_auth_hostile_LDADD = $(auth_stage_libs)

check_PROGRAMS += tests/unit/test-auth-models
TESTS += tests/unit/test-auth-models
tests_unit_test_auth_models_LDADD = libauth.la libsatchel.la $(GLIB_LIBS) $(GNUTLS_LIBS)

check_PROGRAMS += tests/unit/test-auth-throttle
TESTS += tests/unit/test-auth-throttle
tests_unit_test_auth_throttle_LDADD = libauth.la libsatchel.la $(GLIB_LIBS) $(GNUTLS_LIBS)

check_PROGRAMS += tests/unit/test-auth-owned
TESTS += tests/unit/test-auth-owned
tests_unit_test_auth_owned_SOURCES = tests/unit/test-auth-owned.c $(auth_stage)
tests_unit_test_auth_owned_LDADD = $(auth_stage_libs)

check_PROGRAMS += tests/unit/test-auth-attributes
TESTS += tests/unit/test-auth-attributes
tests_unit_test_auth_attributes_SOURCES = tests/unit/test-auth-attributes.c $(auth_stage)
tests_unit_test_auth_attributes_LDADD = $(auth_stage_libs)

check_PROGRAMS += tests/unit/test-record-log
TESTS += tests/unit/test-record-log
tests_unit_test_record_log_LDADD = libauth.la libsatchel.la $(GLIB_LIBS)
