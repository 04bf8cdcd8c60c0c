/* SPDX-License-Identifier: MIT
 * A store is removed whole, in steps, each of which may be the last for now; and nobody else's is.
 */
#include "config.h"

#include "conformance.h"

#include <string.h>

#define N_MESSAGES 200u
#define LONG_BYTES 20000u
#define STEPS_MAX 100000u

static const SatchelStoreLevel *
driver_of (const Fixture *fixture)
{
  return &fixture->backend->levels[fixture->backend->n_levels - 1];
}

static SatchelStorageIdentity
identity_of (const Fixture *fixture)
{
  return (SatchelStorageIdentity) { .user = fixture->user,
                                    .path = fixture->path,
                                    .root_fd = fixture->root_fd,
                                    .profile = "default",
                                    .volume = "" };
}

static gboolean
exists (const Fixture *fixture)
{
  const SatchelStoreLevel *driver = driver_of (fixture);
  const SatchelStorageIdentity identity = identity_of (fixture);
  return driver->ops->exists (&identity, driver->section);
}

/* How many steps are taken before one says no; the last count of what was removed. */
typedef struct Patience
{
  guint n_left;
  guint64 n_removed;
  gboolean is_over;
} Patience;

static gboolean
has_patience (guint64 n_removed, gpointer data)
{
  Patience *patience = data;
  g_assert_cmpuint (n_removed, >=, patience->n_removed);
  patience->n_removed = n_removed;
  g_assert_false (patience->is_over); /* nobody goes on after that */
  patience->is_over = patience->n_left-- == 0;
  return !patience->is_over;
}

static gboolean
destroy (const Fixture *fixture, Patience *patience, GError **error)
{
  const SatchelStorageIdentity identity = identity_of (fixture);
  return satchel_store_level_destroy (driver_of (fixture), &identity, patience != NULL ? has_patience : NULL,
                                      patience, error);
}

static guint32
count_messages (Fixture *fixture)
{
  g_autoptr (SatchelMailbox) inbox = fixture_open (fixture, "INBOX");
  return state_of (inbox).n_messages;
}

/* Some are long: a driver may keep those elsewhere. */
static void
put (Fixture *fixture, SatchelMailbox *mailbox, gboolean is_long)
{
  g_autoptr (GString) text = g_string_new ("Subject: to be removed\r\n\r\n");
  while (is_long && text->len < LONG_BYTES)
    g_string_append (text, "a line of a long message\r\n");
  fixture_put_bytes (fixture, mailbox, text->str, text->len, 0, NULL, 1700000000);
}

static void
fill (Fixture *fixture, guint n)
{
  g_autoptr (SatchelMailbox) inbox = fixture_open (fixture, "INBOX"), other = fixture_open (fixture, "a/b");
  for (guint i = 0; i < n; i++)
    put (fixture, i % 2 == 0 ? inbox : other, i % 10 == 9);
}

/* Each call goes on where the one before was stopped.  Until the last one is through, `exists` tells. */
static void
case_steps (Fixture *fixture)
{
  Fixture neighbour = *fixture;
  neighbour.user = g_strconcat ("other-", fixture->user, NULL);
  neighbour.path = g_strconcat (fixture->path, "-other", NULL);
  fixture_open_store (&neighbour);
  fill (&neighbour, 3);
  fill (fixture, N_MESSAGES);
  fixture_close_store (fixture);
  for (guint i = 0;; i++)
    {
      g_autoptr (GError) error = NULL;
      Patience patience = { 2, 0, FALSE };
      g_assert_true (exists (fixture));
      gboolean ok = destroy (fixture, &patience, &error);
      g_assert_true (ok == !patience.is_over);
      if (ok)
        break;
      g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_CANCELLED);
      g_assert_cmpuint (patience.n_removed, >, 0); /* so that it comes to an end */
      g_assert_cmpuint (i, <, STEPS_MAX);
    }
  g_assert_false (exists (fixture));
  g_assert_cmpuint (count_messages (&neighbour), ==, 2);
  fixture_reopen (&neighbour);
  g_assert_cmpuint (count_messages (&neighbour), ==, 2);
  fixture_close_store (&neighbour);
  g_free (neighbour.user);
  g_free (neighbour.path);
}

/* A user who comes again begins anew. */
static void
case_again (Fixture *fixture)
{
  fill (fixture, 5);
  OK (satchel_store_subscribe (fixture->store, "a/b", TRUE, E));
  fixture_close_store (fixture);
  OK (destroy (fixture, NULL, E));
  g_assert_false (exists (fixture));
  OK (destroy (fixture, NULL, E)); /* nothing there is no error */
  fixture_open_store (fixture);
  g_autoptr (GPtrArray) infos = NULL;
  OK ((infos = satchel_store_list (fixture->store, E)) != NULL);
  g_assert_null (list_find (infos, "a/b"));
  g_assert_cmpuint (count_messages (fixture), ==, 0);
}

const ConformanceCase conformance_destroy[] = { { "steps", case_steps },
                                                { "again", case_again },
                                                { NULL, NULL } };
