# SPDX-License-Identifier: MIT
# Roles gate and mail; the work is in core/session.
satcheld_SOURCES += core/daemon/gate.c core/daemon/mail.c
