# SPDX-License-Identifier: MIT
EXTRA_DIST += tests/unit/README.md
check_PROGRAMS += tests/unit/test-config tests/unit/test-config-image tests/unit/test-config-load
TESTS += tests/unit/test-config tests/unit/test-config-image tests/unit/test-config-load
tests_unit_test_config_LDADD = libsatchel.la $(GLIB_LIBS)
tests_unit_test_config_image_LDADD = libsatchel.la $(GLIB_LIBS)
tests_unit_test_config_load_LDADD = libsatchel.la $(GLIB_LIBS)
TESTS += tests/unit/check-deps.sh tests/unit/check-rings.sh tests/unit/check-hashes.sh tests/unit/check-turns.sh \
	tests/unit/check-settings.sh tests/unit/check-documents.sh tests/unit/abi-layout.sh tests/unit/update-docs.sh
EXTRA_DIST += tests/unit/check-deps.sh tests/unit/check-rings.sh tests/unit/check-hashes.sh tests/unit/check-turns.sh \
	tests/unit/check-settings.sh tests/unit/check-documents.sh tests/unit/abi-layout.sh tests/unit/update-docs.sh
TESTS += tests/unit/mutate.py tests/unit/overlay-places.py tests/unit/plain-tests.sh
EXTRA_DIST += tests/unit/mutate.py tests/unit/overlay-places.py tests/unit/plain-tests.sh
include tests/unit/loader.mk
include tests/unit/mail.mk

check_PROGRAMS += tests/unit/test-user
TESTS += tests/unit/test-user
tests_unit_test_user_LDADD = libsatchel.la $(GLIB_LIBS)

check_PROGRAMS += tests/unit/test-snapshot
TESTS += tests/unit/test-snapshot
tests_unit_test_snapshot_LDADD = libsatchel.la $(GLIB_LIBS)

RUNTIME_TESTS = tests/unit/test-reactor tests/unit/test-stream tests/unit/test-ipc tests/unit/test-connection \
	tests/unit/test-gate tests/unit/test-gate-accept tests/unit/test-mail-session tests/unit/test-tls tests/unit/test-log-budget \
	tests/unit/test-helper tests/unit/test-endpoint tests/unit/test-source tests/unit/test-hash tests/unit/test-packed tests/unit/test-counter
check_PROGRAMS += $(RUNTIME_TESTS)
TESTS += $(RUNTIME_TESTS)
tests_unit_test_reactor_LDADD = libsatchel.la $(GLIB_LIBS)
tests_unit_test_stream_LDADD = libsatchel.la $(GLIB_LIBS)
tests_unit_test_ipc_LDADD = libsatchel.la $(GLIB_LIBS)
tests_unit_test_connection_LDADD = libsatchel.la $(GLIB_LIBS) $(ZLIB_LIBS)
tests_unit_test_gate_LDADD = libsessionrig.la libsatchel.la $(GLIB_LIBS) $(GNUTLS_LIBS)
tests_unit_test_gate_accept_LDADD = libsessionrig.la libsatchel.la $(GLIB_LIBS) $(GNUTLS_LIBS)
tests_unit_test_mail_session_LDADD = libsessionrig.la libsatchel.la $(GLIB_LIBS) $(GNUTLS_LIBS)
tests_unit_test_tls_LDADD = libsessionrig.la libsatchel.la $(GLIB_LIBS) $(GNUTLS_LIBS)
tests_unit_test_log_budget_LDADD = libsatchel.la $(GLIB_LIBS)
tests_unit_test_helper_LDADD = libsatchel.la $(GLIB_LIBS)
tests_unit_test_endpoint_LDADD = libsatchel.la $(GLIB_LIBS)
tests_unit_test_source_LDADD = libsatchel.la $(GLIB_LIBS)
tests_unit_test_hash_LDADD = libsatchel.la $(GLIB_LIBS)
tests_unit_test_packed_LDADD = libsatchel.la $(GLIB_LIBS)
tests_unit_test_counter_LDADD = libsatchel.la $(GLIB_LIBS)

