# SPDX-License-Identifier: MIT
# Makes the first /etc/satchel/satchel.conf of a package from docs/examples/satchel.conf: it starts nothing until its admin
# has set a name (an empty one is refused) and put certificate and key where it says.
1,3c\
# The server starts when a hostname is set here and certificate and key are in their places.  Until then\
# `satchel config check` and `systemctl status satchel` say what is missing.  All settings: satchel.conf(5).\
# After a change: satchel config check && systemctl reload satchel

s/^\( *hostname = \).*/\1"";/
s/^\( *default_domain = .*\)/  # default_domain = "example.org";/
