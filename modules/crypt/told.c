/* SPDX-License-Identifier: MIT
 * What the layer is told of rings.  It is asked for at each login and for each recipient, so what a file said
 * is kept with its stamp, and counts as long as the file has that.
 */
#include "told.h"
#include "recovery_slot.h"
#include "rings.h"
#include "state.h"

#include <errno.h>
#include <satchel/hash.h>

#define KEPT_MAX 65536u

/* What a file said. */
typedef struct Told
{
  CryptRingStamp stamp;
  char *texts[2]; /* "NAME=VALUE"; the second may be NULL */
} Told;

static GHashTable *kept; /* user -> Told */

static void
told_free (gpointer data)
{
  Told *told = data;
  g_free (told->texts[0]);
  g_free (told->texts[1]);
  g_free (told);
}

static Told *
told_new (const CryptRing *ring, const CryptRingStamp *stamp)
{
  Told *told = g_new0 (Told, 1);
  g_autofree char *state =
                      crypt_state_of_ring (&ring->half, ring->serial, ring->is_opening, ring->is_rekeying),
                  *recovery = crypt_recovery_slot_text (ring);
  told->stamp = *stamp;
  told->texts[0] = g_strconcat (CRYPT_ATTRIBUTE "=", state, NULL);
  if (recovery != NULL)
    told->texts[1] = g_strconcat (CRYPT_RECOVERY_ATTRIBUTE "=", recovery, NULL);
  return told;
}

static void
tell (const Told *told, GPtrArray *attributes)
{
  for (guint i = 0; i < G_N_ELEMENTS (told->texts); i++)
    if (told->texts[i] != NULL)
      g_ptr_array_add (attributes, g_strdup (told->texts[i]));
}

/* Keeps @told, unless the file could change and have the same stamp. */
static void
keep (const char *user, Told *told)
{
  if (!crypt_ring_stamp_is_settled (&told->stamp))
    {
      told_free (told);
      return;
    }
  if (kept == NULL || g_hash_table_size (kept) >= KEPT_MAX)
    {
      crypt_told_forget ();
      kept = g_hash_table_new_full (satchel_string_hash, g_str_equal, g_free, told_free);
    }
  g_hash_table_replace (kept, g_strdup (user), told);
}

gboolean
crypt_told_attributes (const char *user, GPtrArray *attributes, GError **error)
{
  CryptRingStamp stamp;
  const int errnum = crypt_rings_stamp (user, &stamp);
  if (errnum == ENOENT)
    return TRUE;
  const Told *told = errnum == 0 && kept != NULL ? g_hash_table_lookup (kept, user) : NULL;
  if (told != NULL && crypt_ring_stamp_is_same (&told->stamp, &stamp))
    {
      tell (told, attributes);
      return TRUE;
    }
  g_autoptr (GError) why = NULL;
  g_autoptr (CryptRing) ring = crypt_rings_load_stamped (user, &stamp, &why);
  if (ring != NULL)
    {
      Told *fresh = told_new (ring, &stamp);
      tell (fresh, attributes);
      keep (user, fresh);
    }
  if (ring != NULL || g_error_matches (why, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT))
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&why));
  return FALSE;
}

void
crypt_told_forget (void)
{
  g_clear_pointer (&kept, g_hash_table_unref);
}
