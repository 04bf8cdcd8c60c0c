/* SPDX-License-Identifier: MIT
 * Counters of failed logins and known networks.  The clock is a number.
 */
#include "config.h"

#include "core/daemon/auth/throttle/auth_throttle_private.h"
#include "tests/lib/seed.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define MINUTE_MS (60 * (gint64) 1000)
#define DAY_S (24 * (gint64) 3600)

typedef struct
{
  SatchelKnown *known;
  SatchelThrottle *throttle;
} Stage;

static Stage
stage_new (void)
{
  SatchelKnown *known = satchel_known_new (-1, 1);
  return (Stage) { known, satchel_throttle_new (known) };
}

static void
stage_clear (Stage *stage)
{
  satchel_throttle_free (stage->throttle);
  satchel_known_free (stage->known);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Stage, stage_clear)

static SatchelThrottleReason
try_guess (Stage *stage, const char *user, const char *place, guint64 secret, guint max, gint64 now_ms)
{
  const SatchelGuess guess = { .user = user, .is_user = TRUE, .place = place, .secret = secret };
  SatchelAttempt attempt;
  SatchelThrottleReason reason = satchel_throttle_begin (stage->throttle, &guess, max, now_ms, &attempt);
  if (reason == SATCHEL_THROTTLE_NONE)
    satchel_throttle_fail (stage->throttle, &guess, now_ms, &attempt);
  return reason;
}

/* How many guesses, each another one, are looked at. */
static guint
fill (Stage *stage, const char *user, const char *place, guint max, gint64 now_ms)
{
  guint n = 0;
  while (n <= 100000 && try_guess (stage, user, place, 0, max, now_ms) == SATCHEL_THROTTLE_NONE)
    n++;
  return n;
}

/* An address of its own /16. */
static const char *
other_place (guint i, char text[32])
{
  g_snprintf (text, 32, "%u.%u.1.1", 1 + i / 256 % 100, i % 256);
  return text;
}

/* In no hour more than 100 of an account are looked at, wherever the hour begins and from how many places
 * they come; and it does open again. */
static void
test_hour (void)
{
  g_auto (Stage) stage = stage_new ();
  guint8 passed[5 * 3600] = { 0 };
  guint n_total = 0, n_in_hour = 0;
  char text[32];
  satchel_known_remember (stage.known, "a@x", "100.0.0.1", TRUE, 1000);
  for (guint s = 0; s < 5 * 3600; s++)
    {
      const char *place = s % 3 == 0 ? "100.0.0.1" : other_place (s, text);
      passed[s] = try_guess (&stage, "a@x", place, 0, 100, 1234567 + s * 1000) == SATCHEL_THROTTLE_NONE;
      n_total += passed[s];
      n_in_hour += passed[s];
      if (s >= 3600)
        n_in_hour -= passed[s - 3600];
      g_assert_cmpuint (n_in_hour, <=, 100);
    }
  g_assert_cmpuint (n_total, >=, 300);
  /* Another user is not the point. */
  g_assert_cmpint (try_guess (&stage, "b@x", "198.51.100.1", 0, 100, 1234567), ==, SATCHEL_THROTTLE_NONE);
}

/* Running attempts count: what is not let in is not even looked at. */
static void
test_parallel (void)
{
  g_auto (Stage) stage = stage_new ();
  SatchelAttempt attempts[200];
  SatchelGuess guesses[200];
  char places[200][32];
  guint n = 0;
  for (guint i = 0; i < G_N_ELEMENTS (attempts); i++)
    {
      guesses[n] = (SatchelGuess) { .user = "a@x", .is_user = TRUE, .place = other_place (i, places[n]) };
      if (satchel_throttle_begin (stage.throttle, &guesses[n], 100, 5000, &attempts[n])
          == SATCHEL_THROTTLE_NONE)
        n++;
    }
  g_assert_cmpuint (n, ==, 75); /* the rest is the reserve of known networks */
  satchel_throttle_give_back (stage.throttle, &guesses[0], &attempts[0]);
  satchel_throttle_give_back (stage.throttle, &guesses[0], &attempts[0]); /* once only */
  g_assert_cmpint (try_guess (&stage, "a@x", "198.51.100.1", 0, 100, 5000), ==, SATCHEL_THROTTLE_NONE);
  g_assert_cmpint (try_guess (&stage, "a@x", "198.51.100.1", 0, 100, 5000), ==, SATCHEL_THROTTLE_ACCOUNT);
  /* Given back two hours later it frees nothing of now. */
  gint64 later_ms = 5000 + 120 * MINUTE_MS;
  for (guint i = 0; i < 75; i++)
    try_guess (&stage, "a@x", other_place (i, places[199]), 0, 100, later_ms);
  satchel_throttle_give_back (stage.throttle, &guesses[1], &attempts[1]);
  g_assert_cmpint (try_guess (&stage, "a@x", "198.51.100.1", 0, 100, later_ms), ==, SATCHEL_THROTTLE_ACCOUNT);
}

