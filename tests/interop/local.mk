# SPDX-License-Identifier: MIT
EXTRA_DIST += tests/interop/README.md
# Real programs against a real server.  Slow ones last.
INTEROP_TESTS = tests/interop/python.py tests/interop/readers.py tests/interop/postfix.py tests/interop/spam.py \
	tests/interop/submission.py tests/interop/exim.py tests/interop/swaks.py tests/interop/fail2ban.py tests/interop/compress.py \
	tests/interop/sasl.py tests/interop/totp.py tests/interop/totp-time.py tests/interop/login-cases.py \
	tests/interop/app-passwords.py tests/interop/account-notices.py tests/interop/crypt.py tests/interop/crypt-memory.py tests/interop/thunderbird.py \
	tests/interop/crypt-convert.py tests/interop/crypt-site.py tests/interop/crypt-format.py \
	tests/interop/search-dovecot.py \
	tests/interop/keywords.py tests/interop/quota.py tests/interop/retention.py tests/interop/roundcube.py \
	tests/interop/simultaneous.py tests/interop/storm.py tests/interop/resync.py tests/interop/twoway-mbsync.py \
	tests/interop/twoway-offlineimap.py \
	tests/interop/twoway-interimap.py tests/interop/maildirsize.py tests/interop/transfer.py tests/interop/takeover.py
SERVER_TESTS += $(INTEROP_TESTS)
EXTRA_DIST += $(INTEROP_TESTS) tests/lib/tap.py tests/lib/clock.c tests/lib/clock.py tests/lib/factor.py tests/lib/terminal.py \
	tests/lib/getmail.py tests/lib/sealed.py tests/lib/thunderbird.py tests/lib/overlay.py tests/lib/ring_reader.py tests/lib/browser.py tests/lib/mta.py tests/lib/peers.py tests/lib/tracker.py \
	tests/lib/twoway.py tests/lib/recorder.py tests/lib/seed.h tests/lib/rounds.h
check-interop:
	$(MAKE) check TESTS="$(INTEROP_TESTS)"
EXTRA_DIST += tests/interop/README.md
