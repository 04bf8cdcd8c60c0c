# SPDX-License-Identifier: MIT
# A driver and two layers for tests, as real modules.  -rpath makes libtool build shared objects that are never installed.
check_LTLIBRARIES += tests/layers/memory.la tests/layers/broken.la tests/layers/noop.la tests/layers/xor.la tests/layers/crash.la \
	tests/layers/sealed.la tests/layers/sealed-told.la tests/layers/letters.la tests/layers/shows.la tests/layers/bounded.la tests/layers/careless.la
EXTRA_DIST += tests/layers/README.md tests/layers/keydb.c tests/layers/ring.c

# A convenience library, for programs that bring their driver along.
check_LTLIBRARIES += libmemory.la
libmemory_la_SOURCES = tests/layers/memory.c tests/layers/memory.h tests/layers/memory_mailbox.c \
	tests/layers/memory_commit.c tests/layers/memory_import.c tests/layers/memory_blobs.c
libmemory_la_CPPFLAGS = $(MODULE_CPPFLAGS)
libmemory_la_CFLAGS = $(MODULE_CFLAGS)
tests_layers_memory_la_SOURCES =
tests_layers_memory_la_LDFLAGS = $(MODULE_LDFLAGS) -rpath $(moduledir)
tests_layers_memory_la_LIBADD = libmemory.la $(MODULE_LIBADD)

# memory, whose module has another name here, with a fault.
tests_layers_broken_la_SOURCES = tests/layers/broken.c tests/layers/memory.c tests/layers/memory.h tests/layers/memory_mailbox.c \
	tests/layers/memory_commit.c tests/layers/memory_import.c tests/layers/memory_blobs.c
tests_layers_broken_la_CPPFLAGS = $(MODULE_CPPFLAGS) -DMEMORY_MODULE=memory_module
tests_layers_broken_la_CFLAGS = $(MODULE_CFLAGS)
tests_layers_broken_la_LDFLAGS = $(MODULE_LDFLAGS) -rpath $(moduledir)
tests_layers_broken_la_LIBADD = $(MODULE_LIBADD)

tests_layers_noop_la_SOURCES = tests/layers/noop.c
tests_layers_noop_la_CPPFLAGS = $(MODULE_CPPFLAGS)
tests_layers_noop_la_CFLAGS = $(MODULE_CFLAGS)
tests_layers_noop_la_LDFLAGS = $(MODULE_LDFLAGS) -rpath $(moduledir)
tests_layers_noop_la_LIBADD = $(MODULE_LIBADD)

tests_layers_xor_la_SOURCES = tests/layers/xor.c
tests_layers_xor_la_CPPFLAGS = $(MODULE_CPPFLAGS)
tests_layers_xor_la_CFLAGS = $(MODULE_CFLAGS)
tests_layers_xor_la_LDFLAGS = $(MODULE_LDFLAGS) -rpath $(moduledir)
tests_layers_xor_la_LIBADD = $(MODULE_LIBADD)

tests_layers_crash_la_SOURCES = tests/layers/crash.c
tests_layers_crash_la_CPPFLAGS = $(MODULE_CPPFLAGS)
tests_layers_crash_la_CFLAGS = $(MODULE_CFLAGS)
tests_layers_crash_la_LDFLAGS = $(MODULE_LDFLAGS) -rpath $(moduledir)
tests_layers_crash_la_LIBADD = $(MODULE_LIBADD)

tests_layers_sealed_la_SOURCES = tests/layers/sealed.c
tests_layers_sealed_la_CPPFLAGS = $(MODULE_CPPFLAGS) -DNAME='"sealed"'
tests_layers_sealed_la_CFLAGS = $(MODULE_CFLAGS)
tests_layers_sealed_la_LDFLAGS = $(MODULE_LDFLAGS) -rpath $(moduledir)
tests_layers_sealed_la_LIBADD = $(MODULE_LIBADD)

tests_layers_sealed_told_la_SOURCES = tests/layers/sealed.c
tests_layers_sealed_told_la_CPPFLAGS = $(MODULE_CPPFLAGS) -DNAME='"sealed-told"' -DTELLS_ATTRIBUTES
tests_layers_sealed_told_la_CFLAGS = $(MODULE_CFLAGS)
tests_layers_sealed_told_la_LDFLAGS = $(MODULE_LDFLAGS) -rpath $(moduledir)
tests_layers_sealed_told_la_LIBADD = $(MODULE_LIBADD)

tests_layers_bounded_la_SOURCES = tests/layers/bounded.c
tests_layers_bounded_la_CPPFLAGS = $(MODULE_CPPFLAGS)
tests_layers_bounded_la_CFLAGS = $(MODULE_CFLAGS)
tests_layers_bounded_la_LDFLAGS = $(MODULE_LDFLAGS) -rpath $(moduledir)
tests_layers_bounded_la_LIBADD = $(MODULE_LIBADD)

tests_layers_letters_la_SOURCES = tests/layers/letters.c
tests_layers_letters_la_CPPFLAGS = $(MODULE_CPPFLAGS)
tests_layers_letters_la_CFLAGS = $(MODULE_CFLAGS)
tests_layers_letters_la_LDFLAGS = $(MODULE_LDFLAGS) -rpath $(moduledir)
tests_layers_letters_la_LIBADD = $(MODULE_LIBADD)

tests_layers_shows_la_SOURCES = tests/layers/shows.c
tests_layers_shows_la_CPPFLAGS = $(MODULE_CPPFLAGS)
tests_layers_shows_la_CFLAGS = $(MODULE_CFLAGS)
tests_layers_shows_la_LDFLAGS = $(MODULE_LDFLAGS) -rpath $(moduledir)
tests_layers_shows_la_LIBADD = $(MODULE_LIBADD)

tests_layers_careless_la_SOURCES = tests/layers/careless.c
tests_layers_careless_la_CPPFLAGS = $(MODULE_CPPFLAGS)
tests_layers_careless_la_CFLAGS = $(MODULE_CFLAGS)
tests_layers_careless_la_LDFLAGS = $(MODULE_LDFLAGS) -rpath $(moduledir)
tests_layers_careless_la_LIBADD = $(MODULE_LIBADD)