/* Strangers have used up the account: its owner gets in from home and from work, each with a share that the
 * other cannot take. */
static void
test_reserve (void)
{
  g_auto (Stage) stage = stage_new ();
  char text[32];
  g_assert_null (satchel_known_find (stage.known, "a@x", "2001:db8::"));
  satchel_known_remember (stage.known, "a@x", "2001:db8::", TRUE, 1000);
  satchel_known_remember (stage.known, "a@x", "192.0.2.1", TRUE, 1000);
  satchel_known_remember (stage.known, "a@x", "192.0.2.2", TRUE, 1000);
  g_assert_null (satchel_known_find (stage.known, "b@x", "2001:db8::"));
  for (guint i = 0; i < 1000; i++)
    try_guess (&stage, "a@x", other_place (i, text), 0, 100, 0);
  g_assert_cmpuint (fill (&stage, "a@x", "198.51.100.1", 100, 0), ==, 0);
  g_assert_cmpuint (fill (&stage, "a@x", "2001:db8::", 100, 0), ==, 12);
  g_assert_cmpuint (fill (&stage, "a@x", "192.0.2.1", 100, 0), ==, 12);
  g_assert_cmpuint (fill (&stage, "a@x", "192.0.2.2", 100, 0), ==, 1); /* and no more than 100 in all */
  g_assert_cmpuint (fill (&stage, "b@x", "2001:db8::", 100, 0), ==, 25);
  /* Who gets in leaves the reserve as it was. */
  const SatchelGuess guess = { .user = "a@x", .is_user = TRUE, .place = "192.0.2.1" };
  for (guint i = 0; i < 100; i++)
    {
      SatchelAttempt attempt;
      gint64 now_ms = 180 * MINUTE_MS;
      if (i == 0)
        for (guint k = 0; k < 1000; k++)
          try_guess (&stage, "a@x", other_place (k, text), 0, 100, now_ms);
      g_assert_cmpint (satchel_throttle_begin (stage.throttle, &guess, 100, now_ms, &attempt), ==,
                       SATCHEL_THROTTLE_NONE);
      satchel_throttle_give_back (stage.throttle, &guess, &attempt);
    }
  g_assert_cmpuint (satchel_throttle_n_failures (stage.throttle, "192.0.2.1", 180 * MINUTE_MS), ==, 0);
}

/* Who gets in costs no memory in the tables of failures; who has failed before is not forgotten by it. */
static void
test_right (void)
{
  g_auto (Stage) stage = stage_new ();
  const SatchelGuess right = { .user = "a@x", .is_user = TRUE, .place = "192.0.2.1", .secret = 7 },
                     stranger = { .user = "b@x", .place = "192.0.2.1" };
  SatchelAttempt first, second, other;
  satchel_throttle_begin (stage.throttle, &right, 100, 0, &first);
  satchel_throttle_begin (stage.throttle, &right, 100, 0, &second);
  satchel_throttle_begin (stage.throttle, &stranger, 100, 0, &other);
  satchel_throttle_give_back (stage.throttle, &right, &first);
  g_assert_cmpuint (satchel_lru_count (stage.throttle->users), ==, 1); /* the second one still runs */
  g_assert_cmpuint (satchel_lru_count (stage.throttle->pairs), ==, 2);
  satchel_throttle_give_back (stage.throttle, &right, &second);
  satchel_throttle_give_back (stage.throttle, &stranger, &other);
  g_assert_cmpuint (satchel_lru_count (stage.throttle->users), ==, 0);
  g_assert_cmpuint (satchel_lru_count (stage.throttle->strangers), ==, 0);
  g_assert_cmpuint (satchel_lru_count (stage.throttle->pairs), ==, 0);
  /* The same wrong secret costs nothing more, before a right login and after it. */
  try_guess (&stage, "a@x", "192.0.2.1", 9, 100, 0);
  for (guint i = 0; i < 2; i++)
    {
      satchel_throttle_begin (stage.throttle, &right, 100, 0, &first);
      satchel_throttle_give_back (stage.throttle, &right, &first);
      try_guess (&stage, "a@x", "192.0.2.1", 9, 100, 0);
      g_assert_cmpuint (satchel_throttle_clear_user (stage.throttle, i == 0 ? "b@x" : "a@x", 0), ==, i);
    }
}

