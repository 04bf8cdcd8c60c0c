/* SPDX-License-Identifier: MIT
 * What the mail process of one slot was reading when it crashed: a message that was there at
 * two deaths is told to the next process, which sets it aside instead of parsing it, or passes by the module
 * that it crashed in; a user at whose work it died three times in a row is not served for a minute.  Master's
 * side; the process may be hostile.
 */
#pragma once
#include "core/runtime/breadcrumb.h"

#define SATCHEL_SUSPECTS_MAX 64u

typedef struct SatchelSuspects SatchelSuspects;
SatchelSuspects *satchel_suspects_new (void);
void satchel_suspects_free (SatchelSuspects *suspects);
/* The process died of @signal_number and left these.  Returns how many suspects there are more now. */
guint satchel_suspects_note_death (SatchelSuspects *suspects, int signal_number,
                                   const SatchelBreadcrumb *crumbs, guint n);
/* Newest first. */
void satchel_suspects_foreach (const SatchelSuspects *suspects,
                               void (*func) (const char *crumb, gpointer data), gpointer data);
