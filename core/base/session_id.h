/* SPDX-License-Identifier: MIT
 * Ids of connections: 64 bits in messages, 13 letters and digits in logs (session=...), the same in every
 * process.
 */
#pragma once
#include <glib.h>

#define SATCHEL_SESSION_ID_CHARS 13
/* Returns a new id for a connection of the gate in @slot (< 256). It is never 0, and unlikely to come again
 * after a restart. */
guint64 satchel_session_id_new (guint slot);
/* Writes the id as NUL-ended text in lower case. */
void satchel_session_id_text (guint64 id, char ret_text[SATCHEL_SESSION_ID_CHARS + 1]);
