# SPDX-License-Identifier: MIT
include core/runtime/config/local.mk
include core/runtime/connection/local.mk
include core/runtime/ipc/local.mk
include core/runtime/loader/local.mk
include core/runtime/log/local.mk
include core/runtime/login/local.mk
include core/runtime/loop/local.mk
include core/runtime/process/local.mk
include core/runtime/stream/local.mk
EXTRA_DIST += core/runtime/README.md