/* One network alone cannot use up an account. */
static void
test_pair (void)
{
  g_auto (Stage) stage = stage_new ();
  g_assert_cmpuint (fill (&stage, "a@x", "192.0.2.1", 100, 0), ==, 25);
  g_assert_cmpint (try_guess (&stage, "a@x", "192.0.2.1", 0, 100, 0), ==, SATCHEL_THROTTLE_PAIR);
  g_assert_cmpuint (fill (&stage, "a@x", "192.0.2.2", 100, 0), ==, 25);
  g_assert_cmpuint (fill (&stage, "a@x", "192.0.2.3", 100, 0), ==, 25);
  g_assert_cmpint (try_guess (&stage, "a@x", "192.0.2.4", 0, 100, 0), ==, SATCHEL_THROTTLE_ACCOUNT);
}

/* Many accounts from one address, one /24, one /16, and their likes of IPv6; known networks go on. */
static void
test_networks (void)
{
  static const struct
  {
    const char *format; /* of addresses with a number in it */
    guint n_places;
    SatchelThrottleReason reason;
    guint limit;
  } cases[] = {
    { "192.0.2.1", 1, SATCHEL_THROTTLE_ADDRESS, 40 },
    { "192.0.2.%u", 200, SATCHEL_THROTTLE_NETWORK, 160 },
    { "192.0.%u.1", 200, SATCHEL_THROTTLE_WIDE, 640 },
    { "2001:db8:0:1::", 1, SATCHEL_THROTTLE_ADDRESS, 40 },
    { "2001:db8:0:1%02x::", 200, SATCHEL_THROTTLE_NETWORK, 160 },
    { "2001:db8:0:%02x00::", 200, SATCHEL_THROTTLE_WIDE, 640 },
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_auto (Stage) stage = stage_new ();
      SatchelThrottleReason reason = SATCHEL_THROTTLE_NONE;
      char user[32], place[48];
      guint n = 0;
      for (; n < 2000 && reason == SATCHEL_THROTTLE_NONE; n++)
        {
          g_snprintf (user, sizeof user, "u%u@x", n);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
          g_snprintf (place, sizeof place, cases[i].format, n % cases[i].n_places);
#pragma GCC diagnostic pop
          reason = try_guess (&stage, user, place, 0, 4, 0);
        }
      g_assert_cmpint (reason, ==, cases[i].reason);
      g_assert_cmpuint (n - 1, ==, cases[i].limit);
      g_assert_cmpint (try_guess (&stage, "owner@x", place, 0, 4, 0), ==, cases[i].reason);
      satchel_known_remember (stage.known, "owner@x", place, TRUE, 1000);
      g_assert_cmpint (try_guess (&stage, "owner@x", place, 0, 4, 0), ==, SATCHEL_THROTTLE_NONE);
      g_assert_cmpint (try_guess (&stage, "owner@x", "203.0.113.1", 0, 4, 0), ==, SATCHEL_THROTTLE_NONE);
      g_assert_cmpint (try_guess (&stage, "u@x", place, 0, 4, 120 * MINUTE_MS), ==, SATCHEL_THROTTLE_NONE);
    }
  /* A webmail and a proxy that say nothing of their users are not locked out by one of these. */
  g_auto (Stage) stage = stage_new ();
  for (guint n = 0; n < 1000; n++)
    {
      char user[32];
      g_snprintf (user, sizeof user, "u%u@x", n);
      g_assert_cmpint (try_guess (&stage, user, n % 2 == 0 ? "127.0.0.1" : "local", 0, 4, 0), ==,
                       SATCHEL_THROTTLE_NONE);
    }
}

/* A program that goes on with an old secret costs its user one attempt an hour, and its address each. */
static void
test_repeated (void)
{
  g_auto (Stage) stage = stage_new ();
  SatchelThrottleLimits limits = satchel_throttle_limits (20);
  g_assert_cmpuint (limits.pair, ==, 5);
  for (gint64 minute = 0; minute < 24 * 60; minute++)
    {
      g_assert_cmpint (try_guess (&stage, "a@x", "192.0.2.1", 77, 20, minute * MINUTE_MS), ==,
                       SATCHEL_THROTTLE_NONE);
      g_assert_cmpint (try_guess (&stage, "a@x", "198.51.100.1", 77, 20, minute * MINUTE_MS), ==,
                       SATCHEL_THROTTLE_NONE);
    }
  gint64 now_ms = 24 * 60 * MINUTE_MS;
  /* Five from here are looked at but for the one or two that stand for all of them. */
  guint n = fill (&stage, "a@x", "192.0.2.1", 20, now_ms);
  g_assert_cmpuint (n, >=, 3);
  g_assert_cmpuint (n, <=, 4);
  /* The same of another user, and another secret, count. */
  for (guint64 secret = 100; secret < 105; secret++)
    g_assert_cmpint (try_guess (&stage, "b@x", "203.0.113.1", secret, 20, now_ms), ==, SATCHEL_THROTTLE_NONE);
  g_assert_cmpint (try_guess (&stage, "b@x", "203.0.113.1", 105, 20, now_ms), ==, SATCHEL_THROTTLE_PAIR);
  g_assert_cmpint (try_guess (&stage, "b@x", "203.0.113.1", 104, 20, now_ms), ==, SATCHEL_THROTTLE_NONE);
  /* It is no way to make us hash without end. */
  n = 0;
  while (n < 1000 && try_guess (&stage, "c@x", "203.0.113.9", 1, 20, now_ms) == SATCHEL_THROTTLE_NONE)
    n++;
  g_assert_cmpuint (n, ==, limits.address);
  satchel_known_remember (stage.known, "c@x", "203.0.113.9", TRUE, 1000);
  g_assert_cmpint (try_guess (&stage, "c@x", "203.0.113.9", 1, 20, now_ms), ==, SATCHEL_THROTTLE_ADDRESS);
  g_assert_cmpint (try_guess (&stage, "c@x", "203.0.113.9", 2, 20, now_ms), ==, SATCHEL_THROTTLE_NONE);
}

