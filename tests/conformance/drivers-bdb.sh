#!/bin/sh
# SPDX-License-Identifier: MIT
# The suite over bdb and over each layer above it.
SATCHEL_STORAGE=bdb exec ./satchel-storage-check
