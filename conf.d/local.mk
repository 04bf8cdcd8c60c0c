# SPDX-License-Identifier: MIT
# Default files: *.conf.in follow the tables of settings (make update-docs), *.conf have this build's directories.
conf_templates = \
	conf.d/auth.conf.in conf.d/helpers.conf.in conf.d/janitor.conf.in conf.d/limits.conf.in conf.d/listen.conf.in conf.d/log.conf.in conf.d/mailboxes.conf.in \
	conf.d/namespace.conf.in conf.d/server.conf.in conf.d/storage.conf.in conf.d/tls.conf.in
conf_templates += conf.d/filters.conf.in
conf_templates += conf.d/account-notices.conf.in conf.d/alias-file.conf.in conf.d/app-passwords.conf.in conf.d/imap.conf.in \
	conf.d/dovecot-auth.conf.in conf.d/lmtp.conf.in conf.d/maildir.conf.in conf.d/pop3.conf.in conf.d/quota.conf.in \
	conf.d/retention.conf.in conf.d/sasl-external.conf.in conf.d/sasl-scram.conf.in conf.d/socketmap.conf.in conf.d/spam.conf.in
if WITH_PASSWD_FILE
conf_templates += conf.d/passwd-file.conf.in
endif
if WITH_TOTP
conf_templates += conf.d/totp.conf.in
endif
if WITH_CRYPT
conf_templates += conf.d/crypt.conf.in
endif
if WITH_SQL
conf_templates += conf.d/sql.conf.in
endif
if WITH_OAUTH
conf_templates += conf.d/sasl-oauth.conf.in
endif
if WITH_LDAP
conf_templates += conf.d/ldap.conf.in
endif
if WITH_BDB
conf_templates += conf.d/bdb.conf.in
endif
if WITH_PAM
conf_templates += conf.d/pam.conf.in
endif
defaults_DATA = $(conf_templates:.in=)
EXTRA_DIST += $(conf_templates) conf.d/passwd-file.conf.in conf.d/totp.conf.in conf.d/crypt.conf.in conf.d/sql.conf.in conf.d/ldap.conf.in \
	conf.d/bdb.conf.in conf.d/pam.conf.in conf.d/README.md
CLEANFILES += $(defaults_DATA)
$(defaults_DATA): %.conf: %.conf.in Makefile
	$(AM_V_GEN)$(MKDIR_P) conf.d && sed -e 's,@state_dir@,$(localstatedir)/lib/satchel,g' -e 's,@run_dir@,$(runstatedir)/satchel,g' \
	  -e 's,@module_dir@,$(moduledir),g' -e 's,@conf_dir@,$(confdir),g' $< > $@.new && mv $@.new $@
