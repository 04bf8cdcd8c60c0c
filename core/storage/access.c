/* SPDX-License-Identifier: MIT
 * Who acts on a store (access.h).
 */
#include "config.h"

#include <satchel/access.h>
#include <string.h>

/* Strings to copy. */
static const gsize texts[] = {
  offsetof (SatchelAccess, user),    offsetof (SatchelAccess, owner),
  offsetof (SatchelAccess, service), offsetof (SatchelAccess, session_id),
  offsetof (SatchelAccess, peer),    offsetof (SatchelAccess, client_name),
};

static const char **
text_at (SatchelAccess *access, gsize offset)
{
  return (const char **) (gpointer) ((char *) access + offset);
}

SatchelAccess *
satchel_access_new (const SatchelAccess *from)
{
  SatchelAccess *access = g_atomic_rc_box_new0 (SatchelAccess);
  access->rights = SATCHEL_RIGHTS_ALL;
  memcpy (access, from, MIN (from->size, sizeof *access));
  access->size = sizeof *access;
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      const char **text = text_at (access, texts[i]);
      *text = g_strdup (*text != NULL ? *text : "");
    }
  if (access->key != NULL)
    g_bytes_ref (access->key);
  return access;
}

SatchelAccess *
satchel_access_ref (const SatchelAccess *access)
{
  return g_atomic_rc_box_acquire ((SatchelAccess *) access);
}

static void
access_clear (gpointer data)
{
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    g_free ((char *) *text_at (data, texts[i]));
  g_clear_pointer (&((SatchelAccess *) data)->key, g_bytes_unref);
}

void
satchel_access_unref (SatchelAccess *access)
{
  g_atomic_rc_box_release_full (access, access_clear);
}

const char *
satchel_cause_name (SatchelCause cause)
{
  switch (cause)
    {
    case SATCHEL_CAUSE_BACKGROUND:
      return "background";
    case SATCHEL_CAUSE_SESSION:
      return "session";
    case SATCHEL_CAUSE_DELIVERY:
      return "delivery";
    case SATCHEL_CAUSE_ADMIN:
      return "admin";
    case SATCHEL_CAUSE_OUTSIDE:
      return "outside";
    }
  return "unknown";
}
