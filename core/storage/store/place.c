/* SPDX-License-Identifier: MIT
 * Keeps where a user's mail is in memory, and sends it in messages (place.h).
 */
#include "config.h"

#include "core/storage/store/place.h"

#include "core/base/packed.h"

#include <string.h>

#define FLAG_NEW (1u << 0)
#define FLAG_MAY_STAY (1u << 1)
#define FLAG_ATTRIBUTES (1u << 2)

SatchelPlace *
satchel_place_new (const SatchelPlace *from)
{
  static const gsize texts[] = { offsetof (SatchelPlace, path), offsetof (SatchelPlace, profile),
                                 offsetof (SatchelPlace, volume), offsetof (SatchelPlace, attributes) };
  SatchelPlace place = *from;
  if (place.path == NULL)
    place.path = "";
  if (place.profile == NULL)
    place.profile = SATCHEL_DEFAULT_PROFILE;
  if (place.volume == NULL)
    place.volume = "";
  return satchel_packed_new (&place, sizeof place, texts, G_N_ELEMENTS (texts));
}

static guint
flags_of (const SatchelPlace *place)
{
  return (place->is_new ? FLAG_NEW : 0) | (place->may_stay ? FLAG_MAY_STAY : 0)
         | (place->attributes != NULL ? FLAG_ATTRIBUTES : 0);
}

static void
set_flags (SatchelPlace *place, guint flags, const char *attributes)
{
  place->is_new = (flags & FLAG_NEW) != 0;
  place->may_stay = (flags & FLAG_MAY_STAY) != 0;
  place->attributes = (flags & FLAG_ATTRIBUTES) != 0 ? attributes : NULL;
}

SatchelPlace *
satchel_place_ref (const SatchelPlace *place)
{
  return g_atomic_rc_box_acquire ((SatchelPlace *) place);
}

void
satchel_place_unref (SatchelPlace *place)
{
  g_atomic_rc_box_release (place);
}

void
satchel_place_put (SatchelIpcMessage *message, const SatchelPlace *place)
{
  satchel_ipc_put_string (message, place != NULL ? place->path : NULL);
  satchel_ipc_put_string (message, place != NULL ? place->profile : NULL);
  satchel_ipc_put_string (message, place != NULL ? place->volume : NULL);
  satchel_ipc_put_u64 (message, place != NULL ? place->epoch : 0);
  satchel_ipc_put_string (message, place != NULL ? place->attributes : NULL);
  satchel_ipc_put_u32 (message, place != NULL ? flags_of (place) : 0);
}

SatchelPlace *
satchel_place_get (SatchelIpcMessage *message)
{
  SatchelPlace place = { .path = satchel_ipc_get_string (message) };
  place.profile = satchel_ipc_get_string (message);
  place.volume = satchel_ipc_get_string (message);
  place.epoch = satchel_ipc_get_u64 (message);
  const char *attributes = satchel_ipc_get_string (message);
  set_flags (&place, satchel_ipc_get_u32 (message), attributes);
  return satchel_place_new (&place);
}

char *
satchel_place_to_text (const SatchelPlace *place)
{
  return g_strdup_printf ("%" G_GUINT64_FORMAT "\t%u\t%s\t%s\t%s\t%s", place->epoch, flags_of (place),
                          place->profile, place->volume, place->path,
                          place->attributes != NULL ? place->attributes : "");
}

SatchelPlace *
satchel_place_from_text (const char *text)
{
  g_auto (GStrv) fields = g_strsplit (text, "\t", 6);
  guint64 epoch, flags;
  if (g_strv_length (fields) != 6 || *fields[4] == '\0'
      || !g_ascii_string_to_unsigned (fields[0], 10, 0, G_MAXUINT64, &epoch, NULL)
      || !g_ascii_string_to_unsigned (fields[1], 10, 0, G_MAXUINT32, &flags, NULL))
    return NULL;
  SatchelPlace place = { .path = fields[4], .profile = fields[2], .volume = fields[3], .epoch = epoch };
  set_flags (&place, (guint) flags, fields[5]);
  return satchel_place_new (&place);
}

gsize
satchel_place_bytes (const SatchelPlace *place)
{
  gsize n_attributes = place->attributes != NULL ? strlen (place->attributes) : 0;
  return strlen (place->path) + strlen (place->profile) + strlen (place->volume) + n_attributes + 4 * 5 + 12;
}
