/* SPDX-License-Identifier: MIT
 * Implements notices as structs, and as records whose fields are separated by tabs and escaped as in C.
 */
#include "notice.h"

#include <string.h>

#define N_FIELDS 9u

static const char *const kind_names[NOTICE_KINDS] = {
  [SATCHEL_ACCOUNT_FACTOR_ADDED] = "factor-added",
  [SATCHEL_ACCOUNT_FACTOR_SHUT] = "factor-shut",
  [SATCHEL_ACCOUNT_APP_PASSWORD_ADDED] = "app-password-added",
  [SATCHEL_ACCOUNT_DEVICE_ADDED] = "device-added",
  [SATCHEL_ACCOUNT_PASSWORD_ALONE] = "password-alone",
};

const char *
notice_kind_name (guint kind)
{
  return kind < NOTICE_KINDS ? kind_names[kind] : NULL;
}

guint
notice_kind_find (const char *name)
{
  for (guint kind = 1; kind < NOTICE_KINDS; kind++)
    if (strcmp (kind_names[kind], name) == 0)
      return kind;
  return 0;
}

/* Makes one line of the name that a client gives itself; characters that do not print become blanks. */
static char *
clean_text (const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, (gssize) strnlen (text, NOTICE_TEXT_BYTES));
  GString *clean = g_string_new (NULL);
  for (const char *at = valid; *at != '\0'; at = g_utf8_next_char (at))
    g_string_append_unichar (clean, g_unichar_isprint (g_utf8_get_char (at)) ? g_utf8_get_char (at) : ' ');
  return g_string_free (clean, FALSE);
}

static gboolean
is_user (const char *user)
{
  gsize len = strlen (user);
  if (len == 0 || len > NOTICE_USER_BYTES || !g_utf8_validate (user, (gssize) len, NULL))
    return FALSE;
  for (const char *at = user; *at != '\0'; at = g_utf8_next_char (at))
    if (!g_unichar_isprint (g_utf8_get_char (at)))
      return FALSE;
  return TRUE;
}

Notice *
notice_new (const SatchelAccountEvent *event)
{
  if (!is_user (event->user))
    return NULL;
  Notice *notice = g_new0 (Notice, 1);
  notice->kind = event->kind;
  notice->user = g_strdup (event->user);
  notice->network = clean_text (event->network);
  notice->service = clean_text (event->service);
  notice->client = clean_text (event->client);
  notice->label = clean_text (event->label);
  notice->time_s = event->time_s;
  return notice;
}

void
notice_free (Notice *notice)
{
  if (notice == NULL)
    return;
  g_free (notice->user);
  g_free (notice->network);
  g_free (notice->service);
  g_free (notice->client);
  g_free (notice->label);
  g_free (notice);
}

char *
notice_record (const Notice *notice)
{
  g_autofree char *user = g_strescape (notice->user, NULL), *client = g_strescape (notice->client, NULL),
                  *label = g_strescape (notice->label, NULL);
  g_autofree char *network = g_strescape (notice->network, NULL),
                  *service = g_strescape (notice->service, NULL);
  return g_strdup_printf ("n\t%" G_GUINT64_FORMAT "\t%s\t%" G_GINT64_FORMAT "\t%s\t%s\t%s\t%s\t%s",
                          notice->id, notice_kind_name (notice->kind), notice->time_s, user, network, service,
                          client, label);
}

Notice *
notice_parse (const char *record)
{
  g_auto (GStrv) fields = g_strsplit (record, "\t", N_FIELDS + 1);
  guint64 id;
  gint64 time_s;
  if (g_strv_length (fields) != N_FIELDS || strcmp (fields[0], "n") != 0
      || !g_ascii_string_to_unsigned (fields[1], 10, 1, G_MAXUINT64 - 1, &id, NULL)
      || !g_ascii_string_to_signed (fields[3], 10, 0, G_MAXINT64, &time_s, NULL)
      || notice_kind_find (fields[2]) == 0)
    return NULL;
  char *texts[N_FIELDS - 4];
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    texts[i] = g_strcompress (fields[4 + i]);
  Notice *notice = notice_new (&(SatchelAccountEvent) { .size = sizeof (SatchelAccountEvent),
                                                        .kind = notice_kind_find (fields[2]),
                                                        .user = texts[0],
                                                        .network = texts[1],
                                                        .service = texts[2],
                                                        .client = texts[3],
                                                        .label = texts[4],
                                                        .time_s = time_s });
  if (notice != NULL)
    notice->id = id;
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    g_free (texts[i]);
  return notice;
}