/* Two with the same secret run beside each other: one counts. */
static void
test_repeated_in_parallel (void)
{
  g_auto (Stage) stage = stage_new ();
  const SatchelGuess guess = { .user = "a@x", .is_user = TRUE, .place = "192.0.2.1", .secret = 5 };
  SatchelAttempt attempts[5];
  for (guint i = 0; i < 5; i++)
    g_assert_cmpint (satchel_throttle_begin (stage.throttle, &guess, 20, 0, &attempts[i]), ==,
                     SATCHEL_THROTTLE_NONE);
  SatchelAttempt more;
  g_assert_cmpint (satchel_throttle_begin (stage.throttle, &guess, 20, 0, &more), ==, SATCHEL_THROTTLE_PAIR);
  for (guint i = 0; i < 5; i++)
    satchel_throttle_fail (stage.throttle, &guess, 0, &attempts[i]);
  g_assert_cmpuint (fill (&stage, "a@x", "192.0.2.1", 20, 0), ==, 4);
}

static void
add_throttled (const SatchelThrottled *throttled, gpointer data)
{
  g_string_append_printf (
      data, "%s user=%s%s network=%s %u/%u %u/%u %d\n", satchel_throttle_word (throttled->kind),
      throttled->user, throttled->is_user ? "!" : "", throttled->network, throttled->n_failures,
      throttled->limit, throttled->n_reserved, throttled->reserve, (int) (throttled->ends_ms / MINUTE_MS));
}

static void
test_list (void)
{
  g_auto (Stage) stage = stage_new ();
  g_autoptr (GString) text = g_string_new (NULL);
  gint64 now_ms = 100 * MINUTE_MS;
  satchel_known_remember (stage.known, "a@x", "192.0.2.1", TRUE, 1000);
  for (guint i = 0; i < 7; i++)
    try_guess (&stage, "a@x", i < 4 ? "192.0.2.1" : "2001:db8:1:1::", 0, 8, now_ms);
  satchel_throttle_foreach (stage.throttle, 8, now_ms, add_throttled, text);
  g_assert_cmpstr (text->str, ==,
                   "account user=a@x! network= 6/6 0/2 165\n"
                   "pair user=a@x network=2001:db8:1:1:: 2/5 0/0 165\n"
                   "pair user=a@x network=192.0.2.1 4/5 0/0 165\n"
                   "address user= network=2001:db8:1:1::/64 2/80 0/0 165\n"
                   "address user= network=192.0.2.1 4/80 0/0 165\n"
                   "network user= network=2001:db8:1::/56 2/320 0/0 165\n"
                   "network user= network=192.0.2.0/24 4/320 0/0 165\n"
                   "wide-network user= network=2001:db8:1::/48 2/1280 0/0 165\n"
                   "wide-network user= network=192.0.0.0/16 4/1280 0/0 165\n");
  g_assert_cmpint (try_guess (&stage, "a@x", "192.0.2.1", 0, 8, now_ms), ==, SATCHEL_THROTTLE_NONE);
  g_assert_cmpint (try_guess (&stage, "a@x", "192.0.2.1", 0, 8, now_ms), ==, SATCHEL_THROTTLE_ACCOUNT);
  g_assert_cmpuint (satchel_throttle_clear_user (stage.throttle, "a@x", now_ms), ==, 7);
  g_assert_cmpuint (satchel_throttle_clear_user (stage.throttle, "a@x", now_ms), ==, 0);
  /* Its share of the reserve is there again, too. */
  for (guint i = 0; i < 8; i++)
    try_guess (&stage, "a@x", i < 4 ? "2001:db8:1:2::" : "2001:db8:1:3::", 0, 8, now_ms);
  g_assert_cmpint (try_guess (&stage, "a@x", "192.0.2.1", 0, 8, now_ms), ==, SATCHEL_THROTTLE_NONE);
  satchel_throttle_clear_user (stage.throttle, "a@x", now_ms);
  satchel_throttle_clear_place (stage.throttle, "192.0.2.1", now_ms);
  for (guint i = 0; i < 6; i++)
    g_assert_cmpint (try_guess (&stage, "a@x", "192.0.2.1", 0, 8, now_ms), ==,
                     i < 5 ? SATCHEL_THROTTLE_NONE : SATCHEL_THROTTLE_PAIR);
  g_assert_cmpuint (satchel_throttle_clear_place (stage.throttle, "192.0.2.1", now_ms), ==, 5);
  g_assert_cmpuint (satchel_throttle_n_failures (stage.throttle, "192.0.2.1", now_ms), ==, 0);
  /* An hour later there is nothing left to show. */
  g_string_truncate (text, 0);
  satchel_throttle_foreach (stage.throttle, 8, now_ms + 65 * MINUTE_MS, add_throttled, text);
  g_assert_cmpstr (text->str, ==, "");
  try_guess (&stage, "a@x", "192.0.2.1", 0, 8, now_ms);
  satchel_throttle_clear (stage.throttle);
  satchel_throttle_foreach (stage.throttle, 8, now_ms, add_throttled, text);
  g_assert_cmpstr (text->str, ==, "");
}

