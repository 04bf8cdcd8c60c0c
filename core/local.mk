# SPDX-License-Identifier: MIT
# libsatchel.so: base, runtime, mail, storage and session; what include/ declares is SATCHEL_0, the rest SATCHEL_PRIVATE.
lib_LTLIBRARIES += libsatchel.la
libsatchel_la_SOURCES =
libsatchel_la_CPPFLAGS = $(AM_CPPFLAGS)
libsatchel_la_CFLAGS = $(AM_CFLAGS) $(GNUTLS_CFLAGS) $(LIBCONFIG_CFLAGS) $(SECCOMP_CFLAGS) $(ZLIB_CFLAGS)
libsatchel_la_LIBADD = $(GLIB_LIBS) $(GNUTLS_LIBS) $(LIBCONFIG_LIBS) $(UNISTRING_LIBS) $(ZLIB_LIBS)
libsatchel_la_LDFLAGS = $(AM_LDFLAGS) -version-info 0:0:0 -Wl,--version-script=$(top_builddir)/core/libsatchel.map
EXTRA_libsatchel_la_DEPENDENCIES = core/libsatchel.map

sbin_PROGRAMS += satcheld
satcheld_SOURCES =
satcheld_CFLAGS = $(AM_CFLAGS) $(PIEFLAGS) $(GNUTLS_CFLAGS) $(SECCOMP_CFLAGS)
satcheld_LDADD = libsatchel.la $(GLIB_LIBS) $(GNUTLS_LIBS) $(SECCOMP_LIBS)
satcheld_LDFLAGS = $(AM_LDFLAGS) $(PIE_FLAG)
if SANITIZE
# AddressSanitizer looks crypt(3) up once, at the start: without libcrypt there, it jumps to 0 when pam_unix hashes.
satcheld_LDFLAGS += -Wl,--push-state,--no-as-needed,-lcrypt,--pop-state
endif

bin_PROGRAMS += satchel
satchel_SOURCES =
satchel_CFLAGS = $(AM_CFLAGS) $(PIEFLAGS) $(QRENCODE_CFLAGS)
satchel_LDADD = libsatchel.la $(GLIB_LIBS) $(QRENCODE_LIBS)
satchel_LDFLAGS = $(AM_LDFLAGS) $(PIE_FLAG)

include core/base/local.mk
include core/runtime/local.mk
include core/mail/local.mk
include core/storage/local.mk
include core/session/local.mk
include core/daemon/local.mk
include core/cli/local.mk

# The version script follows the headers.
CLEANFILES += core/libsatchel.map
EXTRA_DIST += core/README.md core/make-version-script core/precompiled.h
core/libsatchel.map: $(satchelinclude_HEADERS) core/make-version-script
	$(AM_V_GEN)$(MKDIR_P) core && cd $(srcdir) && $(SHELL) core/make-version-script $(satchelinclude_HEADERS) > \
	$(abs_top_builddir)/$@.new && mv $(abs_top_builddir)/$@.new $(abs_top_builddir)/$@
