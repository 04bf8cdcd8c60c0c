/* SPDX-License-Identifier: MIT
 * What auth answers the janitors of mail processes: whom of these users one owns, and which accounts.
 */
#include "config.h"

#include "core/daemon/auth/placement/placement.h"
#include "tests/lib/auth-stage.h"

#include <string.h>

typedef struct Answer
{
  gboolean is_last;
  char *last;
  GPtrArray *users, *paths; /* paths: "" where no place came */
} Answer;

static void
answer_clear (Answer *answer)
{
  g_clear_pointer (&answer->last, g_free);
  g_clear_pointer (&answer->users, g_ptr_array_unref);
  g_clear_pointer (&answer->paths, g_ptr_array_unref);
}

static SatchelIpcMessage *
new_question (gboolean wants_accounts, const char *after, const char *const *names, guint n)
{
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_OWNED, 0);
  satchel_ipc_put_u64 (message, 77);
  satchel_ipc_put_u32 (message, (guint32) wants_accounts);
  satchel_ipc_put_string (message, after);
  satchel_ipc_put_u32 (message, n);
  for (guint i = 0; i < n; i++)
    satchel_ipc_put_string (message, names[i]);
  return message;
}

static void
ask (guint slot, gboolean wants_accounts, const char *after, const char *const *names, guint n,
     Answer *ret_answer)
{
  g_assert_true (stage_deliver (&stage.mails[slot], new_question (wants_accounts, after, names, n)));
  g_autoptr (SatchelIpcMessage) reply = stage_take_from_mail (slot);
  g_assert_cmpint (reply->type, ==, SATCHEL_IPC_OWNED_REPLY);
  g_assert_cmpuint (satchel_ipc_get_u64 (reply), ==, 77);
  ret_answer->is_last = satchel_ipc_get_u32 (reply) != 0;
  ret_answer->last = g_strdup (satchel_ipc_get_string (reply));
  ret_answer->users = g_ptr_array_new_with_free_func (g_free);
  ret_answer->paths = g_ptr_array_new_with_free_func (g_free);
  for (guint32 left = satchel_ipc_get_u32 (reply); left > 0; left--)
    {
      g_ptr_array_add (ret_answer->users, g_strdup (satchel_ipc_get_string (reply)));
      g_autoptr (SatchelPlace) place = satchel_place_get (reply);
      g_ptr_array_add (ret_answer->paths, g_strdup (place != NULL ? place->path : ""));
    }
  g_assert_true (satchel_ipc_message_is_done (reply));
  g_assert_null (stage_take_from_mail (1 - slot));
}

static guint
owner_of (const char *user)
{
  return satchel_placement_hash_slot (user, STAGE_MAILS);
}

/* Of several names those that are the process's, without places; of names that are none it owns nobody. */
static void
test_these (void)
{
  static const char *const names[] = {
    "alice@x.org", "../x@x.org", "Alice@X.ORG",  "bob@x.org",  "alice",    "carl@x.org", "",
    "dora@x.org",  "eve@x.org",  "nobody@y.org", "fred@x.org", "gus@x.org"
  };
  static const guint good[] = { 0, 3, 5, 7, 8, 9, 10, 11 };
  stage_begin (NULL);
  for (guint slot = 0; slot < STAGE_MAILS; slot++)
    {
      Answer answer;
      ask (slot, FALSE, "", names, G_N_ELEMENTS (names), &answer);
      g_assert_false (answer.is_last);
      g_assert_cmpstr (answer.last, ==, "");
      guint n = 0;
      for (guint i = 0; i < G_N_ELEMENTS (good); i++)
        if (owner_of (names[good[i]]) == slot)
          {
            g_assert_cmpuint (n, <, answer.users->len);
            g_assert_cmpstr (answer.users->pdata[n], ==, names[good[i]]);
            g_assert_cmpstr (answer.paths->pdata[n++], ==, "");
          }
      g_assert_cmpuint (answer.users->len, ==, n);
      answer_clear (&answer);
    }
  stage_end ();
}

