/* SPDX-License-Identifier: MIT
 * Asks the userdbs what they say of a user, and adds what keyrings say.
 */
#include "config.h"

#include "core/daemon/auth/auth.h"

#include <satchel/keyring.h>
#include <string.h>

typedef struct Asking
{
  SatchelAuth *auth;
  char *user;
  SatchelLogin *login; /* or NULL */
  gint64 deadline_ms;
  guint index;                  /* index of the userdb that is being asked */
  const SatchelUserdbOps *told; /* the userdb that has answered already, or NULL */
  char **texts;                 /* what that userdb said of the user */
  SatchelAttributesFunc func;
  gpointer data;
} Asking;

static void
asking_end (Asking *asking, const char *attributes, const GError *error)
{
  asking->func (attributes, error, asking->data);
  satchel_login_unref (asking->login);
  g_strfreev (asking->texts);
  g_free (asking->user);
  g_free (asking);
}

static gboolean
add_attribute (const char *text, GString *attributes, GError **error)
{
  const char *equals = strchr (text, '=');
  g_autofree char *name = g_strndup (text, equals != NULL ? (gsize) (equals - text) : strlen (text));
  if (!satchel_user_attribute_check (name, equals != NULL ? equals + 1 : "", error))
    return FALSE;
  g_string_append_printf (attributes, "%s=%s%c", name, equals != NULL ? equals + 1 : "",
                          SATCHEL_PLACE_ATTRIBUTE_END);
  return attributes->len <= SATCHEL_USER_ATTRIBUTES_BYTES_MAX
         || satchel_error_set (error, SATCHEL_ERROR_LIMIT, "attributes of more than %u bytes, at %s",
                               SATCHEL_USER_ATTRIBUTES_BYTES_MAX, name);
}

/* Adds what keyrings say of the user to @attributes. */
static gboolean
ask_keyrings (Asking *asking, GPtrArray *attributes, GError **error)
{
  const GPtrArray *keyrings = asking->auth->keyrings;
  for (guint i = 0; i < keyrings->len; i++)
    {
      const SatchelKeyringOps *keyring = keyrings->pdata[i];
      if (!SATCHEL_HAS (keyring, attributes) || keyring->attributes (asking->user, attributes, error))
        continue;
      if (error != NULL && *error == NULL)
        satchel_error_set (error, SATCHEL_ERROR_FAILED, "a keyring failed and gave no reason");
      return FALSE;
    }
  return TRUE;
}

/* Answers with all attributes or none, since a layer might act on what is missing.  The first of a name
 * counts, so those of keyrings come first. */
static void
tell_found (Asking *asking, char *const *texts)
{
  g_autoptr (GPtrArray) all = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GString) attributes = g_string_new (NULL);
  g_autoptr (GError) error = NULL;
  (void) ask_keyrings (asking, all, &error);
  for (guint i = 0; texts != NULL && texts[i] != NULL; i++)
    g_ptr_array_add (all, g_strdup (texts[i]));
  if (error == NULL && all->len > SATCHEL_USER_ATTRIBUTES_MAX)
    satchel_error_set (&error, SATCHEL_ERROR_LIMIT, "more than %u attributes", SATCHEL_USER_ATTRIBUTES_MAX);
  for (guint i = 0; error == NULL && i < all->len; i++)
    add_attribute (all->pdata[i], attributes, &error);
  g_prefix_error (&error, "attributes of %s: ", asking->user);
  asking_end (asking, error == NULL ? attributes->str : NULL, error);
}

static void ask_next (Asking *asking);

static void
answered (SatchelCallAnswer *answer, gpointer data)
{
  Asking *asking = data;
  if (answer->error != NULL)
    {
      g_prefix_error (&answer->error, "attributes of %s: ", asking->user);
      asking_end (asking, NULL, answer->error);
    }
  else if (answer->texts != NULL)
    tell_found (asking, answer->texts);
  else
    {
      asking->index++;
      ask_next (asking);
    }
}

/* Asks the next userdb; the first that knows the user decides. Recursion is as deep as there are userdbs. */
static void
ask_next (Asking *asking)
{
  GPtrArray *userdbs = asking->auth->userdbs;
  for (; asking->index < userdbs->len; asking->index++)
    {
      const SatchelUserdbOps *userdb = userdbs->pdata[asking->index];
      if (userdb == asking->told)
        {
          tell_found (asking, asking->texts);
          return;
        }
      if (!SATCHEL_HAS (userdb, attributes))
        continue;
      const SatchelQuestion question = { .kind = SATCHEL_CALL_ATTRIBUTES,
                                         .source = userdb,
                                         .ask = userdb->attributes,
                                         .cancelled =
                                             SATCHEL_HAS (userdb, cancelled) ? userdb->cancelled : NULL,
                                         .login = asking->login,
                                         .user = asking->user,
                                         .deadline_ms = asking->deadline_ms };
      satchel_call_ask (&question, answered, asking);
      return;
    }
  tell_found (asking, NULL);
}

void
satchel_auth_ask_attributes (SatchelAuth *auth, const SatchelAttributesQuestion *question,
                             SatchelAttributesFunc func, gpointer data)
{
  const SatchelPassdbOps *passdb = question->passdb;
  const SatchelCredential *credential = question->credential;
  Asking *asking = g_new0 (Asking, 1);
  *asking = (Asking) { .auth = auth,
                       .user = g_strdup (question->user),
                       .login = question->login != NULL ? satchel_login_ref (question->login) : NULL,
                       .deadline_ms = question->deadline_ms,
                       .func = func,
                       .data = data };
  /* What the passdb has told of its own userdb need not be asked again. */
  if (passdb != NULL && credential != NULL && SATCHEL_HAS (passdb, userdb)
      && SATCHEL_HAS (credential, attributes))
    {
      asking->told = passdb->userdb;
      asking->texts = g_strdupv (credential->attributes);
    }
  ask_next (asking);
}
