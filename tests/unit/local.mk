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
