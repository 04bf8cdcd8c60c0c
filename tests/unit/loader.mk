# SPDX-License-Identifier: MIT
check_PROGRAMS += tests/unit/test-loader
TESTS += tests/unit/test-loader
tests_unit_test_loader_LDADD = libsatchel.la $(GLIB_LIBS)
EXTRA_tests_unit_test_loader_DEPENDENCIES = $(ODD_MODULES)
# Modules with one fault each.
ODD_LDFLAGS = -module -avoid-version -shared -rpath /nowhere $(AM_LDFLAGS)
ODD_MODULES =
ODD_MODULES += tests/unit/odd0.la
tests_unit_odd0_la_SOURCES = tests/unit/odd-module.c
tests_unit_odd0_la_CPPFLAGS = $(MODULE_CPPFLAGS) -DODD=0
tests_unit_odd0_la_CFLAGS = $(MODULE_CFLAGS)
tests_unit_odd0_la_LDFLAGS = $(ODD_LDFLAGS)
tests_unit_odd0_la_LIBADD = $(MODULE_LIBADD)
ODD_MODULES += tests/unit/odd1.la
tests_unit_odd1_la_SOURCES = tests/unit/odd-module.c
tests_unit_odd1_la_CPPFLAGS = $(MODULE_CPPFLAGS) -DODD=1
tests_unit_odd1_la_CFLAGS = $(MODULE_CFLAGS)
tests_unit_odd1_la_LDFLAGS = $(ODD_LDFLAGS)
tests_unit_odd1_la_LIBADD = $(MODULE_LIBADD)
ODD_MODULES += tests/unit/odd2.la
tests_unit_odd2_la_SOURCES = tests/unit/odd-module.c
tests_unit_odd2_la_CPPFLAGS = $(MODULE_CPPFLAGS) -DODD=2
tests_unit_odd2_la_CFLAGS = $(MODULE_CFLAGS)
tests_unit_odd2_la_LDFLAGS = $(ODD_LDFLAGS)
tests_unit_odd2_la_LIBADD = $(MODULE_LIBADD)
ODD_MODULES += tests/unit/odd3.la
tests_unit_odd3_la_SOURCES = tests/unit/odd-module.c
tests_unit_odd3_la_CPPFLAGS = $(MODULE_CPPFLAGS) -DODD=3
tests_unit_odd3_la_CFLAGS = $(MODULE_CFLAGS)
tests_unit_odd3_la_LDFLAGS = $(ODD_LDFLAGS)
tests_unit_odd3_la_LIBADD = $(MODULE_LIBADD)
ODD_MODULES += tests/unit/odd4.la
tests_unit_odd4_la_SOURCES = tests/unit/odd-module.c
tests_unit_odd4_la_CPPFLAGS = $(MODULE_CPPFLAGS) -DODD=4
tests_unit_odd4_la_CFLAGS = $(MODULE_CFLAGS)
tests_unit_odd4_la_LDFLAGS = $(ODD_LDFLAGS)
tests_unit_odd4_la_LIBADD = $(MODULE_LIBADD)
ODD_MODULES += tests/unit/odd5.la
tests_unit_odd5_la_SOURCES = tests/unit/odd-module.c
tests_unit_odd5_la_CPPFLAGS = $(MODULE_CPPFLAGS) -DODD=5
tests_unit_odd5_la_CFLAGS = $(MODULE_CFLAGS)
tests_unit_odd5_la_LDFLAGS = $(ODD_LDFLAGS)
tests_unit_odd5_la_LIBADD = $(MODULE_LIBADD)
ODD_MODULES += tests/unit/odd6.la
tests_unit_odd6_la_SOURCES = tests/unit/odd-module.c
tests_unit_odd6_la_CPPFLAGS = $(MODULE_CPPFLAGS) -DODD=6
tests_unit_odd6_la_CFLAGS = $(MODULE_CFLAGS)
tests_unit_odd6_la_LDFLAGS = $(ODD_LDFLAGS)
tests_unit_odd6_la_LIBADD = $(MODULE_LIBADD)
ODD_MODULES += tests/unit/odd7.la
tests_unit_odd7_la_SOURCES = tests/unit/odd-module.c
tests_unit_odd7_la_CPPFLAGS = $(MODULE_CPPFLAGS) -DODD=7
tests_unit_odd7_la_CFLAGS = $(MODULE_CFLAGS)
tests_unit_odd7_la_LDFLAGS = $(ODD_LDFLAGS)
tests_unit_odd7_la_LIBADD = $(MODULE_LIBADD)
ODD_MODULES += tests/unit/odd8.la
tests_unit_odd8_la_SOURCES = tests/unit/odd-module.c
tests_unit_odd8_la_CPPFLAGS = $(MODULE_CPPFLAGS) -DODD=8
tests_unit_odd8_la_CFLAGS = $(MODULE_CFLAGS)
tests_unit_odd8_la_LDFLAGS = $(ODD_LDFLAGS)
tests_unit_odd8_la_LIBADD = $(MODULE_LIBADD)
ODD_MODULES += tests/unit/odd9.la
tests_unit_odd9_la_SOURCES = tests/unit/odd-module.c
tests_unit_odd9_la_CPPFLAGS = $(MODULE_CPPFLAGS) -DODD=9
tests_unit_odd9_la_CFLAGS = $(MODULE_CFLAGS)
tests_unit_odd9_la_LDFLAGS = $(ODD_LDFLAGS)
tests_unit_odd9_la_LIBADD = $(MODULE_LIBADD)
ODD_MODULES += tests/unit/odd10.la
tests_unit_odd10_la_SOURCES = tests/unit/odd-module.c
tests_unit_odd10_la_CPPFLAGS = $(MODULE_CPPFLAGS) -DODD=10
tests_unit_odd10_la_CFLAGS = $(MODULE_CFLAGS)
tests_unit_odd10_la_LDFLAGS = $(ODD_LDFLAGS)
tests_unit_odd10_la_LIBADD = $(MODULE_LIBADD)
ODD_MODULES += tests/unit/odd11.la
tests_unit_odd11_la_SOURCES = tests/unit/odd-module.c
tests_unit_odd11_la_CPPFLAGS = $(MODULE_CPPFLAGS) -DODD=11
tests_unit_odd11_la_CFLAGS = $(MODULE_CFLAGS)
tests_unit_odd11_la_LDFLAGS = $(ODD_LDFLAGS)
tests_unit_odd11_la_LIBADD = $(MODULE_LIBADD)
ODD_MODULES += tests/unit/odd12.la
tests_unit_odd12_la_SOURCES = tests/unit/odd-module.c
tests_unit_odd12_la_CPPFLAGS = $(MODULE_CPPFLAGS) -DODD=12
tests_unit_odd12_la_CFLAGS = $(MODULE_CFLAGS)
tests_unit_odd12_la_LDFLAGS = $(ODD_LDFLAGS)
tests_unit_odd12_la_LIBADD = $(MODULE_LIBADD)
ODD_MODULES += tests/unit/odd13.la
tests_unit_odd13_la_SOURCES = tests/unit/odd-module.c
tests_unit_odd13_la_CPPFLAGS = $(MODULE_CPPFLAGS) -DODD=13
tests_unit_odd13_la_CFLAGS = $(MODULE_CFLAGS)
tests_unit_odd13_la_LDFLAGS = $(ODD_LDFLAGS)
tests_unit_odd13_la_LIBADD = $(MODULE_LIBADD)
ODD_MODULES += tests/unit/odd14.la
tests_unit_odd14_la_SOURCES = tests/unit/odd-module.c
tests_unit_odd14_la_CPPFLAGS = $(MODULE_CPPFLAGS) -DODD=14
tests_unit_odd14_la_CFLAGS = $(MODULE_CFLAGS)
tests_unit_odd14_la_LDFLAGS = $(ODD_LDFLAGS)
tests_unit_odd14_la_LIBADD = $(MODULE_LIBADD)
ODD_MODULES += tests/unit/odd15.la
tests_unit_odd15_la_SOURCES = tests/unit/odd-module.c
tests_unit_odd15_la_CPPFLAGS = $(MODULE_CPPFLAGS) -DODD=15
tests_unit_odd15_la_CFLAGS = $(MODULE_CFLAGS)
tests_unit_odd15_la_LDFLAGS = $(ODD_LDFLAGS)
tests_unit_odd15_la_LIBADD = $(MODULE_LIBADD)
ODD_MODULES += tests/unit/odd16.la
tests_unit_odd16_la_SOURCES = tests/unit/odd-module.c
tests_unit_odd16_la_CPPFLAGS = $(MODULE_CPPFLAGS) -DODD=16
tests_unit_odd16_la_CFLAGS = $(MODULE_CFLAGS)
tests_unit_odd16_la_LDFLAGS = $(ODD_LDFLAGS)
tests_unit_odd16_la_LIBADD = $(MODULE_LIBADD)
ODD_MODULES += tests/unit/odd17.la
tests_unit_odd17_la_SOURCES = tests/unit/odd-module.c
tests_unit_odd17_la_CPPFLAGS = $(MODULE_CPPFLAGS) -DODD=17
tests_unit_odd17_la_CFLAGS = $(MODULE_CFLAGS)
tests_unit_odd17_la_LDFLAGS = $(ODD_LDFLAGS)
tests_unit_odd17_la_LIBADD = $(MODULE_LIBADD)
ODD_MODULES += tests/unit/odd18.la
tests_unit_odd18_la_SOURCES = tests/unit/odd-module.c
tests_unit_odd18_la_CPPFLAGS = $(MODULE_CPPFLAGS) -DODD=18
tests_unit_odd18_la_CFLAGS = $(MODULE_CFLAGS)
tests_unit_odd18_la_LDFLAGS = $(ODD_LDFLAGS)
tests_unit_odd18_la_LIBADD = $(MODULE_LIBADD)
ODD_MODULES += tests/unit/odd19.la
tests_unit_odd19_la_SOURCES = tests/unit/odd-module.c
tests_unit_odd19_la_CPPFLAGS = $(MODULE_CPPFLAGS) -DODD=19
tests_unit_odd19_la_CFLAGS = $(MODULE_CFLAGS)
tests_unit_odd19_la_LDFLAGS = $(ODD_LDFLAGS)
tests_unit_odd19_la_LIBADD = $(MODULE_LIBADD)
ODD_MODULES += tests/unit/odd20.la
tests_unit_odd20_la_SOURCES = tests/unit/odd-module.c
tests_unit_odd20_la_CPPFLAGS = $(MODULE_CPPFLAGS) -DODD=20
tests_unit_odd20_la_CFLAGS = $(MODULE_CFLAGS)
tests_unit_odd20_la_LDFLAGS = $(ODD_LDFLAGS)
tests_unit_odd20_la_LIBADD = $(MODULE_LIBADD)
ODD_MODULES += tests/unit/odd21.la
tests_unit_odd21_la_SOURCES = tests/unit/odd-module.c
tests_unit_odd21_la_CPPFLAGS = $(MODULE_CPPFLAGS) -DODD=21
tests_unit_odd21_la_CFLAGS = $(MODULE_CFLAGS)
tests_unit_odd21_la_LDFLAGS = $(ODD_LDFLAGS)
tests_unit_odd21_la_LIBADD = $(MODULE_LIBADD)
check_LTLIBRARIES += $(ODD_MODULES)

check_PROGRAMS += tests/unit/test-control
TESTS += tests/unit/test-control
tests_unit_test_control_SOURCES = tests/unit/test-control.c core/daemon/master/control.c core/daemon/master/listeners.c \
	core/daemon/master/read_only.c core/daemon/plan.c \
	core/cli/control_client.c
tests_unit_test_control_LDADD = libsatchel.la $(GLIB_LIBS)

check_PROGRAMS += tests/unit/test-suspects
TESTS += tests/unit/test-suspects
tests_unit_test_suspects_SOURCES = tests/unit/test-suspects.c core/daemon/master/crash_suspects.c
tests_unit_test_suspects_LDADD = libsatchel.la $(GLIB_LIBS)
