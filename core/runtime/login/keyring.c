/* SPDX-License-Identifier: MIT
 * Changes of keyrings, for the modules that own credentials, and the end of a credential.
 */
#include "config.h"

#include "core/runtime/login/auth_call_private.h"

#include <satchel/reactor.h>

static GPtrArray *keyrings;
static void (*end_credential) (const char *user, const char *credential);

void
satchel_keyrings_set (GPtrArray *all)
{
  keyrings = all;
}

/* Makes one change of one ring. */
typedef gboolean (*ChangeFunc) (const SatchelKeyringOps *ops, const char *user,
                                const SatchelKeyMaterial *opener, const SatchelKeyMaterial *material,
                                GError **error);

static gboolean
rewrap (const SatchelKeyringOps *ops, const char *user, const SatchelKeyMaterial *opener,
        const SatchelKeyMaterial *material, GError **error)
{
  return !SATCHEL_HAS (ops, rewrap) || ops->rewrap (user, opener, material, error);
}

static gboolean
add_slot (const SatchelKeyringOps *ops, const char *user, const SatchelKeyMaterial *opener,
          const SatchelKeyMaterial *material, GError **error)
{
  return !SATCHEL_HAS (ops, add_slot) || ops->add_slot (user, opener, material, error);
}

static gboolean
drop_slot (const SatchelKeyringOps *ops, const char *user, const SatchelKeyMaterial *opener,
           const SatchelKeyMaterial *material, GError **error)
{
  return !SATCHEL_HAS (ops, drop_slot) || ops->drop_slot (user, material->slot, error);
}

static gboolean
renew (const SatchelKeyringOps *ops, const char *user, const SatchelKeyMaterial *opener,
       const SatchelKeyMaterial *material, GError **error)
{
  return !SATCHEL_HAS (ops, renew) || ops->renew (user, error);
}

/* Makes a change in every keyring.  A keyring that the user does not have needs no change. */
static gboolean
change_all (ChangeFunc change, const char *user, const SatchelKeyMaterial *opener,
            const SatchelKeyMaterial *material, GError **error)
{
  for (guint i = 0; keyrings != NULL && i < keyrings->len; i++)
    {
      g_autoptr (GError) why = NULL;
      if (change (keyrings->pdata[i], user, opener, material, &why)
          || g_error_matches (why, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT))
        continue;
      if (why == NULL)
        satchel_error_set (&why, SATCHEL_ERROR_FAILED, "a keyring failed and gave no reason");
      g_propagate_error (error, g_steal_pointer (&why));
      return FALSE;
    }
  return TRUE;
}

gboolean
satchel_keyring_rewrap (const char *user, const SatchelKeyMaterial *opener,
                        const SatchelKeyMaterial *material, GError **error)
{
  return change_all (rewrap, user, opener, material, error);
}

gboolean
satchel_keyring_add_slot (const char *user, const SatchelKeyMaterial *opener,
                          const SatchelKeyMaterial *material, GError **error)
{
  return change_all (add_slot, user, opener, material, error);
}

gboolean
satchel_keyring_drop_slot (const char *user, const char *slot, GError **error)
{
  return change_all (drop_slot, user, NULL, &(SatchelKeyMaterial) { .slot = slot }, error);
}

gboolean
satchel_keyring_renew (const char *user, GError **error)
{
  return change_all (renew, user, NULL, NULL, error);
}

void
satchel_auth_set_end_credential (void (*func) (const char *user, const char *credential))
{
  end_credential = func;
}

/* The sessions of this credential are to end. */
typedef struct Ended
{
  char *user, *credential;
} Ended;

static void
end_now (gpointer data)
{
  Ended *ended = data;
  if (end_credential != NULL)
    end_credential (ended->user, ended->credential);
  g_free (ended->user);
  g_free (ended->credential);
  g_free (ended);
}

void
satchel_auth_end_credential (const char *user, const char *credential)
{
  Ended *ended = g_new (Ended, 1);
  *ended = (Ended) { g_strdup (user), g_strdup (credential) };
  satchel_defer (end_now, ended);
}
