# SPDX-License-Identifier: MIT
pop3_shared = modules/pop3/line.c modules/pop3/line.h modules/pop3/texts.c modules/pop3/texts.h \
	modules/pop3/capability.c modules/pop3/capability.h
pop3_sources = $(pop3_shared) modules/pop3/pop3.c modules/pop3/pop3.h modules/pop3/schema.c modules/pop3/commands.c \
	modules/pop3/maildrop.c modules/pop3/octets.c modules/pop3/delay.c modules/pop3/update.c modules/pop3/listing.c \
	modules/pop3/retrieve.c

module_LTLIBRARIES += pop3-gate.la pop3.la
pop3_gate_la_SOURCES = $(pop3_shared) modules/pop3/pop3-gate.c
pop3_gate_la_CPPFLAGS = $(MODULE_CPPFLAGS)
pop3_gate_la_CFLAGS = $(MODULE_CFLAGS)
pop3_gate_la_LDFLAGS = $(MODULE_LDFLAGS)
pop3_gate_la_LIBADD = $(MODULE_LIBADD)

pop3_la_SOURCES = $(pop3_sources) modules/pop3/module.c
pop3_la_CPPFLAGS = $(MODULE_CPPFLAGS)
pop3_la_CFLAGS = $(MODULE_CFLAGS)
pop3_la_LDFLAGS = $(MODULE_LDFLAGS)
pop3_la_LIBADD = $(MODULE_LIBADD)
EXTRA_DIST += modules/pop3/README.md
