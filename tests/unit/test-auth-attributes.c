/* SPDX-License-Identifier: MIT
 * What userdbs say of a user for storage layers: it comes with the place, whole or not at all, and whoever
 * takes time for it stops nobody else.
 */
#include "config.h"

#include "core/daemon/auth/placement/placement.h"
#include "tests/lib/auth-stage.h"

#include <string.h>

static const char user[] = "alice@x.org";

/* What the user's owner is told, with ';' between attributes; NULL: nothing of the user.  Yours. */
static char *
told (const char *const *attributes)
{
  guint slot = satchel_placement_hash_slot (user, STAGE_MAILS);
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_OWNED, 0);
  stage_attributes = attributes;
  satchel_ipc_put_u64 (message, 1);
  satchel_ipc_put_u32 (message, 0);
  satchel_ipc_put_string (message, "");
  satchel_ipc_put_u32 (message, 1);
  satchel_ipc_put_string (message, user);
  g_assert_true (stage_deliver (&stage.mails[slot], message));
  g_autoptr (SatchelIpcMessage) reply = stage_take_from_mail (slot);
  satchel_ipc_get_u64 (reply);
  satchel_ipc_get_u32 (reply);
  satchel_ipc_get_string (reply);
  if (satchel_ipc_get_u32 (reply) == 0)
    return NULL;
  g_assert_cmpstr (satchel_ipc_get_string (reply), ==, user);
  g_autoptr (SatchelPlace) place = satchel_place_get (reply);
  char *text = g_strdup (place->attributes != NULL ? place->attributes : "");
  return g_strdelimit (text, (const char[]) { SATCHEL_PLACE_ATTRIBUTE_END, '\0' }, ';');
}

static void
expect (const char *const *attributes, const char *expected)
{
  g_autofree char *text = told (attributes);
  g_assert_cmpstr (text, ==, expected);
}

static void
test_told (void)
{
  static const char *const two[] = { "quota=5 GB", "colour=", NULL };
  stage_begin (NULL);
  expect (two, "quota=5 GB;colour=;");
  expect ((const char *const[]) { NULL }, "");
  expect (NULL, "");
  g_assert_cmpuint (stage_count_lines ("attributes of"), ==, 0);
  /* Whom it would say something of another time is not there now: a layer might need it. */
  stage_attributes_are_down = TRUE;
  expect (NULL, NULL);
  stage_attributes_are_down = FALSE;
  g_assert_cmpuint (stage_count_lines ("attributes of alice@x.org: ask later"), ==, 1);
  stage_end ();
}

static void
test_bounds (void)
{
  const char *all_of_them[SATCHEL_USER_ATTRIBUTES_MAX + 2] = { NULL };
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  stage_begin (NULL);
  for (guint i = 0; i < SATCHEL_USER_ATTRIBUTES_MAX; i++)
    {
      g_ptr_array_add (names, g_strdup_printf ("n%u=v", i));
      all_of_them[i] = names->pdata[i];
    }
  g_autofree char *all = told (all_of_them);
  g_assert_true (g_str_has_prefix (all, "n0=v;n1=v;") && g_str_has_suffix (all, "n15=v;"));
  all_of_them[SATCHEL_USER_ATTRIBUTES_MAX] = "more=v";
  expect (all_of_them, NULL);
  g_assert_cmpuint (stage_count_lines ("attributes of alice@x.org: more than 16 attributes"), ==, 1);
  stage_end ();

  /* Each has its name, "=", its value and an end: four times 203 bytes, and what is left of the bound. */
  g_autofree char *value = g_strnfill (200, 'v');
  g_autofree char *a = g_strconcat ("a=", value, NULL), *b = g_strconcat ("b=", value, NULL),
                  *c = g_strconcat ("c=", value, NULL), *d = g_strconcat ("d=", value, NULL),
                  *fits = g_strconcat ("e=", value, "123456789", NULL),
                  *longer = g_strconcat (fits, "0", NULL);
  const char *const good[] = { a, b, c, d, fits, NULL }, *const bad[] = { a, b, c, d, longer, NULL };
  stage_begin (NULL);
  g_autofree char *text = told (good);
  g_assert_nonnull (text);
  g_assert_cmpuint (strlen (text), ==, SATCHEL_USER_ATTRIBUTES_BYTES_MAX);
  expect (bad, NULL);
  g_assert_cmpuint (stage_count_lines ("attributes of more than 1024 bytes, at e"), ==, 1);
  stage_end ();
}

