/* SPDX-License-Identifier: MIT
 * The keyring.  What a login brings is tried in a thread, since a password is stretched; a ring that waits
 * for its first login gets a slot there.
 */
#include "keyring.h"
#include "copy.h"
#include "escrow.h"
#include "recovery.h"
#include "told.h"

#include <satchel/job.h>
#include <satchel/log.h>
#include <sodium.h>
#include <string.h>

static CryptOpener
opener_of (const SatchelKeyMaterial *material)
{
  static const CryptOpenerKind kinds[] = { [SATCHEL_KEY_SECRET] = CRYPT_BY_PASSWORD,
                                           [SATCHEL_KEY_CLIENT] = CRYPT_BY_CLIENT,
                                           [SATCHEL_KEY_APP] = CRYPT_BY_APP };
  return (CryptOpener) { .kind = kinds[material->source],
                         .name = material->slot,
                         .variant = material->variant,
                         .data = material->data,
                         .len = material->len };
}

/* ---- changes ---- */

/* Opens @ring with @opener, or as one that waits for a login, which needs nothing.  A password whose change
 * did not come to its end still opens. */
static GBytes *
open_ring (const CryptRing *ring, const CryptOpener *opener, GError **error)
{
  CryptOpener former = crypt_login_former (opener);
  GBytes *secret = crypt_ring_unlock_first (ring, NULL);
  if (secret == NULL && opener->kind == CRYPT_BY_PASSWORD)
    secret = crypt_ring_unlock (ring, &former, NULL);
  return secret != NULL ? secret : crypt_ring_unlock (ring, opener, error);
}

/* Changes @ring, which @secret opens. */
typedef gboolean (*ChangeFunc) (CryptRing *ring, GBytes *secret, const CryptOpener *opener, GError **error);

static gboolean
change_ring (const char *user, const SatchelKeyMaterial *opener, const SatchelKeyMaterial *material,
             ChangeFunc change, GError **error)
{
  CryptOpener by = opener_of (opener), wanted = opener_of (material);
  crypt_rings_lock ();
  g_autoptr (CryptRing) ring = crypt_rings_load (user, error);
  g_autoptr (GBytes) secret = ring != NULL ? open_ring (ring, &by, error) : NULL;
  gboolean ok = secret != NULL && change (ring, secret, &wanted, error) && crypt_rings_store (ring, error);
  crypt_rings_unlock ();
  return ok;
}

static gboolean
add_slot (const char *user, const SatchelKeyMaterial *opener, const SatchelKeyMaterial *material,
          GError **error)
{
  return change_ring (user, opener, material, crypt_login_put, error);
}

/* Whoever stores the new password does that afterwards, and may be killed before: until a login shows which
 * password counts, both open the ring. */
static gboolean
keep_former (CryptRing *ring, GBytes *secret, const CryptOpener *opener, GError **error)
{
  CryptOpener former = crypt_login_former (opener);
  return opener->kind != CRYPT_BY_PASSWORD || opener->len == 0
         || crypt_login_put (ring, secret, &former, error);
}

static gboolean
rewrap (const char *user, const SatchelKeyMaterial *opener, const SatchelKeyMaterial *material,
        GError **error)
{
  CryptOpener by = opener_of (opener), wanted = opener_of (material);
  crypt_rings_lock ();
  g_autoptr (CryptRing) ring = crypt_rings_load (user, error);
  g_autoptr (GBytes) secret = ring != NULL ? open_ring (ring, &by, error) : NULL;
  gboolean ok = secret != NULL && keep_former (ring, secret, &by, error)
                && crypt_login_put (ring, secret, &wanted, error) && crypt_rings_store (ring, error);
  crypt_rings_unlock ();
  return ok;
}

static gboolean
drop_slot (const char *user, const char *name, GError **error)
{
  g_autoptr (GError) why = NULL;
  crypt_rings_lock ();
  g_autoptr (CryptRing) ring = crypt_rings_load (user, error);
  gboolean is_dropped = ring != NULL && crypt_ring_drop (ring, name, &why);
  gboolean ok = is_dropped && crypt_rings_store (ring, error);
  crypt_rings_unlock ();
  if (is_dropped || ring == NULL)
    return ok;
  if (g_error_matches (why, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT))
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&why));
  return FALSE;
}

/* What is sealed so far stays with the slots that open it; the new key has none, and waits for the password
 * that counts by then. */