/* One name: with the place. */
static void
test_one (void)
{
  static const char *const names[] = { "alice@x.org" };
  Answer answer;
  stage_begin (NULL);
  guint slot = owner_of (names[0]);
  ask (slot, FALSE, "", names, 1, &answer);
  g_assert_cmpuint (answer.users->len, ==, 1);
  g_autofree char *path = satchel_auth_user_path (names[0]);
  g_assert_cmpstr (answer.paths->pdata[0], ==, path);
  answer_clear (&answer);
  ask (1 - slot, FALSE, "", names, 1, &answer);
  g_assert_cmpuint (answer.users->len, ==, 0);
  answer_clear (&answer);
  stage_end ();
}

static void
test_bounds (void)
{
  const char *names[101];
  Answer answer;
  stage_begin (NULL);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    names[i] = "alice@x.org";
  guint slot = owner_of ("alice@x.org");
  ask (slot, FALSE, "", names, 100, &answer);
  g_assert_cmpuint (answer.users->len, ==, 100);
  answer_clear (&answer);
  g_assert_false (stage_deliver (&stage.mails[slot], new_question (FALSE, "", names, 101)));
  SatchelIpcMessage *longer = new_question (FALSE, "", names, 2),
                    *shorter = new_question (FALSE, "", names, 2);
  satchel_ipc_put_u32 (longer, 1);
  g_byte_array_set_size (shorter->body, shorter->body->len - 1);
  g_assert_false (stage_deliver (&stage.mails[slot], longer));
  g_assert_false (stage_deliver (&stage.mails[slot], shorter));
  g_assert_null (stage_take_from_mail (slot));
  stage_end ();
}

/* Stretch by stretch each account is named once, in order, to its owner alone; no answer is longer than a
 * message may be. */
static void
check_accounts (guint n_accounts, guint name_len)
{
  stage_begin (NULL);
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  for (guint i = 0; i < n_accounts; i++)
    {
      g_autofree char *user = g_strdup_printf ("%0*u@x.org", (int) name_len, i);
      stage_set_user (user, "pw", FALSE);
    }
  for (guint slot = 0; slot < STAGE_MAILS; slot++)
    {
      g_autofree char *after = g_strdup ("");
      gboolean is_last = FALSE;
      for (guint n_questions = 0; !is_last; n_questions++)
        {
          Answer answer;
          gsize n_bytes = 0;
          g_assert_cmpuint (n_questions, <=, n_accounts);
          ask (slot, TRUE, after, NULL, 0, &answer);
          g_assert_cmpuint (answer.users->len, <=, 100);
          for (guint i = 0; i < answer.users->len; i++)
            {
              const char *user = answer.users->pdata[i];
              n_bytes += strlen (user);
              g_assert_cmpuint (owner_of (user), ==, slot);
              g_assert_cmpint (strcmp (user, after), >, 0);
              g_assert_cmpint (strcmp (user, answer.last), <=, 0);
              g_assert_true (g_hash_table_add (seen, g_strdup (user)));
            }
          g_assert_cmpuint (n_bytes, <, 8000);
          g_assert_cmpint (strcmp (answer.last, after), >, 0);
          is_last = answer.is_last;
          g_free (after);
          after = g_steal_pointer (&answer.last);
          answer_clear (&answer);
        }
    }
  g_assert_cmpuint (g_hash_table_size (seen), ==, n_accounts + 2); /* alice and bob */
  stage_end ();
}

static void
test_accounts (void)
{
  check_accounts (0, 3);
  check_accounts (250, 3);
  check_accounts (100, 60);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_log_set_always_fatal (G_LOG_LEVEL_CRITICAL);
  g_test_add_func ("/auth/owned/these", test_these);
  g_test_add_func ("/auth/owned/one", test_one);
  g_test_add_func ("/auth/owned/bounds", test_bounds);
  g_test_add_func ("/auth/owned/accounts", test_accounts);
  return g_test_run ();
}
