/* SPDX-License-Identifier: MIT
 * What the layer keeps with a user: texts of one or more lines, in the module's space of blobs.
 */
#pragma once
#include "retention.h"

/* Returns the text, yours. NULL without an error: there is none, or the driver keeps no blobs. [blocks] */
char *retention_blob_get (SatchelStorage *storage, const SatchelAccess *access, const char *name,
                          GError **error);
/* Puts the text, durably; NULL removes it. [blocks] */
gboolean retention_blob_put (SatchelStorage *storage, const SatchelAccess *access, const char *name,
                             const char *text, GError **error);
