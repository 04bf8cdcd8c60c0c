/* SPDX-License-Identifier: MIT
 * For tests: a durable listener that notes what it hears, a line a change.
 */
#pragma once
#include "core/storage/change_log/feed_private.h"

#include <string.h>

static GString *heard_text;
static guint64 heard_last; /* sequence */
static guint heard_fails;  /* so many calls fail from now on */

static inline void
heard_put_set (GString *out, guint32 flags, const char *const *keywords)
{
  static const char letters[] = "SAFTD";
  for (guint i = 0; i < 5; i++)
    if ((flags >> i & 1) != 0)
      g_string_append_c (out, letters[i]);
  for (; *keywords != NULL; keywords++)
    g_string_append_printf (out, "+%s", *keywords);
}

/* Notes a change as a line such as "MOVE INBOX>to 1>7:S/S by session
 * ": uid>new_uid, flags before/after, and "?" where one is not known. */
static inline gboolean
heard_note (SatchelStore *store, const SatchelChange *change, GError **error)
{
  if (heard_fails > 0)
    {
      heard_fails--;
      return satchel_error_set (error, SATCHEL_ERROR_FAILED, "not now");
    }
  g_assert_cmpuint (change->size, ==, sizeof (SatchelChange));
  g_assert_cmpuint (change->sequence, >=, heard_last);
  g_assert_cmpstr (change->access->owner, ==, satchel_store_user (store));
  heard_last = change->sequence;
  g_string_append_printf (heard_text, "%s %s", satchel_change_kind_name (change->kind), change->mailbox.name);
  if (change->destination.name[0] != '\0')
    g_string_append_printf (heard_text, ">%s", change->destination.name);
  for (guint i = 0; i < change->n_messages; i++)
    {
      const SatchelChangedMessage *message = &change->messages[i];
      g_string_append_printf (heard_text, " %u", message->uid);
      if (message->new_uid != 0)
        g_string_append_printf (heard_text, ">%u", message->new_uid);
      g_string_append_c (heard_text, ':');
      if (message->has_before)
        heard_put_set (heard_text, message->flags_before, message->keywords_before);
      else
        g_string_append_c (heard_text, '?');
      g_string_append_c (heard_text, '/');
      heard_put_set (heard_text, message->flags, message->keywords);
    }
  g_string_append_printf (heard_text, " by %s\n", satchel_cause_name (change->access->cause));
  return TRUE;
}

static const SatchelMailboxListenerOps heard_ops = { .size = sizeof heard_ops, .heard = heard_note };
static const SatchelStoreListener heard_listener = { "heard", &heard_ops };

static inline void
heard_begin (void)
{
  heard_text = g_string_new (NULL);
  heard_last = 0;
  heard_fails = 0;
  satchel_store_set_listeners (&heard_listener, 1);
}

static inline void
heard_end (void)
{
  satchel_store_set_listeners (NULL, 0);
  g_string_free (g_steal_pointer (&heard_text), TRUE);
}

/* What was heard now; yours. */
static inline char *
heard_now (SatchelStore *store)
{
  guint wait_ms;
  g_autoptr (GError) error = NULL;
  g_assert_true (satchel_feed_run (store, &heard_listener, SATCHEL_FEED_AGAIN, &wait_ms, &error));
  g_assert_no_error (error);
  char *text = g_strdup (heard_text->str);
  g_string_truncate (heard_text, 0);
  return text;
}

#define heard_expect(store, expected)                                                                        \
  G_STMT_START                                                                                               \
  {                                                                                                          \
    g_autofree char *heard_got = heard_now (store);                                                          \
    g_assert_cmpstr (heard_got, ==, expected);                                                               \
  }                                                                                                          \
  G_STMT_END