static gboolean
renew (const char *user, GError **error)
{
  g_autoptr (GBytes) secret = crypt_key_generate ();
  g_autoptr (CryptKeys) keys = crypt_keys_new (secret);
  if (keys == NULL)
    return satchel_error_set (error, SATCHEL_ERROR_RESOURCES, "there is no memory for a key");
  crypt_rings_lock ();
  g_autoptr (CryptRing) ring = crypt_rings_load (user, error);
  gboolean ok = ring != NULL && crypt_ring_renew (ring, &crypt_keys_first (keys)->half, error)
                && crypt_escrow_settle (ring, secret, error) && crypt_ring_set_open (ring, secret, error)
                && crypt_rings_store (ring, error);
  crypt_rings_unlock ();
  if (ok)
    satchel_log (SATCHEL_LOG_WARNING, CRYPT_AREA,
                 "user=\"%s\" has another key: the mail so far is locked until `satchel crypt recover`",
                 user);
  return ok;
}

/* Adds the slots of a new ring: for a recovery key, and for the password, or the login that brings one. */
static gboolean
fill_new (CryptRing *ring, GBytes *secret, const char *password, char ret_shown[CRYPT_RECOVERY_SHOWN + 1],
          GError **error)
{
  if (!crypt_recovery_put (ring, secret, ret_shown, error))
    return FALSE;
  const CryptOpener opener = { .kind = CRYPT_BY_PASSWORD,
                               .name = SATCHEL_CREDENTIAL_PASSWORD,
                               .variant = "",
                               .data = (const guint8 *) password,
                               .len = password != NULL ? strlen (password) : 0 };
  return password != NULL ? crypt_login_put (ring, secret, &opener, error)
                          : crypt_ring_set_open (ring, secret, error);
}

static gboolean
make_new (const char *user, const char *password, char **ret_text, GError **error)
{
  char shown[CRYPT_RECOVERY_SHOWN + 1] = "";
  g_autoptr (GBytes) secret = NULL;
  g_autoptr (CryptRing) ring = crypt_ring_make (user, &secret, error);
  gboolean ok =
      ring != NULL && fill_new (ring, secret, password, shown, error) && crypt_rings_store (ring, error);
  if (ok && ret_text != NULL)
    *ret_text = g_strdup_printf ("The recovery key of the mail is shown this once: %s", shown);
  explicit_bzero (shown, sizeof shown);
  return ok;
}

/* A ring that is there is that of an earlier user of the name, whose mail must not open for this one; nor
 * does that user's mark count. */
static gboolean
added (const char *user, const char *password, char **ret_text, GError **error)
{
  g_autoptr (GError) why = NULL;
  g_autoptr (CryptRing) there = crypt_rings_load (user, &why);
  if (there != NULL)
    return renew (user, error);
  if (!g_error_matches (why, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT))
    {
      g_propagate_error (error, g_steal_pointer (&why));
      return FALSE;
    }
  crypt_rings_lock ();
  gboolean ok =
      crypt_rings_set_clear (user, FALSE, error)
      && (crypt_site_policy (user) == CRYPT_POLICY_OFF || make_new (user, password, ret_text, error));
  crypt_rings_unlock ();
  return ok;
}

/* ---- logins ---- */

static gboolean
is_test (const SatchelAuthCall *call)
{
  const SatchelLogin *login = satchel_auth_call_login (call);
  return login != NULL && login->is_test;
}

/* Says whether the login makes the ring of a user who has none. */
static gboolean
makes_ring (const SatchelAuthCall *call)
{
  return satchel_auth_call_material (call)->source == SATCHEL_KEY_SECRET && !is_test (call)
         && crypt_site_policy (satchel_auth_call_user (call)) == CRYPT_POLICY_EVERYONE
         && !crypt_rings_has_copy (satchel_auth_call_user (call))
         && !crypt_rings_is_clear (satchel_auth_call_user (call));
}

/* Lets the copy beside the mail be the ring as it is now. */
static void
tell_copy (SatchelAuthCall *call, const char *user)
{
  g_autoptr (CryptRing) ring = crypt_rings_load (user, NULL);
  g_autoptr (GBytes) copy = ring != NULL ? crypt_copy_news (ring) : NULL;
  if (copy != NULL)
    satchel_auth_call_copy (call, copy);
}

/* Works in a thread, with the ring as it is by then. */
static void
work (SatchelAuthCall *call)
{
  g_autoptr (GError) error = NULL;
  const char *notice = NULL;
  const CryptLogin login = { .user = satchel_auth_call_user (call),
                             .opener = opener_of (satchel_auth_call_material (call)),
                             .credential = satchel_auth_call_credential (call),
                             .is_test = is_test (call) };
  const gboolean is_taken = crypt_copy_take (&login);
  g_autoptr (CryptRing) ring = crypt_rings_load (login.user, &error);
  const gboolean has_none = g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT);
  const gboolean begins = has_none && makes_ring (call);
  if (has_none)
    g_clear_error (&error);
  if (is_taken || begins)
    satchel_auth_call_changed (call);
  g_autoptr (GBytes) keys = begins         ? crypt_login_begin (&login, &notice, &error)
                            : ring != NULL ? crypt_login_open (&login, ring, &notice, &error)
                                           : NULL;
  if (notice != NULL)
    satchel_auth_call_notice (call, notice);
  if (keys != NULL)
    tell_copy (call, login.user);
  if (error != NULL)
    satchel_auth_call_fail (call, error);
  else
    satchel_auth_call_unlocked (call, keys);
}

