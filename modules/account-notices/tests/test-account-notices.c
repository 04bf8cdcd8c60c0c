/* SPDX-License-Identifier: MIT
 * This program tests notices: templates, messages whose structure no text can change, limits, and the
 * queue's file.
 */
#include "rate.h"
#include "message.h"
#include "queue.h"

#include <glib/gstdio.h>
#include <string.h>

#define HOUR_MS (3600 * G_GINT64_CONSTANT (1000))

static Notice *
make (const char *network, const char *client, SatchelAccountEventKind kind)
{
  return notice_new (&(SatchelAccountEvent) { .size = sizeof (SatchelAccountEvent),
                                              .kind = kind,
                                              .user = "anna@example.org",
                                              .network = network,
                                              .service = "imap",
                                              .client = client,
                                              .label = "Phone",
                                              .time_s = 86400 });
}

static void
test_template (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Notice) notice = make ("192.0.2.1", "${user} 7", SATCHEL_ACCOUNT_DEVICE_ADDED);
  g_autoptr (Template) text =
      template_new ("Subject: Konto ${user}\r\ndevice-added: neues Ger\xc3\xa4t\r\n\r\n"
                    "${what} ${network} ${service} ${label} ${client} ${time}$\n",
                    &error);
  g_assert_no_error (error);
  g_autofree char *subject = template_subject (text, notice), *body = template_body (text, notice);
  g_assert_cmpstr (subject, ==, "Konto anna@example.org");
  g_assert_cmpstr (body, ==, "neues Ger\xc3\xa4t 192.0.2.1 imap Phone ${user} 7 1970-01-02 00:00:00 UTC$\n");
}

static void
test_bad_templates (void)
{
  static const char *const bad[] = { "",
                                     "Subject: x\n",
                                     "Subject: x\n\n${password}",
                                     "Subject: x\n\n${user",
                                     "Subject: ${}\n\nx",
                                     "Subject: x\nBcc: eve@example.org\n\nx",
                                     "device-added: x\n\nx",
                                     "Subject: x\n\n\x01",
                                     "Subject: x\n\n\xff" };
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;
      Template *text = template_new (bad[i], &error);
      g_assert_null (text);
      g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_INVALID);
    }
  g_autofree char *big = g_strnfill (TEMPLATE_BYTES_MAX, 'x');
  g_autofree char *too_big = g_strconcat ("Subject: x\n\n", big, NULL);
  g_assert_null (template_new (too_big, NULL));
}

/* Checks that the header of a message, up to the empty line, has these fields and no others. */
static void
check_fields (GBytes *message, char **ret_head)
{
  static const char *const fields[] = {
    "Return-Path", "Date",           "From",         "To",           "Subject",
    "Message-ID",  "Auto-Submitted", "MIME-Version", "Content-Type", "Content-Transfer-Encoding"
  };
  gsize len;
  const char *data = g_bytes_get_data (message, &len);
  g_autofree char *whole = g_strndup (data, len);
  char *end = strstr (whole, "\r\n\r\n");
  g_assert_nonnull (end);
  g_assert_cmpuint (len, <=, SATCHEL_ACCOUNT_MAIL_BYTES_MAX);
  *end = '\0';
  g_auto (GStrv) lines = g_strsplit (whole, "\r\n", -1);
  guint n = 0;
  for (char **line = lines; *line != NULL; line++)
    {
      g_assert_cmpuint (strlen (*line), <, 998);
      for (const char *at = *line; *at != '\0'; at++)
        g_assert_true (g_ascii_isprint (*at));
      if (**line == ' ')
        continue;
      g_assert_cmpuint (n, <, G_N_ELEMENTS (fields));
      g_assert_true (g_str_has_prefix (*line, fields[n]));
      n++;
    }
  g_assert_cmpuint (n, ==, G_N_ELEMENTS (fields));
  *ret_head = g_steal_pointer (&whole);
}

static void
test_message (void)
{
  g_autofree char *head = NULL;
  g_autoptr (Template) text = template_new ("Subject: ${client}\n\n${client}\n", NULL);
  g_autoptr (Notice) notice =
      make ("192.0.2.1", "Mail\r\nBcc: eve@example.org\r\n\r\nx \xc3\xa4\xff", SATCHEL_ACCOUNT_DEVICE_ADDED);
  g_autoptr (GBytes) message = message_new (notice, text, NULL);
  check_fields (message, &head);
  g_assert_nonnull (strstr (head, "Date: Fri, 02 Jan 1970 00:00:00 +0000"));
  g_assert_nonnull (strstr (head, "From: postmaster@example.org"));
  g_assert_nonnull (strstr (head, "To: anna@example.org"));
  g_assert_null (strstr (head, "eve"));
}

