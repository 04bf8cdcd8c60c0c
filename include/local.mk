# SPDX-License-Identifier: MIT
satchelincludedir = $(includedir)/satchel
satchelinclude_HEADERS = \
	include/satchel/access.h include/satchel/admin.h include/satchel/maintain.h include/satchel/auth.h include/satchel/config.h \
	include/satchel/connection.h include/satchel/delivery.h \
	include/satchel/filter.h \
	include/satchel/endpoint.h include/satchel/error.h include/satchel/error-words.h include/satchel/fd.h include/satchel/helper.h \
	include/satchel/job.h include/satchel/listener.h include/satchel/log.h \
	include/satchel/message.h include/satchel/module.h include/satchel/protocol.h include/satchel/reactor.h \
	include/satchel/service.h include/satchel/snapshot.h include/satchel/storage.h include/satchel/store.h include/satchel/stream.h \
	include/satchel/transaction.h include/satchel/types.h \
	include/satchel/attributes.h include/satchel/charset.h include/satchel/date.h include/satchel/header.h \
	include/satchel/mailbox_name.h include/satchel/search.h include/satchel/sort.h include/satchel/keys.h include/satchel/keywords.h \
	include/satchel/downgrade.h include/satchel/hash.h include/satchel/counter.h include/satchel/number.h include/satchel/retry.h include/satchel/secret.h \
	include/satchel/account_event.h include/satchel/keyring.h include/satchel/login.h include/satchel/sasl.h \
	include/satchel/scram.h include/satchel/record_log.h include/satchel/source.h

# Each public header compiles alone.
check-headers: .headers-checked
	@echo "check-headers: ok"
CLEANFILES += .headers-checked
.headers-checked: $(satchelinclude_HEADERS) Makefile
	@for h in $(satchelinclude_HEADERS); do \
	  printf '#include <%s>\n' "$${h#include/}" | $(CC) $(MODULE_CPPFLAGS) $(STDFLAGS) $(WARNFLAGS) -Werror $(GLIB_CFLAGS) \
	    -fsyntax-only -x c - || { echo "check-headers: $$h does not compile alone" >&2; exit 1; }; done; touch $@
EXTRA_DIST += include/satchel/README.md