/* One that is none spoils the rest. */
static void
test_bad (void)
{
  static const char *const bad[] = { "good=1", "two words=v", "=v", "last=2", NULL };
  stage_begin (NULL);
  expect (bad, NULL);
  g_assert_cmpuint (stage_count_lines ("the name of an attribute must have"), ==, 1);
  stage_end ();
}

/* What a keyring says comes first, so that no userdb can say something else under its name. */
static void
test_keyring (void)
{
  static const char *const two[] = { "quota=5 GB", "ring.public=forged", NULL };
  stage_begin (NULL);
  stage_ring_says = "ring.public=abc";
  expect (two, "ring.public=abc;quota=5 GB;ring.public=forged;");
  expect (NULL, "ring.public=abc;");
  stage_ring_says = "ring public=abc";
  expect (two, NULL);
  g_assert_cmpuint (stage_count_lines ("the name of an attribute must have"), ==, 1);
  stage_ring_says = "";
  expect (two, NULL);
  g_assert_cmpuint (stage_count_lines ("attributes of alice@x.org: the ring is away"), ==, 1);
  stage_ring_says = NULL;
  expect (two, "quota=5 GB;ring.public=forged;");
  stage_end ();
}

/* ---- a userdb that takes its time ---- */

/* The attributes that the mail process is told with the user's next GRANT, with ';' between them.  Yours. */
static char *
granted (void)
{
  guint slot = satchel_placement_hash_slot (user, STAGE_MAILS);
  SatchelIpcMessage *message;
  while ((message = stage_take_from_mail (slot)) != NULL && message->type != SATCHEL_IPC_GRANT)
    satchel_ipc_message_free (message);
  g_assert_nonnull (message);
  gsize len;
  satchel_ipc_get_bytes (message, &len);
  satchel_ipc_get_u32 (message);
  satchel_ipc_get_string (message);
  g_assert_cmpstr (satchel_ipc_get_string (message), ==, user);
  g_autoptr (SatchelPlace) place = satchel_place_get (message);
  char *text = g_strdup (place->attributes != NULL ? place->attributes : "");
  satchel_ipc_message_free (message);
  return g_strdelimit (text, (const char[]) { SATCHEL_PLACE_ATTRIBUTE_END, '\0' }, ';');
}

static void
expect_granted (const char *expected)
{
  g_autofree char *text = granted ();
  g_assert_cmpstr (text, ==, expected);
}

static void
ask_for (const char *address, guint64 request)
{
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_LOOKUP, 0);
  satchel_ipc_put_u64 (message, request);
  satchel_ipc_put_string (message, address);
  g_assert_true (stage_deliver (&stage.mails[0], message));
}

/* The status of the answer to @request, which is the next to mail process 0; -1: there is none. */
static int
answer_to (guint64 request)
{
  g_autoptr (SatchelIpcMessage) reply = stage_take_from_mail (0);
  if (reply == NULL)
    return -1;
  g_assert_cmpint (reply->type, ==, SATCHEL_IPC_LOOKUP_REPLY);
  g_assert_cmpuint (satchel_ipc_get_u64 (reply), ==, request);
  return (int) satchel_ipc_get_u32 (reply);
}

static int
wait_for_answer (guint64 request)
{
  int status;
  while ((status = answer_to (request)) < 0)
    g_main_context_iteration (NULL, TRUE);
  return status;
}

/* Nobody waits in the process itself: not for users, and not for what there is to know of them. */
static void
test_slow (void)
{
  static const char *const five[] = { "quota.storage=5G", NULL };
  stage_begin (NULL);
  stage_attributes = five;
  stage_userdb_is_silent = TRUE;
  g_assert_true (stage_password (0, 1, STAGE_PEER, "alice", "pw"));
  stage_settle ();
  g_assert_false (stage_has_reply (0));
  ask_for ("bob@x.org", 7);
  g_assert_cmpint (answer_to (7), ==, -1);
  /* Who is wrong hears it meanwhile: no userdb is asked of them. */
  g_assert_true (stage_password (1, 2, STAGE_PEER, "bob", "wrong"));
  g_assert_cmpint (stage_wait_status (1), ==, SATCHEL_AUTH_FAILED);

  g_assert_cmpuint (stage_userdb_speaks (), ==, 2);
  g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_OK);
  if (satchel_placement_hash_slot (user, STAGE_MAILS) != 0)
    g_assert_cmpint (wait_for_answer (7), ==, SATCHEL_DELIVERY_OK);
  expect_granted ("quota.storage=5G;");
  stage_end ();
}

