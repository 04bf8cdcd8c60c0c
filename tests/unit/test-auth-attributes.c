/* SPDX-License-Identifier: MIT
 * What userdbs say of a user for storage layers: it comes with the place, whole or not at all.
 */
#include "config.h"

#include "core/daemon/auth/placement.h"
#include "tests/lib/auth-stage.h"

#include <string.h>

static const char user[] = "alice@x.org";

/* What the user's owner is told, with ';' between attributes; NULL: nothing of the user.  Yours. */
static char *
told (SatchelUserdbStatus status, const char *const *attributes)
{
  guint slot = satchel_placement_hash_slot (user, STAGE_MAILS);
  SatchelIpcMessage *message = satchel_ipc_message_new (SATCHEL_IPC_OWNED, 0);
  stage_attributes_status = status;
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
expect (SatchelUserdbStatus status, const char *const *attributes, const char *expected)
{
  g_autofree char *text = told (status, attributes);
  g_assert_cmpstr (text, ==, expected);
}

static void
test_told (void)
{
  static const char *const two[] = { "quota", "5 GB", "colour", "", NULL };
  stage_begin (NULL);
  expect (SATCHEL_USERDB_FOUND, two, "quota=5 GB;colour=;");
  expect (SATCHEL_USERDB_FOUND, NULL, "");
  expect (SATCHEL_USERDB_UNKNOWN, NULL, "");
  g_assert_cmpuint (stage_count_lines ("attributes of"), ==, 0);
  /* Whom it would say something of another time is not there now: a layer might need it. */
  expect (SATCHEL_USERDB_TEMPORARY, NULL, NULL);
  g_assert_cmpuint (stage_count_lines ("attributes of alice@x.org: ask later"), ==, 1);
  stage_end ();
}

static void
test_bounds (void)
{
  const char *pairs[2 * (SATCHEL_USER_ATTRIBUTES_MAX + 1) + 1] = { NULL };
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  stage_begin (NULL);
  for (guint i = 0; i < SATCHEL_USER_ATTRIBUTES_MAX; i++)
    {
      g_ptr_array_add (names, g_strdup_printf ("n%u", i));
      pairs[2 * i] = names->pdata[i];
      pairs[2 * i + 1] = "v";
    }
  g_autofree char *all = told (SATCHEL_USERDB_FOUND, pairs);
  g_assert_true (g_str_has_prefix (all, "n0=v;n1=v;") && g_str_has_suffix (all, "n15=v;"));
  pairs[2 * SATCHEL_USER_ATTRIBUTES_MAX] = "more";
  pairs[2 * SATCHEL_USER_ATTRIBUTES_MAX + 1] = "v";
  expect (SATCHEL_USERDB_FOUND, pairs, NULL);
  g_assert_cmpuint (stage_count_lines ("attributes of alice@x.org: more than 16 attributes"), ==, 1);
  stage_end ();

  /* Each has its name, "=", its value and an end: four times 203 bytes, and what is left of the bound. */
  g_autofree char *value = g_strnfill (200, 'v'), *fits = g_strnfill (209, 'v'),
                  *longer = g_strnfill (210, 'v');
  const char *const good[] = { "a", value, "b", value, "c", value, "d", value, "e", fits, NULL },
                    *const bad[] = { "a", value, "b", value, "c", value, "d", value, "e", longer, NULL };
  stage_begin (NULL);
  g_autofree char *text = told (SATCHEL_USERDB_FOUND, good);
  g_assert_nonnull (text);
  g_assert_cmpuint (strlen (text), ==, SATCHEL_USER_ATTRIBUTES_BYTES_MAX);
  expect (SATCHEL_USERDB_FOUND, bad, NULL);
  g_assert_cmpuint (stage_count_lines ("attributes of more than 1024 bytes, at e"), ==, 1);
  stage_end ();
}

/* One that is none spoils the rest. */
static void
test_bad (void)
{
  static const char *const bad[] = { "good", "1", "two words", "v", "", "v", "last", "2", NULL };
  stage_begin (NULL);
  expect (SATCHEL_USERDB_FOUND, bad, NULL);
  g_assert_cmpuint (stage_count_lines ("the name of an attribute must have"), ==, 1);
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
  return g_test_run ();
}
