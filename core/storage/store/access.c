/* SPDX-License-Identifier: MIT
 * Makes accesses, which say who acts on a store (access.h).
 */
#include "config.h"

#include "core/base/packed.h"

#include <satchel/access.h>
#include <string.h>

/* These strings of an access are copied. */
static const gsize texts[] = {
  offsetof (SatchelAccess, user),       offsetof (SatchelAccess, owner),
  offsetof (SatchelAccess, service),    offsetof (SatchelAccess, session_id),
  offsetof (SatchelAccess, peer),       offsetof (SatchelAccess, client_name),
  offsetof (SatchelAccess, credential), offsetof (SatchelAccess, scopes),
};

SatchelAccess *
satchel_access_new (const SatchelAccess *from)
{
  SatchelAccess whole = { .rights = SATCHEL_RIGHTS_ALL };
  memcpy (&whole, from, MIN (from->size, sizeof whole));
  whole.size = sizeof whole;
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      const char **text = (const char **) (gpointer) ((char *) &whole + texts[i]);
      if (*text == NULL)
        *text = "";
    }
  if (whole.key != NULL)
    g_bytes_ref (whole.key);
  if (whole.ring_copy != NULL)
    g_bytes_ref (whole.ring_copy);
  return satchel_packed_new (&whole, sizeof whole, texts, G_N_ELEMENTS (texts));
}

SatchelAccess *
satchel_access_ref (const SatchelAccess *access)
{
  return g_atomic_rc_box_acquire ((SatchelAccess *) access);
}

static void
access_clear (gpointer data)
{
  g_clear_pointer (&((SatchelAccess *) data)->key, g_bytes_unref);
  g_clear_pointer (&((SatchelAccess *) data)->ring_copy, g_bytes_unref);
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
