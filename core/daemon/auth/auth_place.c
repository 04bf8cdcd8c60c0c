/* SPDX-License-Identifier: MIT
 * A user's place as mail processes hear of it: where he is, and what the userdbs say of him.
 */
#include "config.h"

#include "core/daemon/auth/auth.h"

#include <string.h>

typedef struct Attributes
{
  GString *text; /* as SatchelPlace has it */
  guint n;
  GError *error; /* of the first that is none */
} Attributes;

static gboolean
check_bounds (const Attributes *attributes, const char *name, GError **error)
{
  if (attributes->n > SATCHEL_USER_ATTRIBUTES_MAX)
    return satchel_error_set (error, SATCHEL_ERROR_LIMIT, "more than %u attributes",
                              SATCHEL_USER_ATTRIBUTES_MAX);
  return attributes->text->len <= SATCHEL_USER_ATTRIBUTES_BYTES_MAX
         || satchel_error_set (error, SATCHEL_ERROR_LIMIT, "attributes of more than %u bytes, at %s",
                               SATCHEL_USER_ATTRIBUTES_BYTES_MAX, name);
}

static void
add_attribute (const char *name, const char *value, gpointer data)
{
  Attributes *attributes = data;
  if (attributes->error != NULL || !satchel_user_attribute_check (name, value, &attributes->error))
    return;
  g_string_append_printf (attributes->text, "%s=%s%c", name, value, SATCHEL_PLACE_ATTRIBUTE_END);
  attributes->n++;
  check_bounds (attributes, name, &attributes->error);
}

/* The first userdb that knows @user decides. */
static gboolean
find_attributes (SatchelAuth *auth, const char *user, Attributes *attributes, GError **error)
{
  for (guint i = 0; i < auth->userdbs->len; i++)
    {
      const SatchelUserdbOps *userdb = auth->userdbs->pdata[i];
      if (!SATCHEL_HAS (userdb, attributes))
        continue;
      g_autoptr (GError) why = NULL;
      switch (userdb->attributes (user, add_attribute, attributes, &why))
        {
        case SATCHEL_USERDB_UNKNOWN:
          break;
        case SATCHEL_USERDB_FOUND:
          return TRUE;
        case SATCHEL_USERDB_TEMPORARY:
          return satchel_error_set (error, SATCHEL_ERROR_UNAVAILABLE, "%s",
                                    why != NULL ? why->message : "no reason given");
        }
    }
  return TRUE;
}

SatchelPlace *
satchel_auth_place (SatchelAuth *auth, const char *user, const SatchelPlacement *placement, GError **error)
{
  g_autoptr (GString) text = g_string_new (NULL);
  Attributes attributes = { .text = text };
  gboolean ok = find_attributes (auth, user, &attributes, error);
  if (ok && attributes.error != NULL)
    g_propagate_error (error, g_steal_pointer (&attributes.error));
  else if (ok)
    return satchel_placements_place (auth->placements, user, placement, text->str);
  g_clear_error (&attributes.error);
  g_prefix_error (error, "attributes of %s: ", user);
  return NULL;
}