static void
test_hostile_names (void)
{
  static const char *const users[] = { "a\"b@example.org", "\xc3\xa4@example.org", "a,b@example.org",
                                       "a@ex<am>ple.org" };
  g_autoptr (Template) text = template_new (NULL, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (users); i++)
    {
      g_autofree char *head = NULL, *client = g_strnfill (5000, 'c');
      SatchelAccountEvent event = { .size = sizeof event, .kind = SATCHEL_ACCOUNT_PASSWORD_ALONE };
      event.user = users[i];
      event.network = event.service = event.label = "";
      event.client = client;
      g_autoptr (Notice) notice = notice_new (&event);
      g_assert_cmpuint (strlen (notice->client), ==, NOTICE_TEXT_BYTES);
      g_autoptr (GBytes) message = message_new (notice, text, "Team <team@example.org>");
      check_fields (message, &head);
      g_assert_nonnull (strstr (head, "To: undisclosed-recipients:;"));
      g_assert_nonnull (strstr (head, "From: Team <team@example.org>"));
    }
  g_assert_null (notice_new (&(SatchelAccountEvent) { .kind = 1, .user = "a\r\nb@example.org" }));
  g_assert_false (message_is_sender ("a@example.org\r\nBcc: eve@example.org"));
  g_assert_false (message_is_sender ("nobody"));
}

/* An encoded subject has whole characters in each word. */
static void
test_long_subject (void)
{
  g_autofree char *head = NULL;
  g_autoptr (Template) text = template_new ("Subject: x${client}\n\nx\n", NULL);
  g_autofree char *client = g_strdup ("");
  for (guint i = 0; i < 40; i++)
    {
      char *more = g_strconcat (client, "\xe2\x82\xac", NULL);
      g_free (client);
      client = more;
    }
  g_autoptr (Notice) notice = make ("", client, SATCHEL_ACCOUNT_DEVICE_ADDED);
  g_autoptr (GBytes) message = message_new (notice, text, NULL);
  check_fields (message, &head);
  g_auto (GStrv) words = g_strsplit (strstr (head, "Subject: "), "=?UTF-8?B?", -1);
  g_autoptr (GString) decoded = g_string_new (NULL);
  for (char **word = words + 1; *word != NULL; word++)
    {
      gsize len;
      g_autofree char *base64 = g_strndup (*word, strcspn (*word, "?"));
      g_autofree guchar *bytes = g_base64_decode (base64, &len);
      g_assert_cmpuint (strlen ("=?UTF-8?B?"
                                "?=")
                            + strlen (base64),
                        <=, 75);
      g_assert_true (g_utf8_validate ((const char *) bytes, (gssize) len, NULL));
      g_string_append_len (decoded, (const char *) bytes, (gssize) len);
    }
  g_autofree char *expected = g_strconcat ("x", client, NULL);
  g_assert_cmpstr (decoded->str, ==, expected);
}

static void
test_limits (void)
{
  Limits *limits = limits_new ();
  g_autoptr (Notice) one = make ("192.0.2.1", "", SATCHEL_ACCOUNT_PASSWORD_ALONE);
  g_autoptr (Notice) other_kind = make ("192.0.2.1", "", SATCHEL_ACCOUNT_DEVICE_ADDED);
  g_autoptr (Notice) other_network = make ("192.0.2.2", "", SATCHEL_ACCOUNT_PASSWORD_ALONE);
  g_assert_true (limits_take (limits, one, 3, 0));
  g_assert_false (limits_take (limits, one, 3, HOUR_MS - 1));
  g_assert_true (limits_take (limits, other_kind, 3, 0));
  g_assert_true (limits_take (limits, one, 3, HOUR_MS));
  g_assert_false (limits_take (limits, other_network, 3, HOUR_MS));
  g_assert_true (limits_take (limits, other_network, 3, 24 * HOUR_MS));
  limits_free (limits);
}

static void
test_queue (void)
{
  g_autofree char *directory = g_dir_make_tmp ("notices-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (directory, "q", NULL);
  Queue *queue = queue_new (path);
  g_assert_true (queue_add (queue, make ("192.0.2.1", "a\tb\n\xc3\xa4", SATCHEL_ACCOUNT_DEVICE_ADDED)));
  g_assert_true (queue_add (queue, make ("192.0.2.2", "", SATCHEL_ACCOUNT_FACTOR_SHUT)));
  queue_sync (queue);
  queue_remove (queue, queue_find (queue, 2));
  queue_free (queue);
  queue = queue_new (path);
  g_assert_cmpuint (queue_all (queue)->len, ==, 1);
  const Notice *notice = queue_all (queue)->pdata[0];
  g_assert_cmpstr (notice->client, ==, "a b \xc3\xa4");
  g_assert_cmpstr (notice->network, ==, "192.0.2.1");
  g_assert_cmpstr (notice->label, ==, "Phone");
  g_assert_cmpuint (notice->kind, ==, SATCHEL_ACCOUNT_DEVICE_ADDED);
  g_assert_cmpint (notice->time_s, ==, 86400);
  for (guint i = 1; i < QUEUE_MAX; i++)
    g_assert_true (queue_add (queue, make ("192.0.2.2", "", SATCHEL_ACCOUNT_FACTOR_SHUT)));
  g_assert_false (queue_add (queue, make ("192.0.2.2", "", SATCHEL_ACCOUNT_FACTOR_SHUT)));
  queue_free (queue);
  g_unlink (path);
  g_rmdir (directory);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/notices/template", test_template);
  g_test_add_func ("/notices/bad-templates", test_bad_templates);
  g_test_add_func ("/notices/message", test_message);
  g_test_add_func ("/notices/hostile-names", test_hostile_names);
  g_test_add_func ("/notices/long-subject", test_long_subject);
  g_test_add_func ("/notices/limits", test_limits);
  g_test_add_func ("/notices/queue", test_queue);
  return g_test_run ();
}