include tests/unit/auth.mk

check_PROGRAMS += tests/unit/test-filter
TESTS += tests/unit/test-filter
tests_unit_test_filter_LDADD = libsatchel.la $(GLIB_LIBS)

check_PROGRAMS += tests/unit/test-access
TESTS += tests/unit/test-access
tests_unit_test_access_SOURCES = tests/unit/test-access.c
tests_unit_test_access_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/layers
tests_unit_test_access_LDADD = libmemory.la libsatchel.la $(GLIB_LIBS)

check_PROGRAMS += tests/unit/test-operations
TESTS += tests/unit/test-operations
tests_unit_test_operations_SOURCES = tests/unit/test-operations.c
tests_unit_test_operations_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/layers
tests_unit_test_operations_LDADD = libmemory.la libsatchel.la $(GLIB_LIBS)

check_PROGRAMS += tests/unit/test-operation-bounds
TESTS += tests/unit/test-operation-bounds
tests_unit_test_operation_bounds_SOURCES = tests/unit/test-operation-bounds.c
tests_unit_test_operation_bounds_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/layers
tests_unit_test_operation_bounds_LDADD = libmemory.la libsatchel.la $(GLIB_LIBS)

check_PROGRAMS += tests/unit/test-fence
TESTS += tests/unit/test-fence
tests_unit_test_fence_SOURCES = tests/unit/test-fence.c
tests_unit_test_fence_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/layers
tests_unit_test_fence_LDADD = libmemory.la libsatchel.la $(GLIB_LIBS)

check_PROGRAMS += tests/unit/test-turn
TESTS += tests/unit/test-turn
tests_unit_test_turn_SOURCES = tests/unit/test-turn.c
tests_unit_test_turn_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/layers
tests_unit_test_turn_LDADD = libmemory.la libsatchel.la $(GLIB_LIBS)

check_PROGRAMS += tests/unit/test-store tests/unit/test-levels
TESTS += tests/unit/test-store tests/unit/test-levels
tests_unit_test_levels_SOURCES = tests/unit/test-levels.c tests/lib/toy_layers.h
tests_unit_test_levels_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/layers
tests_unit_test_levels_LDADD = libmemory.la libsatchel.la $(GLIB_LIBS)
tests_unit_test_store_SOURCES = tests/unit/test-store.c tests/lib/toy_layers.h
tests_unit_test_store_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/layers
tests_unit_test_store_LDADD = libmemory.la libsatchel.la $(GLIB_LIBS)

check_PROGRAMS += tests/unit/test-admin
TESTS += tests/unit/test-admin
tests_unit_test_admin_LDADD = libsatchel.la $(GLIB_LIBS)

check_PROGRAMS += tests/unit/test-admin-calls
TESTS += tests/unit/test-admin-calls
tests_unit_test_admin_calls_LDADD = libsatchel.la $(GLIB_LIBS)
check_PROGRAMS += tests/unit/test-file-broker
TESTS += tests/unit/test-file-broker
tests_unit_test_file_broker_SOURCES = tests/unit/test-file-broker.c core/cli/file_broker.c core/cli/quiet_thread.c
tests_unit_test_file_broker_LDADD = libsatchel.la $(GLIB_LIBS)

# Rights, namespaces and shown flags.
check_PROGRAMS += tests/unit/test-rights
TESTS += tests/unit/test-rights
tests_unit_test_rights_SOURCES = tests/unit/test-rights.c
tests_unit_test_rights_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/layers
tests_unit_test_rights_LDADD = libmemory.la libsatchel.la $(GLIB_LIBS)

check_PROGRAMS += tests/unit/test-shown-flags
TESTS += tests/unit/test-shown-flags
tests_unit_test_shown_flags_SOURCES = tests/unit/test-shown-flags.c
tests_unit_test_shown_flags_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/layers
tests_unit_test_shown_flags_LDADD = libmemory.la libsatchel.la $(GLIB_LIBS)

