/* SPDX-License-Identifier: MIT
 * Makes ids of connections: the slot of the gate, then a counter that begins at a random number.
 */
#include "config.h"

#include "core/base/session_id.h"
#include <sys/random.h>

#define COUNTER_MASK ((G_GUINT64_CONSTANT (1) << 56) - 1)

guint64
satchel_session_id_new (guint slot)
{
  static guint64 counter;
  if (counter == 0 && getrandom (&counter, sizeof counter, 0) != (gssize) sizeof counter)
    counter = (guint64) g_get_real_time ();
  counter = (counter + 1) & COUNTER_MASK;
  if (counter == 0)
    counter = 1;
  return ((guint64) slot << 56) | counter;
}

void
satchel_session_id_text (guint64 id, char ret_text[SATCHEL_SESSION_ID_CHARS + 1])
{
  /* Without i, l, o, u, which are mistaken when an id is read aloud. */
  static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";
  for (int i = SATCHEL_SESSION_ID_CHARS - 1; i >= 0; i--, id >>= 5)
    ret_text[i] = digits[id & 31];
  ret_text[SATCHEL_SESSION_ID_CHARS] = '\0';
}
