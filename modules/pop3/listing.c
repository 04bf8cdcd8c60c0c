/* SPDX-License-Identifier: MIT
 * LIST and UIDL (RFC 1939 5 and 7). Lines are made from the snapshot as far as the output has room.
 */
#include "pop3_session.h"

enum
{
  STEP_BYTES = 65536, /* a step writes no more than this and one line */
  LINE_BYTES = 64     /* what a line usually has at most; a longer one makes the text grow */
};

/* Appends a unique id. One that Satchel makes is unique for ever, since UIDs are never used twice under one
 * UIDVALIDITY (RFC 3501 2.3.1.1). It has Dovecot's usual form, so that clients of an account that was taken
 * over download nothing again; the store knows ids of another form. */
static void
append_unique_id (Pop3 *pop3, guint32 index, GString *out)
{
  if (pop3->uidls != NULL && pop3->uidl_at[index] != 0)
    g_string_append (out, pop3->uidls->str + pop3->uidl_at[index] - 1);
  else
    g_string_append_printf (out, "%08x%08x", pop3_uid (pop3, index), pop3->snapshot->state.uidvalidity);
}

static void
append_entry (Pop3 *pop3, guint32 index, gboolean is_uidl, GString *out)
{
  g_string_append_printf (out, "%u ", index + 1);
  if (is_uidl)
    append_unique_id (pop3, index, out);
  else
    g_string_append_printf (out, "%" G_GUINT64_FORMAT, pop3_size (pop3, index));
}

static Pop3StepResult
list_step (Pop3 *pop3)
{
  gsize room = satchel_connection_room (pop3->connection);
  guint32 n = pop3->snapshot->state.n_messages;
  GString *out = g_string_sized_new (MIN (room, (gsize) STEP_BYTES) + LINE_BYTES);
  for (; pop3->at < n && out->len < MIN (room, (gsize) STEP_BYTES); pop3->at++)
    if (!pop3_is_deleted (pop3, pop3->at))
      {
        append_entry (pop3, pop3->at, pop3->is_uidl, out);
        g_string_append (out, "\r\n");
      }
  gboolean is_done = pop3->at >= n;
  pop3_say_lines (pop3->connection, out, is_done);
  return is_done ? POP3_STEP_DONE : POP3_STEP_AGAIN;
}

void
pop3_list_all (Pop3 *pop3, gboolean is_uidl)
{
  pop3_say_totals (pop3);
  pop3->at = 0;
  pop3->is_uidl = is_uidl;
  pop3_begin (pop3, list_step);
}

void
pop3_list_one (Pop3 *pop3, guint32 index, gboolean is_uidl)
{
  g_autoptr (GString) out = g_string_new (NULL);
  append_entry (pop3, index, is_uidl, out);
  pop3_say_ok (pop3->connection, "%s", out->str);
}
