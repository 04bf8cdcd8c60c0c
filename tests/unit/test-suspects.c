/* SPDX-License-Identifier: MIT
 * Messages that crash a parser twice: master's bookkeeping, and content that is a suspect on its way in.
 */
#include "config.h"

#include "core/daemon/master/crash_suspects.h"
#include "core/storage/store/store_open.h"
#include "core/storage/mailbox/suspects.h"

#include <satchel/attributes.h>
#include <signal.h>
#include <string.h>

#define BOX "00112233445566778899aabbccddeeff"

static guint
die (SatchelSuspects *suspects, int signal_number, const char *first, const char *second)
{
  SatchelBreadcrumb crumbs[3] = { { .is_busy = first != NULL },
                                  { .is_busy = second != NULL },
                                  { .detail = BOX " 99" } };
  g_strlcpy (crumbs[0].detail, first != NULL ? first : "", sizeof crumbs[0].detail);
  g_strlcpy (crumbs[1].detail, second != NULL ? second : "", sizeof crumbs[1].detail);
  return satchel_suspects_note_death (suspects, signal_number, crumbs, G_N_ELEMENTS (crumbs));
}

static void
collect (const char *crumb, gpointer data)
{
  g_string_append_printf (data, "[%s]", crumb);
}

static char *
list (const SatchelSuspects *suspects)
{
  GString *text = g_string_new (NULL);
  satchel_suspects_foreach (suspects, collect, text);
  return g_string_free (text, FALSE);
}

static void
assert_list (const SatchelSuspects *suspects, const char *want)
{
  g_autofree char *got = list (suspects);
  g_assert_cmpstr (got, ==, want);
}

static void
test_twice (void)
{
  SatchelSuspects *suspects = satchel_suspects_new ();
  g_assert_cmpuint (die (suspects, SIGSEGV, BOX " 1", BOX " 2"), ==, 0);
  assert_list (suspects, "");
  g_assert_cmpuint (die (suspects, SIGABRT, BOX " 2", NULL), ==, 1);
  assert_list (suspects, "[" BOX " 2]");
  g_assert_cmpuint (die (suspects, SIGABRT, BOX " 2", NULL), ==, 0);
  /* At two threads in one death: one death. */
  g_assert_cmpuint (die (suspects, SIGBUS, "scan 9-0123456789abcdef", "scan 9-0123456789abcdef"), ==, 0);
  assert_list (suspects, "[" BOX " 2]");
  satchel_suspects_free (suspects);
}

static void
test_kills_do_not_count (void)
{
  SatchelSuspects *suspects = satchel_suspects_new ();
  for (guint i = 0; i < 4; i++)
    g_assert_cmpuint (die (suspects, i % 2 == 0 ? SIGKILL : SIGTERM, BOX " 1", NULL), ==, 0);
  assert_list (suspects, "");
  satchel_suspects_free (suspects);
}

static void
test_hostile (void)
{
  static const char *const bad[] = { "",
                                     "delivery 17",
                                     BOX,
                                     BOX " ",
                                     BOX " 1x",
                                     BOX " -1",
                                     "scan 1-0123456789abcde",
                                     "scan -0123456789abcdef",
                                     "scan 1-0123456789abcdefg",
                                     "00112233445566778899AABBCCDDEEFF 1",
                                     BOX "\n 1",
                                     BOX " 111111111111111111111",
                                     BOX "0 1" };
  SatchelSuspects *suspects = satchel_suspects_new ();
  for (guint i = 0; i < 2 * G_N_ELEMENTS (bad); i++)
    g_assert_cmpuint (die (suspects, SIGSEGV, bad[i / 2], NULL), ==, 0);
  SatchelBreadcrumb full = { .is_busy = 1 };
  memset (full.detail, 'a', sizeof full.detail);
  for (guint i = 0; i < 2; i++)
    g_assert_cmpuint (satchel_suspects_note_death (suspects, SIGSEGV, &full, 1), ==, 0);
  assert_list (suspects, "");
  satchel_suspects_free (suspects);
}

