/* SPDX-License-Identifier: MIT
 * A record is a line of fields with tabs between them: the format's number, the time, the access.
 */
#include "record.h"

#include <string.h>

#define FORMAT "1"
#define FIELD_BYTES 150u /* so that all fields fit into a value of metadata */
enum
{
  FIELD_FORMAT,
  FIELD_TIME,
  FIELD_CAUSE,
  FIELD_SERVICE,
  FIELD_SESSION,
  FIELD_PEER,
  FIELD_USER,
  N_FIELDS
};
G_STATIC_ASSERT (N_FIELDS *(FIELD_BYTES + 1) + 32 <= SATCHEL_METADATA_BYTES + FIELD_BYTES);

static void
append_field (GString *line, const char *text)
{
  g_string_append_c (line, '\t');
  for (gsize i = 0; text[i] != '\0' && i < FIELD_BYTES; i++)
    g_string_append_c (line, (guchar) text[i] < ' ' || text[i] == 0x7f ? '?' : text[i]);
}

GBytes *
retention_record_new (gint64 time_s, const SatchelAccess *access)
{
  GString *line = g_string_new (FORMAT);
  g_string_append_printf (line, "\t%" G_GINT64_FORMAT, time_s);
  append_field (line, satchel_cause_name (access->cause));
  append_field (line, access->service);
  append_field (line, access->session_id);
  append_field (line, access->peer);
  append_field (line, strcmp (access->user, access->owner) == 0 ? "" : access->user);
  return g_string_free_to_bytes (line);
}

gboolean
retention_record_parse (GBytes *value, RetentionRecord *ret_record)
{
  gsize len;
  const char *data = g_bytes_get_data (value, &len);
  g_autofree char *text = g_strndup (data, len);
  g_auto (GStrv) fields = g_strsplit (text, "\t", N_FIELDS + 1);
  gint64 time_s;
  if (g_strv_length (fields) < N_FIELDS || strcmp (fields[FIELD_FORMAT], FORMAT) != 0
      || !g_ascii_string_to_signed (fields[FIELD_TIME], 10, 0, G_MAXINT64, &time_s, NULL))
    return FALSE;
  *ret_record = (RetentionRecord) { .time_s = time_s,
                                    .cause = g_strdup (fields[FIELD_CAUSE]),
                                    .service = g_strdup (fields[FIELD_SERVICE]),
                                    .session_id = g_strdup (fields[FIELD_SESSION]),
                                    .peer = g_strdup (fields[FIELD_PEER]),
                                    .user = g_strdup (fields[FIELD_USER]) };
  return TRUE;
}

void
retention_record_clear (RetentionRecord *record)
{
  g_free (record->cause);
  g_free (record->service);
  g_free (record->session_id);
  g_free (record->peer);
  g_free (record->user);
  *record = (RetentionRecord) { 0 };
}
