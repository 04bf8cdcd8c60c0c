/* SPDX-License-Identifier: MIT
 * The mailboxes of the tree come when something is removed, and go when they are empty.
 */
#pragma once
#include "retention.h"

/* Returns the mailbox of the tree for what @name loses (as the layer shows it), made if it is missing; yours,
 * a reference. *@ret_has_name FALSE: it is one that messages of several mailboxes share, since the driver has
 * no such long name. [alone] */
SatchelStorageMailbox *retention_tree_hold (SatchelStorage *storage, const SatchelAccess *access,
                                            const char *name, gboolean *ret_has_name, GError **error);
/* Removes the mailbox @stored of the tree if it has no messages; that it has some is no error. [blocks] */
gboolean retention_tree_remove_empty (SatchelStorage *storage, const SatchelAccess *access,
                                      const char *stored, GError **error);