/* Names and addresses without end: memory has a bound, and what protects an account stays. */
static void
test_bounds (void)
{
  g_auto (Stage) stage = stage_new ();
  char text[48], user[32];
  satchel_known_remember (stage.known, "a@x", "192.0.2.1", TRUE, 1000);
  for (guint i = 0; i < 75; i++)
    try_guess (&stage, "a@x", other_place (i, text), 0, 100, 0);
  g_assert_cmpint (try_guess (&stage, "a@x", "198.51.100.1", 0, 100, 0), ==, SATCHEL_THROTTLE_ACCOUNT);
  for (guint i = 0; i < 150000; i++)
    {
      g_snprintf (user, sizeof user, "n%u@x", i);
      g_snprintf (text, sizeof text, "%u.%u.%u.1", 1 + i / 65536, i / 256 % 256, i % 256);
      SatchelAttempt attempt;
      const SatchelGuess stranger = { .user = user, .place = text },
                         owner = { .user = "a@x", .is_user = TRUE, .place = text };
      (void) satchel_throttle_begin (stage.throttle, &stranger, 100, 0, &attempt);
      g_assert_cmpint (satchel_throttle_begin (stage.throttle, &owner, 100, 0, &attempt), !=,
                       SATCHEL_THROTTLE_NONE);
    }
  g_assert_cmpuint (satchel_lru_count (stage.throttle->users), ==, 1);
  g_assert_cmpuint (satchel_lru_count (stage.throttle->strangers), <=, 16384);
  g_assert_cmpuint (satchel_lru_count (stage.throttle->pairs), <=, 65536);
  for (guint i = 0; i < N_LEVELS; i++)
    g_assert_cmpuint (satchel_lru_count (stage.throttle->networks[i]), <=, 32768);
  g_assert_cmpint (try_guess (&stage, "a@x", "192.0.2.1", 0, 100, 0), ==, SATCHEL_THROTTLE_NONE);
}

static void
test_delay (void)
{
  g_auto (Stage) stage = stage_new ();
  static const gint64 seconds[] = { 2, 2, 2, 2, 2, 4, 4, 4, 4, 4, 8, 8, 8, 8, 8, 16, 16 };
  for (guint n = 0; n < G_N_ELEMENTS (seconds); n++)
    g_assert_cmpint (satchel_throttle_delay_ms (n, 2000), ==, seconds[n] * 1000);
  g_assert_cmpint (satchel_throttle_delay_ms (G_MAXUINT, 2000), ==, 16000);
  g_assert_cmpint (satchel_throttle_delay_ms (1000, 0), ==, 0);
  g_assert_cmpuint (satchel_throttle_n_failures (stage.throttle, "192.0.2.1", 0), ==, 0);
  satchel_throttle_fail_place (stage.throttle, "192.0.2.1", 0);
  try_guess (&stage, "a@x", "192.0.2.1", 0, 100, 0);
  g_assert_cmpuint (satchel_throttle_n_failures (stage.throttle, "192.0.2.1", 0), ==, 2);
  g_assert_cmpuint (satchel_throttle_n_failures (stage.throttle, "192.0.2.1", 120 * MINUTE_MS), ==, 0);
}

/* ---- next to a model that is slow and plain ---- */

typedef struct
{
  guint name, place, secret;
  gint64 period, hour;
  gboolean in_general, in_reserve, in_pair, in_networks, is_over;
  SatchelAttempt attempt;
} Try;

