# SPDX-License-Identifier: MIT
include modules/imap/local.mk
include modules/pop3/local.mk
include modules/lmtp/local.mk
include modules/bdb/local.mk
include modules/maildir/local.mk
include modules/passwd-file/local.mk
include modules/alias-file/local.mk
include modules/quota/local.mk
include modules/retention/local.mk
include modules/sasl-oauth/local.mk
include modules/sasl-scram/local.mk
include modules/sasl-external/local.mk
include modules/account-notices/local.mk
include modules/app-passwords/local.mk
include modules/totp/local.mk
include modules/sql/local.mk
include modules/ldap/local.mk
include modules/pam/local.mk
include modules/dovecot-auth/local.mk
include modules/socketmap/local.mk
include modules/spam/local.mk
include modules/crypt/local.mk
EXTRA_DIST += modules/README.md
