/* SPDX-License-Identifier: MIT
 * This file keeps the known networks: a table of users in memory, and a log of records
 * (<satchel/record_log.h>).  A record is "k USER NETWORK SECONDS", or "a" instead of "k" if only app
 * passwords came from there, or "x USER", which forgets all networks of a user.  Its fields are separated
 * by tabs.
 */
#include "config.h"

#include "core/daemon/auth/throttle/auth_known.h"
#include "core/daemon/auth/check/auth_lru.h"

#include <satchel/log.h>
#include <satchel/record_log.h>
#include <string.h>

#define AREA "auth"
#define FILE_NAME "known-networks"
#define USERS_MAX 131072
#define DAY_S (24 * 3600)
#define KEEP_S (SATCHEL_KNOWN_DAYS * (gint64) DAY_S)

typedef struct
{
  SatchelKnown *known;
  SatchelKnownPlace *places; /* an array whose room is a power of two */
  guint n;                   /* at most SATCHEL_KNOWN_MAX; most users have one or two */
} User;

struct SatchelKnown
{
  SatchelLru *users; /* name -> User */
  SatchelRecordLog *log;
  guint n_places;
  gint64 now_s; /* the time of the last call that said it */
  gboolean has_news;
};

static void
forget_user (gpointer value)
{
  User *user = value;
  if (user->n > 0)
    user->known->n_places -= user->n;
  g_free (user->places);
}

static gboolean
is_same (const SatchelKnownPlace *place, const SatchelAddress *address)
{
  return place->address.is_local == address->is_local
         && memcmp (place->address.bytes, address->bytes, sizeof address->bytes) == 0;
}

static SatchelKnownPlace *
add_slot (User *user)
{
  if ((user->n & (user->n - 1)) == 0) /* the room is used up when n is 0 or a power of two */
    user->places = g_renew (SatchelKnownPlace, user->places, MAX (1, 2 * user->n));
  user->known->n_places++;
  return &user->places[user->n++];
}

static SatchelKnownPlace *
oldest_slot (const User *user)
{
  SatchelKnownPlace *oldest = &user->places[0];
  for (guint i = 1; i < user->n; i++)
    if (user->places[i].seen_s < oldest->seen_s)
      oldest = &user->places[i];
  return oldest;
}

/* Returns the slot of @address, or instead a new one or the one that was not used for longest. */
static SatchelKnownPlace *
find_slot (SatchelKnown *known, const char *name, const SatchelAddress *address)
{
  User *user = satchel_lru_add (known->users, name, strlen (name));
  user->known = known;
  for (guint i = 0; i < user->n; i++)
    if (is_same (&user->places[i], address))
      return &user->places[i];
  SatchelKnownPlace *slot = user->n < SATCHEL_KNOWN_MAX ? add_slot (user) : oldest_slot (user);
  *slot = (SatchelKnownPlace) { .address = *address };
  return slot;
}

static void
load_record (const char *record, gpointer data)
{
  SatchelKnown *known = data;
  g_auto (GStrv) fields = g_strsplit (record, "\t", 5);
  guint n_fields = g_strv_length (fields);
  SatchelAddress address;
  gint64 seen_s;
  if (n_fields == 2 && strcmp (fields[0], "x") == 0)
    satchel_lru_remove (known->users, fields[1], strlen (fields[1]));
  else if (n_fields == 4 && (strcmp (fields[0], "k") == 0 || strcmp (fields[0], "a") == 0)
           && satchel_address_parse (fields[2], &address)
           && g_ascii_string_to_signed (fields[3], 10, 1, G_MAXINT64, &seen_s, NULL)
           && seen_s > known->now_s - KEEP_S)
    {
      SatchelKnownPlace *slot = find_slot (known, fields[1], &address);
      slot->seen_s = seen_s;
      slot->is_proved = fields[0][0] == 'k';
    }
}

static char *
record_text (const char *user, const SatchelKnownPlace *place)
{
  char address[SATCHEL_ADDRESS_CHARS];
  satchel_address_text (&place->address, address);
  return g_strdup_printf ("%c\t%s\t%s\t%" G_GINT64_FORMAT, place->is_proved ? 'k' : 'a', user, address,
                          place->seen_s);
}

typedef struct
{
  SatchelRecordFunc emit;
  gpointer emit_data;
} Dump;

static void
dump_place (const char *user, const SatchelKnownPlace *place, gpointer data)
{
  const Dump *dump = data;
  g_autofree char *text = record_text (user, place);
  dump->emit (text, dump->emit_data);
}

