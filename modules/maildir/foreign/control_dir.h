/* SPDX-License-Identifier: MIT
 * Declares the other server's directory for a mailbox, which is the mailbox's own unless
 * `maildir.control_path` is set.
 */
#pragma once
#include <satchel/storage.h>

typedef struct MdStore MdStore;

/* Opens the control directory of a mailbox.  @fd is the mailbox's own directory, which is returned if there
 * is no other. */
int md_control_open (MdStore *store, const char *dir, int fd, gboolean create, GError **error);
void md_control_renamed (MdStore *store, const char *from, const char *to);
void md_control_removed (MdStore *store, const char *dir);
