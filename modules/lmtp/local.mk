# SPDX-License-Identifier: MIT
module_LTLIBRARIES += lmtp-gate.la lmtp.la
lmtp_gate_la_SOURCES = modules/lmtp/lmtp-gate.c
lmtp_gate_la_CPPFLAGS = $(MODULE_CPPFLAGS)
lmtp_gate_la_CFLAGS = $(MODULE_CFLAGS)
lmtp_gate_la_LDFLAGS = $(MODULE_LDFLAGS)
lmtp_gate_la_LIBADD = $(MODULE_LIBADD)

lmtp_la_SOURCES = modules/lmtp/lmtp.c modules/lmtp/lmtp.h modules/lmtp/commands.c modules/lmtp/content.c modules/lmtp/address.c
lmtp_la_CPPFLAGS = $(MODULE_CPPFLAGS)
lmtp_la_CFLAGS = $(MODULE_CFLAGS)
lmtp_la_LDFLAGS = $(MODULE_LDFLAGS)
lmtp_la_LIBADD = $(MODULE_LIBADD)
EXTRA_DIST += modules/lmtp/README.md
