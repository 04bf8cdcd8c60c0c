# SPDX-License-Identifier: MIT
EXTRA_DIST += packaging/fail2ban/satchel.conf packaging/sysusers/satchel.conf packaging/tmpfiles/satchel.conf \
	packaging/systemd/satchel.service.in packaging/systemd/satchel.socket packaging/systemd/satchel-postfix.socket

systemdsystemunit_DATA = packaging/systemd/satchel.service
dist_systemdsystemunit_DATA = packaging/systemd/satchel.socket packaging/systemd/satchel-postfix.socket
CLEANFILES += packaging/systemd/satchel.service
packaging/systemd/satchel.service: packaging/systemd/satchel.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) packaging/systemd && $(SED) 's|@sbindir@|$(sbindir)|g' $(srcdir)/packaging/systemd/satchel.service.in > $@
