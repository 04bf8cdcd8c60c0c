# SPDX-License-Identifier: MIT
# Installed for authors of storage modules; here it is a test over what the tree builds.
bin_PROGRAMS += satchel-storage-check
dist_man_MANS += docs/man/satchel-storage-check.1
satchel_storage_check_SOURCES = tests/conformance/main.c tests/conformance/conformance.h tests/conformance/fixture.c \
	tests/conformance/calls.c tests/conformance/calls.h tests/conformance/trials.c tests/conformance/trials.h \
	tests/conformance/views.c tests/conformance/views.h tests/conformance/kills.h \
	tests/conformance/case_bulk.c tests/conformance/case_driver.c tests/conformance/case_ops.c \
	tests/conformance/case_damage.c tests/conformance/case_faults.c tests/conformance/case_kills.c tests/lib/rounds.h \
	tests/conformance/case_access.c tests/conformance/case_append.c tests/conformance/case_blobs.c tests/conformance/case_changes.c \
	tests/conformance/case_content.c \
	tests/conformance/case_copies.c tests/conformance/case_destroy.c tests/conformance/case_exchange.c tests/conformance/case_fields.c tests/conformance/case_flags.c \
	tests/conformance/case_heard.c tests/lib/descriptors.h tests/lib/heard.h tests/conformance/case_import.c \
	tests/conformance/case_mailboxes.c \
	tests/conformance/case_names.c tests/conformance/case_parallel.c tests/conformance/case_shown.c tests/conformance/case_sync.c \
	tests/conformance/case_usage.c tests/conformance/case_uses.c
satchel_storage_check_CFLAGS = $(AM_CFLAGS) $(PIEFLAGS)
satchel_storage_check_LDADD = libsatchel.la $(GLIB_LIBS)
# What calls.c exports stands before the C library's for modules.
satchel_storage_check_LDFLAGS = $(AM_LDFLAGS) $(PIE_FLAG) -export-dynamic
# One a driver, so that they run at the same time.
STORAGE_CHECKS = tests/conformance/drivers-memory.sh tests/conformance/drivers-maildir.sh tests/conformance/drivers-bdb.sh
TESTS += $(STORAGE_CHECKS) tests/conformance/broken.py tests/conformance/clauses.py tests/conformance/first-day.py
EXTRA_DIST += $(STORAGE_CHECKS) tests/conformance/README.md tests/conformance/broken.py tests/conformance/clauses.py \
	tests/conformance/clauses.txt tests/conformance/first-day.py
$(STORAGE_CHECKS:.sh=.log): satchel-storage-check tests/layers/memory.la tests/layers/noop.la tests/layers/xor.la \
	tests/layers/sealed.la tests/layers/sealed-told.la tests/layers/shows.la
tests/conformance/broken.log: satchel-storage-check tests/layers/broken.la tests/layers/careless.la
tests/conformance/clauses.log: satchel-storage-check tests/layers/memory.la tests/layers/noop.la tests/layers/xor.la \
	tests/layers/sealed.la tests/layers/sealed-told.la tests/layers/shows.la
tests/conformance/first-day.log: satchel-storage-check tests/layers/memory.la tests/layers/noop.la

check-conformance: satchel-storage-check tests/layers/memory.la tests/layers/noop.la tests/layers/xor.la tests/layers/sealed.la \
	tests/layers/sealed-told.la tests/layers/shows.la $(module_LTLIBRARIES)
	G_DEBUG=fatal-criticals SATCHEL_BUILDDIR='$(abs_top_builddir)' ./satchel-storage-check
