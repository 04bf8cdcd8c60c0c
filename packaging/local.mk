# SPDX-License-Identifier: MIT
EXTRA_DIST += packaging/fail2ban/satchel.conf