static void
test_bounded (void)
{
  SatchelSuspects *suspects = satchel_suspects_new ();
  for (guint i = 0; i < 2; i++)
    die (suspects, SIGSEGV, BOX " 7", NULL);
  for (guint i = 0; i < 1000; i++)
    {
      g_autofree char *crumb = g_strdup_printf (BOX " %u", 1000 + i);
      die (suspects, SIGSEGV, crumb, NULL);
    }
  assert_list (suspects, "[" BOX " 7]"); /* those seen once made room for each other */
  for (guint i = 0; i < 2000; i++)
    {
      g_autofree char *crumb = g_strdup_printf (BOX " %u", 10000 + i / 2);
      die (suspects, SIGSEGV, crumb, NULL);
    }
  g_autofree char *text = list (suspects);
  g_auto (GStrv) entries = g_strsplit (text, "]", -1);
  g_assert_cmpuint (g_strv_length (entries) - 1, <=, SATCHEL_SUSPECTS_MAX);
  satchel_suspects_free (suspects);
}

static GBytes *
scan_text (const char *text)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = g_bytes_new (text, strlen (text));
  g_autoptr (SatchelStream) content = satchel_stream_new_bytes (bytes);
  GBytes *attributes = satchel_scan_spooled (content, strlen (text), &error);
  g_assert_no_error (error);
  return attributes;
}

static void
test_content (void)
{
  static const char bad[] = "Subject: bad\r\n\r\nx\r\n", good[] = "Subject: good\r\n\r\nx\r\n";
  g_autoptr (GBytes) before = scan_text (bad);
  g_assert_true (satchel_attributes_is_parsed (before));
  g_autofree char *crumb = satchel_suspect_crumb (bad, strlen (bad), strlen (bad));
  g_assert_true (satchel_suspect_is_valid (crumb));
  satchel_store_add_suspect (crumb);
  g_autoptr (GBytes) after = scan_text (bad), other = scan_text (good);
  g_assert_false (satchel_attributes_is_parsed (after));
  g_assert_cmpuint (satchel_attributes_size (after), ==, strlen (bad));
  g_assert_true (satchel_attributes_is_parsed (other));
}

/* @n deaths in one thread, another being busy with something else. */
static guint
die_in (SatchelSuspects *suspects, guint n, const char *detail, const char *module, const char *call,
        const char *user)
{
  SatchelBreadcrumb crumbs[2] = { { .is_busy = 1, .detail = BOX " 77" }, { .is_busy = 1, .is_culprit = 1 } };
  g_strlcpy (crumbs[1].detail, detail, sizeof crumbs[1].detail);
  g_strlcpy (crumbs[1].module, module, sizeof crumbs[1].module);
  g_strlcpy (crumbs[1].call, call, sizeof crumbs[1].call);
  g_strlcpy (crumbs[1].user, user, sizeof crumbs[1].user);
  guint n_new = 0;
  for (guint i = 0; i < n; i++)
    n_new += satchel_suspects_note_death (suspects, SIGSEGV, crumbs, 2);
  return n_new;
}

static void
assert_blamed (const char *want, guint n, const char *detail, const char *module, const char *call,
               const char *user)
{
  SatchelSuspects *suspects = satchel_suspects_new ();
  die_in (suspects, n, detail, module, call, user);
  assert_list (suspects, want);
  satchel_suspects_free (suspects);
}

/* Only the thread that crashed counts, where it could tell; then its message, the module for that, in the end
 * its user. */
static void
test_culprit (void)
{
  assert_blamed ("[by crypt " BOX " 1][" BOX " 1]", 2, BOX " 1", "crypt", "", "");
  assert_blamed ("[" BOX " 1]", 2, BOX " 1", "", "", "");
  assert_blamed ("[by spam scan 9-0123456789abcdef]", 2, "scan 9-0123456789abcdef", "spam", "filter", "");
  assert_blamed ("", 1, "scan 9-0123456789abcdef", "spam", "filter", "u@example.org");
  assert_blamed ("", 2, "delivery 17", "spam", "filter", "u@example.org");
  assert_blamed ("[user u@example.org]", 3, "delivery 17", "spam", "filter", "u@example.org");
  assert_blamed ("", 3, "", "", "", "\xff\xfe");
  assert_blamed ("[" BOX " 1]", 2, BOX " 1", "../x", "", ""); /* what a taken over process may write */
}