/* Whoever waits hears in time that it is not known now; the late answer meets nobody. */
static void
test_silent (void)
{
  static const char *const overrides[] = { "auth.source_timeout=\"100ms\"", NULL };
  stage_begin (overrides);
  stage_userdb_is_silent = TRUE;
  g_assert_true (stage_password (0, 1, STAGE_PEER, "alice", "pw"));
  ask_for ("bob@x.org", 7);
  g_assert_cmpint (stage_wait_status (0), ==, SATCHEL_AUTH_UNAVAILABLE);
  g_assert_cmpint (wait_for_answer (7), ==, SATCHEL_DELIVERY_TEMPORARY);
  g_assert_cmpuint (stage_counts.n_cancelled, ==, 2);
  g_assert_cmpuint (stage_count_lines ("\"bob@x.org\" cannot be looked up"), ==, 1);
  g_assert_cmpuint (satchel_calls_n_pending (), ==, 2);
  g_assert_cmpuint (stage_userdb_speaks (), ==, 2);
  g_assert_cmpuint (satchel_calls_n_pending (), ==, 0);
  g_assert_false (stage_has_reply (0));
  g_assert_cmpint (answer_to (7), ==, -1);
  g_assert_cmpint (stage_log_in (2, "alice", "pw"), ==, SATCHEL_AUTH_OK);
  stage_end ();
}

/* The next process of the slot counts its questions from 1 again: it must not take another's users. */
static void
test_late_for_the_next (void)
{
  stage_begin (NULL);
  stage_userdb_is_silent = TRUE;
  ask_for ("alice@x.org", 1);
  stage.mails[0].serial++;
  ask_for ("bob@x.org", 2);
  g_assert_cmpuint (stage_userdb_speaks (), ==, 2);
  g_assert_cmpint (wait_for_answer (2), ==, SATCHEL_DELIVERY_OK);
  g_assert_cmpint (answer_to (1), ==, -1);
  stage_end ();
}

/* A database that has both kinds is asked once where nothing has happened meanwhile. */
static void
test_shared (void)
{
  static const char *const two[] = { "quota.storage=2G", NULL }, *const five[] = { "quota.storage=5G", NULL };
  stage_begin (NULL);
  stage_attributes = two;
  stage_attributes_of_passdb = five;
  g_assert_cmpint (stage_log_in (1, "alice", "pw"), ==, SATCHEL_AUTH_OK);
  expect_granted ("quota.storage=5G;");
  g_assert_cmpuint (stage_counts.n_attributes, ==, 0);
  g_assert_cmpuint (stage_counts.n_look_ups, ==, 2); /* a lock during the hash counts */
  g_assert_cmpint (stage_log_in (2, "alice", "pw"), ==, SATCHEL_AUTH_OK);
  expect_granted ("quota.storage=5G;"); /* a remembered login has them too */
  g_assert_cmpuint (stage_counts.n_attributes, ==, 0);
  stage_attributes_of_passdb = NULL;
  g_assert_cmpint (stage_log_in (3, "alice", "pw"), ==, SATCHEL_AUTH_OK);
  expect_granted ("quota.storage=2G;");
  stage_end ();
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_log_set_always_fatal (G_LOG_LEVEL_CRITICAL);
  g_test_add_func ("/auth/attributes/told", test_told);
  g_test_add_func ("/auth/attributes/bounds", test_bounds);
  g_test_add_func ("/auth/attributes/bad", test_bad);
  g_test_add_func ("/auth/attributes/keyring", test_keyring);
  g_test_add_func ("/auth/attributes/slow", test_slow);
  g_test_add_func ("/auth/attributes/silent", test_silent);
  g_test_add_func ("/auth/attributes/late-for-the-next", test_late_for_the_next);
  g_test_add_func ("/auth/attributes/shared", test_shared);
  return g_test_run ();
}
