# SPDX-License-Identifier: MIT

check_PROGRAMS += tests/unit/test-user
TESTS += tests/unit/test-user
tests_unit_test_user_LDADD = libsatchel.la $(GLIB_LIBS)

check_PROGRAMS += tests/unit/test-snapshot
TESTS += tests/unit/test-snapshot
tests_unit_test_snapshot_LDADD = libsatchel.la $(GLIB_LIBS)
check_PROGRAMS += tests/unit/test-config
TESTS += tests/unit/test-config
tests_unit_test_config_LDADD = libsatchel.la $(GLIB_LIBS)
check_PROGRAMS += tests/unit/test-config-image
TESTS += tests/unit/test-config-image
tests_unit_test_config_image_LDADD = libsatchel.la $(GLIB_LIBS)

RUNTIME_TESTS = tests/unit/test-reactor tests/unit/test-stream tests/unit/test-ipc tests/unit/test-connection
check_PROGRAMS += $(RUNTIME_TESTS)
TESTS += $(RUNTIME_TESTS)
tests_unit_test_reactor_LDADD = libsatchel.la $(GLIB_LIBS)
tests_unit_test_stream_LDADD = libsatchel.la $(GLIB_LIBS)
tests_unit_test_ipc_LDADD = libsatchel.la $(GLIB_LIBS)
tests_unit_test_connection_LDADD = libsatchel.la $(GLIB_LIBS)
