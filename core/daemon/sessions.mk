# SPDX-License-Identifier: MIT
# Roles gate, mail and helper; the work is in core/session and core/runtime.
satcheld_SOURCES += core/daemon/gate.c core/daemon/mail.c core/daemon/helper.c core/daemon/connector.c core/daemon/connector.h
