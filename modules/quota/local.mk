# SPDX-License-Identifier: MIT
module_LTLIBRARIES += quota.la
quota_la_SOURCES = modules/quota/module.c modules/quota/layer.c modules/quota/layer.h modules/quota/settings.c modules/quota/settings.h
quota_la_CPPFLAGS = $(MODULE_CPPFLAGS)
quota_la_CFLAGS = $(MODULE_CFLAGS)
quota_la_LDFLAGS = $(MODULE_LDFLAGS)
quota_la_LIBADD = $(MODULE_LIBADD)
EXTRA_DIST += modules/quota/README.md
