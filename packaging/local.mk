# SPDX-License-Identifier: MIT
# What systemd and fail2ban read.  Templates have names of their own (@SBINDIR@, not @sbindir@): config.status would put
# its nested variables into the rule itself, and only make expands those.
systemdsystemunit_DATA = packaging/systemd/satchel.service packaging/systemd/satchel-unprivileged.service
dist_systemdsystemunit_DATA = packaging/systemd/satchel-unprivileged.socket packaging/systemd/satchel-postfix.socket \
	packaging/systemd/satchel-postfix-auth.socket
presetdir = $(prefix)/lib/systemd/system-preset
dist_preset_DATA = packaging/systemd/50-satchel.preset
sysusersdir = $(prefix)/lib/sysusers.d
sysusers_DATA = packaging/sysusers/satchel.conf
tmpfilesdir = $(prefix)/lib/tmpfiles.d
tmpfiles_DATA = packaging/tmpfiles/satchel.conf
fail2bandir = $(sysconfdir)/fail2ban/filter.d
dist_fail2ban_DATA = packaging/fail2ban/satchel.conf

packaging_made = $(systemdsystemunit_DATA) $(sysusers_DATA) $(tmpfiles_DATA)
EXTRA_DIST += $(packaging_made:=.in)
CLEANFILES += $(packaging_made)
$(packaging_made): %: %.in Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(SED) -e 's,@SBINDIR@,$(sbindir),g' -e 's,@BINDIR@,$(bindir),g' \
	  -e 's,@STATEDIR@,$(localstatedir)/lib/satchel,g' $< > $@.new && mv $@.new $@

EXTRA_DIST += packaging/README.md packaging/pam/satchel.debian packaging/pam/satchel.fedora packaging/first-config.sed \
	packaging/rpm/satchel.spec packaging/rpm/satchel.rpmlintrc packaging/debian/changelog packaging/debian/control \
	packaging/debian/copyright packaging/debian/rules packaging/debian/source/format packaging/debian/libsatchel0.install \
	packaging/debian/satchel-dev.install packaging/debian/satchel-passwd-file.install packaging/debian/satchel-bdb.install \
	packaging/debian/satchel-ldap.install packaging/debian/satchel-oauth.install packaging/debian/satchel-pam.install \
	packaging/debian/satchel-sql.install packaging/debian/satchel-totp.install packaging/debian/satchel.install.in \
	packaging/debian/satchel.postinst packaging/debian/satchel.postrm packaging/debian/satchel.prerm
