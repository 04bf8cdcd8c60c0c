/* SPDX-License-Identifier: MIT
 * Declares names of mailboxes as directories. Pure functions.
 */
#pragma once
#include "settings.h"

#include <satchel/storage.h>

/* Names that no mailbox of layout "fs" may have. */
#define MD_BLOBS_FILE "satchel-blobs-" /* followed by the name of the space */
#define MD_TRASH_DIR "satchel-trash"

/* "A/b.c" is ".A.b&AC4-c" or, with MD_LAYOUT_FS, "A/b.c"; INBOX is "". NULL with CANNOT: it fits no
 * directory. */
char *md_folder_dir (MdLayout layout, const char *name, GError **error);
/* Returns the name of the mailbox whose directory is @dir.  NULL means that there is no name of which
 * md_folder_dir makes exactly this directory. */
char *md_folder_name (MdLayout layout, const char *dir);
/* Returns the character between levels of a directory's name. */
char md_folder_separator (MdLayout layout);