static void
dump_records (SatchelRecordFunc emit, gpointer emit_data, gpointer data)
{
  SatchelKnown *known = data;
  satchel_known_foreach (known, dump_place, &(Dump) { emit, emit_data });
}

SatchelKnown *
satchel_known_new (int root_fd, gint64 now_s)
{
  g_autoptr (GError) error = NULL;
  SatchelKnown *known = g_new0 (SatchelKnown, 1);
  known->now_s = now_s;
  known->users = satchel_lru_new_full (sizeof (User), USERS_MAX, forget_user);
  known->log = satchel_record_log_open (root_fd, FILE_NAME, "satchel-known-networks", 0, load_record,
                                        dump_records, known, &error);
  if (known->log == NULL)
    satchel_log (
        SATCHEL_LOG_WARNING, AREA,
        "it is not known from which networks users have logged in, so guessing may lock them out for "
        "an hour: %s",
        error->message);
  return known;
}

void
satchel_known_free (SatchelKnown *known)
{
  if (known == NULL)
    return;
  satchel_known_sync (known);
  satchel_record_log_free (known->log);
  satchel_lru_free (known->users);
  g_free (known);
}

SatchelKnownPlace *
satchel_known_find (SatchelKnown *known, const char *name, const char *place)
{
  SatchelAddress address;
  User *user = satchel_lru_find (known->users, name, strlen (name));
  if (user == NULL || !satchel_address_parse (place, &address))
    return NULL;
  for (guint i = 0; i < user->n; i++)
    if (is_same (&user->places[i], &address) && user->places[i].seen_s > known->now_s - KEEP_S)
      return &user->places[i];
  return NULL;
}

gboolean
satchel_known_is_proved (SatchelKnown *known, const char *name, const char *place, gint64 now_s)
{
  const SatchelKnownPlace *found = satchel_known_find (known, name, place);
  return found != NULL && found->is_proved && found->seen_s > now_s - KEEP_S
         && !satchel_address_is_loopback (&found->address);
}

static void
add_record (SatchelKnown *known, const char *text)
{
  if (known->log == NULL || strlen (text) > SATCHEL_RECORD_BYTES_MAX)
    return;
  satchel_record_log_add (known->log, text);
  known->has_news = TRUE;
}

gboolean
satchel_known_remember (SatchelKnown *known, const char *name, const char *place, gboolean is_proved,
                        gint64 now_s)
{
  SatchelAddress address;
  known->now_s = now_s;
  if (!satchel_address_parse (place, &address))
    return FALSE;
  SatchelKnownPlace *slot = find_slot (known, name, &address);
  /* The file is written at most once a day for each network. */
  gboolean is_old = slot->seen_s == 0 || ABS (now_s - slot->seen_s) >= DAY_S;
  if (is_old || (is_proved && !slot->is_proved))
    {
      /* A proof that is older than KEEP_S is not renewed by an app password. */
      slot->is_proved = is_proved || (slot->is_proved && slot->seen_s > now_s - KEEP_S);
      slot->seen_s = MAX (now_s, 1);
      g_autofree char *text = record_text (name, slot);
      add_record (known, text);
    }
  return known->has_news;
}

guint
satchel_known_forget (SatchelKnown *known, const char *name)
{
  guint before = known->n_places;
  satchel_lru_remove (known->users, name, strlen (name));
  g_autofree char *text = g_strdup_printf ("x\t%s", name);
  if (known->n_places < before)
    add_record (known, text);
  return before - known->n_places;
}

void
satchel_known_sync (SatchelKnown *known)
{
  g_autoptr (GError) error = NULL;
  if (!known->has_news)
    return;
  known->has_news = FALSE;
  if (!satchel_record_log_sync (known->log, known->n_places, &error))
    satchel_log (SATCHEL_LOG_WARNING, AREA,
                 "the networks that users logged in from are not stored, and forgotten at the next start: %s",
                 error->message);
}

typedef struct
{
  SatchelKnownFunc func;
  gpointer data;
} Visit;

static void
visit_user (gconstpointer key, gsize key_len, gpointer value, gpointer data)
{
  const Visit *visit = data;
  const User *user = value;
  g_autofree char *name = g_strndup (key, key_len);
  for (guint i = 0; i < user->n; i++)
    visit->func (name, &user->places[i], visit->data);
}

void
satchel_known_foreach (SatchelKnown *known, SatchelKnownFunc func, gpointer data)
{
  satchel_lru_foreach (known->users, visit_user, &(Visit) { func, data });
}