/* A listener is to blame with the user for whom it was called, who is served all the same; which thread it
 * was may be unknown. */
static void
test_listeners (void)
{
  SatchelSuspects *suspects = satchel_suspects_new ();
  SatchelBreadcrumb crumbs[2] = {
    { .is_busy = 1, .operation = "listener spam", .user = "u@example.org", .call = "WORK" },
    { .is_busy = 1, .operation = "imap FETCH", .user = "v@example.org" }
  };
  for (guint i = 0; i < 3; i++)
    {
      assert_list (suspects, "");
      crumbs[0].is_culprit = i < 2;
      g_assert_cmpuint (satchel_suspects_note_death (suspects, SIGSEGV, crumbs, 2), ==, i < 2 ? 0 : 1);
    }
  assert_list (suspects, "[listener spam u@example.org]");
  g_strlcpy (crumbs[0].operation, "listener ../x", sizeof crumbs[0].operation);
  for (guint i = 0; i < 3; i++)
    satchel_suspects_note_death (suspects, SIGSEGV, crumbs, 2);
  assert_list (suspects, "[listener spam u@example.org]");
  satchel_suspects_free (suspects);
}

/* The same message, at the next try of who sends it. */
static void
test_next_try (void)
{
  static const struct
  {
    const char *first, *second;
    gboolean is_same;
  } rows[] = {
    { "Received: from a\r\n\tid 17;\r\n\tMon\r\nSubject: s\r\n\r\nx\r\n",
      "Received: from bbbb\r\n\tid 4711;\r\n\tTuesday\r\nSubject: s\r\n\r\nx\r\n", TRUE },
    { "Return-Path: <a@b>\r\nreceived: x\r\nSubject: s\r\n\r\n", "Return-Path: <>\r\nSubject: s\r\n\r\n",
      TRUE },
    { "Received: x\n y\nSubject: s\n\n", "Subject: s\n\n", TRUE },
    { "Received: x\r\nSubject: s\r\n\r\n", "Received: x\r\nSubject: t\r\n\r\n", FALSE },
    { "Subject: s\r\nReceived: x\r\n\r\n", "Subject: s\r\nReceived: y\r\n\r\n", FALSE },
    { "Received: x", "Received: y", FALSE },
    { "", "x", FALSE },
  };
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *a =
          satchel_suspect_crumb (rows[i].first, strlen (rows[i].first), strlen (rows[i].first));
      g_autofree char *b =
          satchel_suspect_crumb (rows[i].second, strlen (rows[i].second), strlen (rows[i].second));
      g_assert_true (satchel_suspect_is_valid (a));
      g_assert_cmpint (strcmp (a, b) == 0, ==, rows[i].is_same);
    }
}

static void
test_refusals (void)
{
  g_assert_false (satchel_store_refuses_user ("u@example.org"));
  satchel_store_add_suspect ("user u@example.org");
  satchel_store_add_suspect ("by spam scan 9-0123456789abcdef");
  g_assert_true (satchel_store_refuses_user ("u@example.org"));
  g_assert_false (satchel_store_refuses_user ("v@example.org"));
  g_assert_true (satchel_store_is_suspect_by ("spam", "scan 9-0123456789abcdef"));
  g_assert_false (satchel_store_is_suspect_by ("spam", "scan 8-0123456789abcdef"));
  g_assert_false (satchel_store_is_suspect_by ("other", "scan 9-0123456789abcdef"));
  g_assert_false (satchel_store_is_suspect ("scan 9-0123456789abcdef"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/suspects/twice", test_twice);
  g_test_add_func ("/suspects/kills", test_kills_do_not_count);
  g_test_add_func ("/suspects/hostile", test_hostile);
  g_test_add_func ("/suspects/bounded", test_bounded);
  g_test_add_func ("/suspects/content", test_content);
  g_test_add_func ("/suspects/culprit", test_culprit);
  g_test_add_func ("/suspects/listeners", test_listeners);
  g_test_add_func ("/suspects/next-try", test_next_try);
  g_test_add_func ("/suspects/refusals", test_refusals);
  return g_test_run ();
}
