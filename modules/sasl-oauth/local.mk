# SPDX-License-Identifier: MIT
if WITH_OAUTH
module_LTLIBRARIES += sasl-oauth.la
oauth_token_sources = \
	modules/sasl-oauth/claims.c \
	modules/sasl-oauth/claims.h \
	modules/sasl-oauth/jwt.c \
	modules/sasl-oauth/jwt.h \
	modules/sasl-oauth/keys.c \
	modules/sasl-oauth/keys.h \
	modules/sasl-oauth/settings.h
oauth_exchange_sources = \
	modules/sasl-oauth/exchange.c \
	modules/sasl-oauth/exchange.h \
	modules/sasl-oauth/message.c \
	modules/sasl-oauth/message.h \
	modules/sasl-oauth/settings.h \
	modules/sasl-oauth/words.h
sasl_oauth_la_SOURCES = $(oauth_token_sources) $(oauth_exchange_sources) \
	modules/sasl-oauth/cache.c \
	modules/sasl-oauth/cache.h \
	modules/sasl-oauth/helper.c \
	modules/sasl-oauth/helper.h \
	modules/sasl-oauth/introspection.c \
	modules/sasl-oauth/introspection.h \
	modules/sasl-oauth/key_file.c \
	modules/sasl-oauth/key_file.h \
	modules/sasl-oauth/module.c \
	modules/sasl-oauth/settings.c
sasl_oauth_la_CPPFLAGS = $(MODULE_CPPFLAGS)
sasl_oauth_la_CFLAGS = $(MODULE_CFLAGS) $(JANSSON_CFLAGS) $(CURL_CFLAGS) $(GNUTLS_CFLAGS)
sasl_oauth_la_LDFLAGS = $(MODULE_LDFLAGS)
sasl_oauth_la_LIBADD = $(MODULE_LIBADD) $(JANSSON_LIBS) $(CURL_LIBS) $(GNUTLS_LIBS)

check_PROGRAMS += modules/sasl-oauth/tests/test-oauth-exchange modules/sasl-oauth/tests/test-oauth-jwt
TESTS += modules/sasl-oauth/tests/test-oauth-exchange modules/sasl-oauth/tests/test-oauth-jwt
modules_sasl_oauth_tests_test_oauth_exchange_SOURCES = modules/sasl-oauth/tests/test-oauth-exchange.c $(oauth_exchange_sources)
modules_sasl_oauth_tests_test_oauth_exchange_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules/sasl-oauth
modules_sasl_oauth_tests_test_oauth_exchange_LDADD = libauth.la libsatchel.la $(GLIB_LIBS) $(GNUTLS_LIBS)
modules_sasl_oauth_tests_test_oauth_jwt_SOURCES = modules/sasl-oauth/tests/test-oauth-jwt.c $(oauth_token_sources)
modules_sasl_oauth_tests_test_oauth_jwt_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules/sasl-oauth
modules_sasl_oauth_tests_test_oauth_jwt_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS) $(GNUTLS_CFLAGS)
modules_sasl_oauth_tests_test_oauth_jwt_LDADD = libsatchel.la $(GLIB_LIBS) $(JANSSON_LIBS) $(GNUTLS_LIBS)
endif
EXTRA_DIST += modules/sasl-oauth/README.md
