#!/bin/sh
# SPDX-License-Identifier: MIT
# The suite over the driver in memory and over each layer above it.
SATCHEL_STORAGE=memory exec ./satchel-storage-check