#define SAME_HOUR(one) (period - (one)->period < 13)

typedef struct
{
  GArray *tries;
  gint64 wrong_ms[3][4]; /* name, secret; -1: never */
  gint64 now_ms;
} Model;

static SatchelThrottleReason
model_judge (const Model *model, Try *next, guint max)
{
  guint general = 0, reserved = 0, share = 0, pair = 0, networks = 0;
  gint64 period = next->period;
  const SatchelThrottleLimits limits = satchel_throttle_limits (max);
  gboolean is_known = next->name == 0 && next->place != 1;
  gint64 wrong_ms = model->wrong_ms[next->name][next->secret];
  gboolean is_repeated = next->secret > 0 && wrong_ms >= 0 && model->now_ms - wrong_ms < 60 * MINUTE_MS;
  for (guint i = 0; i < model->tries->len; i++)
    {
      const Try *one = &g_array_index (model->tries, Try, i);
      if (!SAME_HOUR (one))
        continue;
      gboolean is_place = one->place == next->place, is_name = one->name == next->name;
      general += is_name && one->in_general;
      reserved += is_name && one->in_reserve;
      share += is_name && is_place && one->in_reserve && one->hour == next->hour;
      pair += is_name && is_place && one->in_pair;
      networks += is_place && one->in_networks;
    }
  if ((!is_known || is_repeated) && networks >= limits.address)
    return SATCHEL_THROTTLE_ADDRESS;
  next->in_general = general < limits.account - limits.reserve;
  next->in_reserve = !next->in_general;
  if (next->in_reserve && (!is_known || share >= limits.share || reserved >= limits.reserve))
    return SATCHEL_THROTTLE_ACCOUNT;
  if (!is_repeated && pair >= limits.pair)
    return SATCHEL_THROTTLE_PAIR;
  next->in_networks = TRUE;
  next->in_pair = !is_repeated;
  if (is_repeated)
    next->in_general = next->in_reserve = FALSE;
  return SATCHEL_THROTTLE_NONE;
}

static void
model_end (Model *model, Try *one, gboolean is_failure)
{
  gint64 *wrong_ms = &model->wrong_ms[one->name][one->secret];
  gboolean was_wrong = one->secret > 0 && *wrong_ms >= 0 && model->now_ms - *wrong_ms < 60 * MINUTE_MS;
  one->is_over = TRUE;
  if (is_failure && one->in_pair && !was_wrong && one->secret > 0)
    *wrong_ms = model->now_ms;
  if (!is_failure || (one->in_pair && was_wrong))
    one->in_general = one->in_reserve = one->in_pair = FALSE;
  if (!is_failure)
    one->in_networks = FALSE;
}

static void
test_model (void)
{
  static const char *const names[] = { "anna@x", "bob@x", "stranger@x" };
  static const char *const places[] = { "192.0.2.1", "198.51.100.1", "2001:db8::" };
  g_auto (Stage) stage = stage_new ();
  g_autoptr (GArray) tries = g_array_new (FALSE, FALSE, sizeof (Try));
  Model model = { .tries = tries, .now_ms = 1000 };
  guint max = (guint) g_test_rand_int_range (1, 13);
  memset (model.wrong_ms, -1, sizeof model.wrong_ms);
  satchel_known_remember (stage.known, "anna@x", places[0], TRUE, 1000);
  satchel_known_remember (stage.known, "anna@x", places[2], TRUE, 1000);
  for (guint i = 0; i < 4000; i++)
    {
      model.now_ms += g_test_rand_int_range (0, 30) == 0 ? g_test_rand_int_range (0, 80) * MINUTE_MS
                                                         : g_test_rand_int_range (0, 20000);
      guint last = tries->len > 0 ? (guint) g_test_rand_int_range (0, MIN ((gint) tries->len, 8)) + 1 : 0;
      Try *one = last > 0 ? &g_array_index (tries, Try, tries->len - last) : NULL;
      if (one != NULL && !one->is_over && g_test_rand_int_range (0, 2) == 0)
        {
          const SatchelGuess guess = { names[one->name], one->name < 2, places[one->place], one->secret };
          gboolean is_failure = g_test_rand_int_range (0, 3) > 0;
          if (is_failure)
            satchel_throttle_fail (stage.throttle, &guess, model.now_ms, &one->attempt);
          else
            satchel_throttle_give_back (stage.throttle, &guess, &one->attempt);
          model_end (&model, one, is_failure);
          continue;
        }
      Try next = { .name = (guint) g_test_rand_int_range (0, 3),
                   .place = (guint) g_test_rand_int_range (0, 3),
                   .secret = (guint) g_test_rand_int_range (0, 4),
                   .period = model.now_ms / (5 * MINUTE_MS),
                   .hour = model.now_ms / (60 * MINUTE_MS) };
      const SatchelGuess guess = { names[next.name], next.name < 2, places[next.place], next.secret };
      SatchelThrottleReason wanted = model_judge (&model, &next, max);
      g_assert_cmpint (satchel_throttle_judge (stage.throttle, &guess, max, model.now_ms), ==, wanted);
      g_assert_cmpint (satchel_throttle_begin (stage.throttle, &guess, max, model.now_ms, &next.attempt), ==,
                       wanted);
      if (wanted == SATCHEL_THROTTLE_NONE)
        g_array_append_val (tries, next);
    }
}

