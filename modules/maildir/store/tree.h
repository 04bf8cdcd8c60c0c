/* SPDX-License-Identifier: MIT
 * Declares how mailboxes are made, removed and renamed.
 */
#pragma once
#include <satchel/storage.h>

typedef struct MdStore MdStore;

/* For these the caller holds the writer lock. @as: see md_mailbox_create_files. */
gboolean md_create_as (MdStore *store, const char *name, const SatchelMailboxImport *as, GError **error);
gboolean md_remove_locked (MdStore *store, const char *name, GError **error);

/* MD_LAYOUT_FS needs these. They move a mailbox that was made as trash/@unique to its place, a mailbox into
 * the trash, and a mailbox with its children from place to place. */
gboolean md_fs_place (MdStore *store, int trash_fd, const char *unique, const char *dir, GError **error);
gboolean md_fs_displace (MdStore *store, const char *dir, int trash_fd, const char *unique, GError **error);
gboolean md_fs_rename (MdStore *store, const char *from, const char *to, GError **error);