check_PROGRAMS += tests/unit/test-janitor
TESTS += tests/unit/test-janitor
tests_unit_test_janitor_LDADD = libsatchel.la $(GLIB_LIBS)

check_PROGRAMS += tests/unit/test-service-listener
TESTS += tests/unit/test-service-listener
tests_unit_test_service_listener_LDADD = libsatchel.la $(GLIB_LIBS)

check_PROGRAMS += tests/unit/test-janitor-users
TESTS += tests/unit/test-janitor-users
tests_unit_test_janitor_users_LDADD = libsatchel.la $(GLIB_LIBS)

check_PROGRAMS += tests/unit/test-janitor-rounds
TESTS += tests/unit/test-janitor-rounds
tests_unit_test_janitor_rounds_SOURCES = tests/unit/test-janitor-rounds.c
tests_unit_test_janitor_rounds_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/layers
tests_unit_test_janitor_rounds_LDADD = libmemory.la libsatchel.la $(GLIB_LIBS)

check_PROGRAMS += tests/unit/test-changes tests/unit/test-change-kills
TESTS += tests/unit/test-changes tests/unit/test-change-kills
tests_unit_test_change_kills_SOURCES = tests/unit/test-change-kills.c tests/lib/change_store.h tests/lib/heard.h tests/lib/keeper.h
tests_unit_test_change_kills_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/layers
tests_unit_test_change_kills_LDADD = libmemory.la libsatchel.la $(GLIB_LIBS)
tests_unit_test_changes_SOURCES = tests/unit/test-changes.c tests/lib/change_store.h tests/lib/heard.h tests/lib/keeper.h
tests_unit_test_changes_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/layers
tests_unit_test_changes_LDADD = libmemory.la libsatchel.la $(GLIB_LIBS)

check_PROGRAMS += tests/unit/test-change-replay
TESTS += tests/unit/test-change-replay
tests_unit_test_change_replay_SOURCES = tests/unit/test-change-replay.c tests/lib/heard.h tests/lib/keeper.h
tests_unit_test_change_replay_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/layers
tests_unit_test_change_replay_LDADD = libmemory.la libsatchel.la $(GLIB_LIBS)

check_PROGRAMS += tests/unit/test-relay
TESTS += tests/unit/test-relay
tests_unit_test_relay_LDADD = libsatchel.la $(GLIB_LIBS)

check_PROGRAMS += tests/unit/test-delivery tests/unit/test-delivery-elsewhere
TESTS += tests/unit/test-delivery tests/unit/test-delivery-elsewhere
tests_unit_test_delivery_LDADD = libdeliveryrig.la libmemory.la libsatchel.la $(GLIB_LIBS)
tests_unit_test_delivery_elsewhere_LDADD = libdeliveryrig.la libmemory.la libsatchel.la $(GLIB_LIBS)

check_PROGRAMS += tests/unit/test-spool
TESTS += tests/unit/test-spool
tests_unit_test_spool_LDADD = libsatchel.la $(GLIB_LIBS)

check_PROGRAMS += tests/unit/test-feed
TESTS += tests/unit/test-feed
tests_unit_test_feed_SOURCES = tests/unit/test-feed.c
tests_unit_test_feed_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/layers
tests_unit_test_feed_LDADD = libmemory.la libsatchel.la $(GLIB_LIBS)

check_PROGRAMS += tests/unit/test-place
TESTS += tests/unit/test-place
tests_unit_test_place_SOURCES = tests/unit/test-place.c
tests_unit_test_place_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/layers
tests_unit_test_place_LDADD = libmemory.la libsatchel.la $(GLIB_LIBS)
EXTRA_DIST += tests/unit/README.md

check_PROGRAMS += tests/unit/test-base
TESTS += tests/unit/test-base
tests_unit_test_base_LDADD = libsatchel.la $(GLIB_LIBS)