/* A login by token or certificate: no thread is needed, as nothing is stretched. */
static void
unlock_proved (SatchelAuthCall *call)
{
  g_autoptr (GError) error = NULL;
  const char *notice = NULL, *user = satchel_auth_call_user (call);
  gboolean is_withheld = FALSE;
  g_autoptr (CryptRing) ring = crypt_rings_load (user, &error);
  if (g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT))
    satchel_auth_call_unlocked (call, NULL);
  else if (ring == NULL)
    satchel_auth_call_fail (call, error);
  else
    {
      g_autoptr (GBytes) keys = crypt_login_open_proved (user, ring, &is_withheld, &notice);
      if (is_withheld)
        satchel_auth_call_withheld (call, notice);
      else
        satchel_auth_call_unlocked (call, keys);
    }
}

static void
cancelled (SatchelAuthCall *call)
{
}

static void
unlock (SatchelAuthCall *call)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (CryptRing) ring = crypt_rings_load (satchel_auth_call_user (call), &error);
  const gboolean has_none = g_error_matches (error, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT);
  if (has_none && (makes_ring (call) || crypt_rings_has_copy (satchel_auth_call_user (call))))
    satchel_auth_call_work (call, crypt_site ()->cost.memory_bytes, work);
  else if (has_none)
    satchel_auth_call_unlocked (call, NULL);
  else if (ring == NULL)
    satchel_auth_call_fail (call, error);
  else
    {
      CryptOpener opener = opener_of (satchel_auth_call_material (call));
      satchel_auth_call_work (call, crypt_login_cost (ring, &opener), work);
    }
}

/* ---- what the layer says ---- */

/* What the layer said, for the job that acts on it. */
typedef struct Told
{
  char *user;
  guint64 serial;
} Told;

/* Drops the former keys of a user whose mail is all sealed with the present one. */
static void
forget_former (CryptRing *ring)
{
  g_autoptr (GError) error = NULL;
  crypt_ring_forget_linked (ring);
  ring->is_rekeying = FALSE;
  if (crypt_rings_store (ring, &error))
    satchel_log (SATCHEL_LOG_INFO, CRYPT_AREA,
                 "user=\"%s\" all mail is sealed with the new key: the former one is forgotten", ring->user);
  else
    satchel_log (SATCHEL_LOG_ERROR, CRYPT_AREA, "user=\"%s\" %s", ring->user, error->message);
}

/* Removes the ring of a user whose mail is all open, unless it was decided otherwise since. */
static void
end_work (gpointer data)
{
  const Told *heard = data;
  g_autoptr (GError) error = NULL;
  crypt_rings_lock ();
  g_autoptr (CryptRing) ring = crypt_rings_load (heard->user, NULL);
  const gboolean is_over = ring != NULL && ring->is_opening && ring->serial == heard->serial;
  const gboolean ok = is_over && crypt_rings_remove (ring, &error);
  if (ring != NULL && ring->is_rekeying && ring->serial == heard->serial)
    forget_former (ring);
  crypt_rings_unlock ();
  if (ok)
    satchel_log (SATCHEL_LOG_INFO, CRYPT_AREA, "user=\"%s\" all mail is open: the ring is removed",
                 heard->user);
  else if (is_over)
    satchel_log (SATCHEL_LOG_ERROR, CRYPT_AREA, "user=\"%s\" %s", heard->user, error->message);
}

static void
told_free (gpointer data)
{
  Told *heard = data;
  g_free (heard->user);
  g_free (heard);
}

static void
told (const char *user, const char *module, const char *text)
{
  guint64 serial;
  if (strcmp (module, "crypt") != 0 || !g_str_has_prefix (text, "done ")
      || !g_ascii_string_to_unsigned (text + strlen ("done "), 10, 1, G_MAXINT64, &serial, NULL))
    return;
  Told *heard = g_new (Told, 1);
  *heard = (Told) { g_strdup (user), serial };
  satchel_job_submit (NULL, "crypt ring", end_work, told_free, heard);
}

const SatchelKeyringOps crypt_keyring = {
  .size = sizeof crypt_keyring,
  .band = 500,
  .unlock = unlock,
  .cancelled = cancelled,
  .rewrap = rewrap,
  .add_slot = add_slot,
  .drop_slot = drop_slot,
  .renew = renew,
  .unlock_proved = unlock_proved,
  .added = added,
  .attributes = crypt_told_attributes,
  .told = told,
};
