/* SPDX-License-Identifier: MIT
 * This file copies what an MTA says of a message; see origin.h.
 */
#include "config.h"

#include "core/session/origin.h"

static const gsize members[] = {
  offsetof (SatchelOrigin, queue_id), offsetof (SatchelOrigin, address), offsetof (SatchelOrigin, name),
  offsetof (SatchelOrigin, port),     offsetof (SatchelOrigin, helo),    offsetof (SatchelOrigin, protocol),
  offsetof (SatchelOrigin, source),
};

static char **
place_of (SatchelOrigin *origin, guint member)
{
  return (char **) ((char *) origin + members[member]);
}

/* Returns a member of @origin. NULL means that @origin is too short for it, or says nothing. */
static const char *
text_of (const SatchelOrigin *origin, guint member)
{
  const char *text = origin->size >= members[member] + sizeof (char *)
                         ? *(const char *const *) ((const char *) origin + members[member])
                         : NULL;
  return text != NULL && *text != '\0' ? text : NULL;
}

static char *
clean_copy (const char *text)
{
  char *copy = g_strndup (text, SATCHEL_ORIGIN_BYTES);
  for (char *c = copy; *c != '\0'; c++)
    if (!g_ascii_isprint (*c))
      *c = '?';
  return copy;
}

SatchelOrigin *
satchel_origin_copy (const SatchelOrigin *origin)
{
  if (origin == NULL)
    return NULL;
  SatchelOrigin *copy = g_new0 (SatchelOrigin, 1);
  copy->size = sizeof *copy;
  for (guint i = 0; i < G_N_ELEMENTS (members); i++)
    if (text_of (origin, i) != NULL)
      *place_of (copy, i) = clean_copy (text_of (origin, i));
  return copy;
}

void
satchel_origin_free (SatchelOrigin *origin)
{
  if (origin == NULL)
    return;
  for (guint i = 0; i < G_N_ELEMENTS (members); i++)
    g_free (*place_of (origin, i));
  g_free (origin);
}

void
satchel_origin_put (SatchelIpcMessage *message, const SatchelOrigin *origin)
{
  satchel_ipc_put_u32 (message, origin != NULL);
  for (guint i = 0; origin != NULL && i < G_N_ELEMENTS (members); i++)
    satchel_ipc_put_string (message, text_of (origin, i));
}

SatchelOrigin *
satchel_origin_get (SatchelIpcMessage *message)
{
  SatchelOrigin got = { .size = sizeof got };
  if (satchel_ipc_get_u32 (message) == 0)
    return NULL;
  for (guint i = 0; i < G_N_ELEMENTS (members); i++)
    *place_of (&got, i) = (char *) satchel_ipc_get_string (message);
  return satchel_origin_copy (&got);
}
