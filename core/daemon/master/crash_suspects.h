/* SPDX-License-Identifier: MIT
 * Remembers what the mail process of one slot worked on when it crashed. A message at which it died twice
 * is named to the next process, which sets the message aside instead of parsing it, or leaves out the
 * module that crashed. A user at whose work it died three times in a row is not served for a minute; a
 * durable listener at whose work for a user it died three times is not called for that user any more. This is
 * master's side, and the process may be hostile.
 */
#pragma once
#include "core/runtime/loop/breadcrumb.h"

#define SATCHEL_SUSPECTS_MAX 64u

typedef struct SatchelSuspects SatchelSuspects;
SatchelSuspects *satchel_suspects_new (void);
void satchel_suspects_free (SatchelSuspects *suspects);
/* Notes that the process died of @signal_number and left these breadcrumbs. Returns the number of new
 * suspects. */
guint satchel_suspects_note_death (SatchelSuspects *suspects, int signal_number,
                                   const SatchelBreadcrumb *crumbs, guint n);
/* Calls @func for each suspect, the newest first. */
void satchel_suspects_foreach (const SatchelSuspects *suspects,
                               void (*func) (const char *crumb, gpointer data), gpointer data);
