#!/bin/sh
# SPDX-License-Identifier: MIT
# The suite over maildir, in each of its layouts, and over each layer above it.
SATCHEL_STORAGE=maildir exec ./satchel-storage-check
