/* SPDX-License-Identifier: MIT
 * Declares the file `maildirsize` of Maildir++, kept for other programs that share the Maildir. Satchel
 * itself never uses its sums or limits. Everything here is called with the writer lock held, and only if the
 * setting `maildirsize` is on.
 */
#pragma once
#include <satchel/storage.h>

typedef struct MdStore MdStore;
typedef struct MdPlan MdPlan;

/* Files are summed up by this, and so are changes to the sums. */
typedef struct MdSizeSum
{
  gint64 bytes, messages;
  gboolean is_unknown; /* a file could not be looked at: only a recount can tell */
} MdSizeSum;

/* Sets the plan's change of the sums. Called when its messages have their new names, and before any file is
 * removed. */
void md_maildirsize_count_plan (MdPlan *plan);
/* Adds @factor times what the messages of the folder directory @dir count. */
void md_maildirsize_count_folder (MdStore *store, const char *dir, int factor, MdSizeSum *sum);
/* Says whether a folder of this directory counts at all. */
gboolean md_maildirsize_has_folder (const MdStore *store, const char *dir);
/* Appends @change to the file, or writes it anew where it cannot be trusted. A failure is logged and leaves
 * the next change to write it anew. */
void md_maildirsize_add (MdStore *store, const MdSizeSum *change);
/* Does the same with the changes of all plans. */
void md_maildirsize_add_plans (MdStore *store, MdPlan *const *plans, guint n);
