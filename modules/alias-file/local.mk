# SPDX-License-Identifier: MIT
module_LTLIBRARIES += alias-file.la
alias_file_la_SOURCES = modules/alias-file/module.c modules/alias-file/aliases.c modules/alias-file/aliases.h
alias_file_la_CPPFLAGS = $(MODULE_CPPFLAGS)
alias_file_la_CFLAGS = $(MODULE_CFLAGS)
alias_file_la_LDFLAGS = $(MODULE_LDFLAGS)
alias_file_la_LIBADD = $(MODULE_LIBADD)
aliasexampledir = $(docdir)
dist_aliasexample_DATA = modules/alias-file/aliases.example
EXTRA_DIST += modules/alias-file/README.md