/* ---- known networks ---- */

static void
add_known (const char *user, const SatchelKnownPlace *place, gpointer data)
{
  char text[SATCHEL_ADDRESS_CHARS];
  satchel_address_text (&place->address, text);
  g_string_append_printf (data, "%s %s %d\n", user, text, (int) (place->seen_s / DAY_S));
}

static char *
list_known (SatchelKnown *known)
{
  GString *text = g_string_new (NULL);
  satchel_known_foreach (known, add_known, text);
  return g_string_free (text, FALSE);
}

/* They outlive a restart, are forgotten when they were not used for long, and have a bound for each user. */
static void
test_known (void)
{
  g_autofree char *directory = g_dir_make_tmp ("satchel-known-XXXXXX", NULL);
  int root_fd = open (directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  SatchelKnown *known = satchel_known_new (root_fd, 100 * DAY_S);
  g_assert_true (satchel_known_remember (known, "a@x", "192.0.2.1", TRUE, 100 * DAY_S));
  satchel_known_sync (known);
  g_assert_false (
      satchel_known_remember (known, "a@x", "192.0.2.1", TRUE, 100 * DAY_S + 60)); /* nothing new */
  satchel_known_remember (known, "a@x", "local", TRUE, 150 * DAY_S);
  satchel_known_remember (known, "b@x", "2001:db8:0:1::", TRUE, 150 * DAY_S);
  satchel_known_remember (known, "c@x", "192.0.2.3", TRUE, 150 * DAY_S);
  g_assert_cmpuint (satchel_known_forget (known, "c@x"), ==, 1);
  g_assert_cmpuint (satchel_known_forget (known, "c@x"), ==, 0);
  satchel_known_free (known);

  known = satchel_known_new (root_fd, 151 * DAY_S);
  g_autofree char *all = list_known (known);
  g_assert_cmpstr (all, ==, "b@x 2001:db8:0:1:: 150\na@x 192.0.2.1 100\na@x local 150\n");
  g_assert_nonnull (satchel_known_find (known, "b@x", "2001:db8:0:1::"));
  g_assert_null (satchel_known_find (known, "b@x", "2001:db8:0:2::"));
  g_assert_nonnull (satchel_known_find (known, "a@x", "local"));
  g_assert_nonnull (satchel_known_find (known, "a@x", "192.0.2.1"));
  satchel_known_remember (known, "d@x", "192.0.2.9", TRUE, 191 * DAY_S);
  satchel_known_forget (known, "d@x");
  g_assert_null (satchel_known_find (known, "a@x", "192.0.2.1")); /* also while nobody starts anew */
  satchel_known_free (known);

  known = satchel_known_new (root_fd, 195 * DAY_S);
  g_autofree char *later = list_known (known);
  g_assert_cmpstr (later, ==, "b@x 2001:db8:0:1:: 150\na@x local 150\n");
  for (guint i = 1; i <= 12; i++)
    {
      g_autofree char *place = g_strdup_printf ("203.0.113.%u", i);
      satchel_known_remember (known, "a@x", place, TRUE, (200 + i) * DAY_S);
    }
  satchel_known_free (known);
  known = satchel_known_new (root_fd, 213 * DAY_S);
  g_assert_null (satchel_known_find (known, "a@x", "local"));
  for (guint i = 1; i <= 12; i++)
    {
      g_autofree char *place = g_strdup_printf ("203.0.113.%u", i);
      g_assert_cmpint (satchel_known_find (known, "a@x", place) != NULL, ==, i > 12 - SATCHEL_KNOWN_MAX);
    }
  g_assert_nonnull (satchel_known_find (known, "b@x", "2001:db8:0:1::"));
  satchel_known_free (known);

  /* Damage costs what it touches, and never lets anybody be known. */
  g_autofree char *path = g_build_filename (directory, "known-networks", NULL);
  g_assert_true (g_file_set_contents (path, "not ours\n", -1, NULL));
  g_assert_cmpint (g_chmod (path, 0600), ==, 0);
  known = satchel_known_new (root_fd, 213 * DAY_S);
  g_assert_null (satchel_known_find (known, "b@x", "2001:db8:0:1::"));
  satchel_known_remember (known, "b@x", "2001:db8:0:1::", TRUE, 213 * DAY_S);
  g_assert_nonnull (satchel_known_find (known, "b@x", "2001:db8:0:1::"));
  satchel_known_free (known);
  g_unlink (path);
  g_autofree char *damaged = g_strconcat (path, ".damaged", NULL);
  g_unlink (damaged);
  close (root_fd);
  g_assert_cmpint (g_rmdir (directory), ==, 0);
}

/* App passwords alone, loopback, and what is too long ago prove nothing; a restart changes nothing of it. */
static void
test_proved (void)
{
  g_autofree char *directory = g_dir_make_tmp ("satchel-known-XXXXXX", NULL);
  int root_fd = open (directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  SatchelKnown *known = satchel_known_new (root_fd, 100 * DAY_S);
  const char *const places[] = { "192.0.2.1", "192.0.2.2", "192.0.2.3", "127.0.0.1",
                                 "127.1.2.3", "::",        "local" };
  const gboolean proved[] = { TRUE, FALSE, TRUE, FALSE, FALSE, TRUE, FALSE };
  for (guint i = 0; i < G_N_ELEMENTS (places); i++)
    satchel_known_remember (known, "a@x", places[i], i != 1 && i != 2, 100 * DAY_S);
  satchel_known_remember (known, "a@x", "192.0.2.3", TRUE, 100 * DAY_S + 1);
  satchel_known_remember (known, "a@x", "192.0.2.1", FALSE, 100 * DAY_S + 1);
  for (guint round = 0; round < 2; round++)
    {
      for (guint i = 0; i < G_N_ELEMENTS (places); i++)
        {
          g_assert_nonnull (satchel_known_find (known, "a@x", places[i]));
          g_assert_cmpint (satchel_known_is_proved (known, "a@x", places[i], 101 * DAY_S), ==, proved[i]);
        }
      g_assert_false (satchel_known_is_proved (known, "b@x", "192.0.2.1", 101 * DAY_S));
      g_assert_true (satchel_known_is_proved (known, "a@x", "192.0.2.1", 190 * DAY_S - 1));
      g_assert_false (satchel_known_is_proved (known, "a@x", "192.0.2.1", 190 * DAY_S));
      satchel_known_free (known);
      known = satchel_known_new (root_fd, 101 * DAY_S);
    }
  satchel_known_remember (known, "a@x", "192.0.2.1", FALSE, 191 * DAY_S);
  g_assert_nonnull (satchel_known_find (known, "a@x", "192.0.2.1"));
  g_assert_false (satchel_known_is_proved (known, "a@x", "192.0.2.1", 191 * DAY_S));
  satchel_known_free (known);
  g_autofree char *path = g_build_filename (directory, "known-networks", NULL);
  g_unlink (path);
  close (root_fd);
  g_assert_cmpint (g_rmdir (directory), ==, 0);
}

/* Many networks of one user push out nobody else's. */
static void
test_known_of_others (void)
{
  g_autoptr (SatchelKnown) known = satchel_known_new (-1, 1000);
  char text[32];
  satchel_known_remember (known, "a@x", "192.0.2.1", TRUE, 1000);
  for (guint i = 0; i < 300000; i++)
    {
      g_snprintf (text, sizeof text, "%u.%u.%u.1", 1 + i / 65536, i / 256 % 256, i % 256);
      satchel_known_remember (known, "b@x", text, TRUE, 1000 + i);
    }
  g_assert_nonnull (satchel_known_find (known, "a@x", "192.0.2.1"));
}

int
main (int argc, char **argv)
{
  seed_test (&argc, &argv);
  g_test_init (&argc, &argv, NULL);
  g_log_set_always_fatal (G_LOG_LEVEL_CRITICAL);
  g_test_add_func ("/auth/throttle/hour", test_hour);
  g_test_add_func ("/auth/throttle/parallel", test_parallel);
  g_test_add_func ("/auth/throttle/reserve", test_reserve);
  g_test_add_func ("/auth/throttle/right", test_right);
  g_test_add_func ("/auth/throttle/pair", test_pair);
  g_test_add_func ("/auth/throttle/networks", test_networks);
  g_test_add_func ("/auth/throttle/repeated", test_repeated);
  g_test_add_func ("/auth/throttle/repeated-in-parallel", test_repeated_in_parallel);
  g_test_add_func ("/auth/throttle/list", test_list);
  g_test_add_func ("/auth/throttle/bounds", test_bounds);
  g_test_add_func ("/auth/throttle/delay", test_delay);
  g_test_add_func ("/auth/throttle/model", test_model);
  g_test_add_func ("/auth/known/file", test_known);
  g_test_add_func ("/auth/known/proved", test_proved);
  g_test_add_func ("/auth/known/of-others", test_known_of_others);
  return g_test_run ();
}
