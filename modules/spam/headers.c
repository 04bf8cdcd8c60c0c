/* SPDX-License-Identifier: MIT
 * Reads the fields of a style.  Each name has a reader; the field that counts of each name is chosen by
 * position before any is read.
 */
#include "headers.h"

#include <satchel/header.h>
#include <string.h>

/* All fields together say this. */
typedef struct Reading
{
  gboolean has_flag, is_flagged;
  gint64 score, level, required;
} Reading;

typedef void (*ReadFunc) (const char *value, const char *end, Reading *reading);

static gboolean
begins_with (const char *value, const char *end, const char *word)
{
  gsize len = strlen (word);
  return (gsize) (end - value) >= len && g_ascii_strncasecmp (value, word, len) == 0;
}

static void
note_flag (Reading *reading, gboolean is_spam)
{
  reading->has_flag = TRUE;
  reading->is_flagged = reading->is_flagged || is_spam;
}

/* "YES", "No", "True". */
static void
read_flag (const char *value, const char *end, Reading *reading)
{
  if (begins_with (value, end, "yes") || begins_with (value, end, "true"))
    note_flag (reading, TRUE);
  else if (begins_with (value, end, "no") || begins_with (value, end, "false"))
    note_flag (reading, FALSE);
}

static void
read_score (const char *value, const char *end, Reading *reading)
{
  spam_score_take (&value, end, &reading->score);
}

/* A star, with rspamd a plus, for each whole point. */
static void
read_level (const char *value, const char *end, Reading *reading)
{
  gint64 n = 0;
  while (value < end && (*value == '*' || *value == '+') && n < 1000)
    value++, n++;
  if (n > 0)
    reading->level = n * 1000;
}

/* Finds the number behind @key in "Yes, score=12.3 required=5.0 tests=[...]". */
static void
read_number (const char *value, const char *end, const char *key, gint64 *ret)
{
  const char *at = g_strstr_len (value, end - value, key);
  if (at != NULL && (at == value || at[-1] == ' ' || at[-1] == '\t' || at[-1] == ','))
    {
      at += strlen (key);
      spam_score_take (&at, end, ret);
    }
}

static void
read_status (const char *value, const char *end, Reading *reading)
{
  read_flag (value, end, reading);
  read_number (value, end, "hits=", &reading->score);
  read_number (value, end, "score=", &reading->score);
  read_number (value, end, "required=", &reading->required);
}

/* "default: False [3.20 / 15.00]; SYMBOL(1.00)[...]".  The second number and True belong to the action
 * reject, so that they do not say where spam begins. */
static void
read_result (const char *value, const char *end, Reading *reading)
{
  const char *at = memchr (value, '[', (gsize) (end - value));
  if (at == NULL)
    return;
  at++;
  while (at < end && *at == ' ')
    at++;
  spam_score_take (&at, end, &reading->score);
}

static void
read_action (const char *value, const char *end, Reading *reading)
{
  static const char *const spam[] = { "reject", "add header", "rewrite subject", "quarantine" };
  gboolean is_spam = FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (spam); i++)
    is_spam = is_spam || begins_with (value, end, spam[i]);
  note_flag (reading, is_spam);
}

typedef struct Field
{
  const char *name;
  ReadFunc read;
} Field;
#define FIELDS_MAX 10u
static const Field rspamd_fields[FIELDS_MAX + 1] = {
  { "X-Spamd-Result", read_result }, { "X-Rspamd-Score", read_score }, { "X-Rspamd-Action", read_action },
  { "X-Spam", read_flag },           { "X-Spam-Flag", read_flag },     { "X-Spam-Status", read_status },
  { "X-Spam-Score", read_score },    { "X-Spam-Level", read_level },   { "X-Spamd-Bar", read_level },
};
static const Field usual_fields[FIELDS_MAX + 1] = {
  { "X-Spam-Flag", read_flag },
  { "X-Spam-Status", read_status },
  { "X-Spam-Score", read_score },
  { "X-Spam-Level", read_level },
};
typedef struct Style
{
  const Field *fields; /* ended by a name that is NULL */
  const char *source;
} Style;
static const Style styles[] = {
  [SPAM_STYLE_RSPAMD] = { rspamd_fields, "rspamd-header" },
  [SPAM_STYLE_SPAMASSASSIN] = { usual_fields, "spamassassin-header" },
  [SPAM_STYLE_AMAVIS] = { usual_fields, "amavis-header" },
};

typedef struct Chosen
{
  SatchelHeaderField fields[FIELDS_MAX];
  gboolean has[FIELDS_MAX];
} Chosen;

static void
choose (const SatchelHeaderField *field, const Style *style, gboolean is_last, Chosen *chosen)
{
  for (guint i = 0; style->fields[i].name != NULL; i++)
    if (satchel_header_field_is (field, style->fields[i].name) && (is_last || !chosen->has[i]))
      {
        chosen->has[i] = TRUE;
        chosen->fields[i] = *field;
      }
}

/* Chooses of each name the field that counts.  The first Received field is this server's own. */
static void
choose_fields (const char *block, gsize len, const SpamSource *source, Chosen *ret_chosen)
{
  SatchelHeaderReader reader;
  SatchelHeaderField field;
  guint n_received = 0;
  satchel_header_reader_init (&reader, block, len);
  while (satchel_header_reader_next (&reader, &field))
    {
      n_received += satchel_header_field_is (&field, "Received");
      if (source->position == SPAM_AT_RECEIVED && n_received > source->hops)
        return;
      if (n_received > 0)
        choose (&field, &styles[source->style], source->position == SPAM_AT_BOTTOM, ret_chosen);
    }
}

SpamFinding
spam_headers_read (const char *block, gsize len, const SpamSource *source)
{
  const Style *style = &styles[source->style];
  Reading reading = { .score = SPAM_NO_SCORE, .level = SPAM_NO_SCORE, .required = SPAM_NO_SCORE };
  Chosen chosen = { 0 };
  choose_fields (block, len, source, &chosen);
  for (guint i = 0; style->fields[i].name != NULL; i++)
    if (chosen.has[i])
      {
        g_autofree char *value =
            satchel_header_unfold (chosen.fields[i].value, chosen.fields[i].value_len, NULL);
        style->fields[i].read (value, value + strlen (value), &reading);
      }
  SpamFinding finding = { reading.has_flag, reading.is_flagged,
                          reading.score != SPAM_NO_SCORE ? reading.score : reading.level, reading.required,
                          NULL };
  if (finding.has_flag || finding.score != SPAM_NO_SCORE)
    finding.source = style->source;
  return finding;
}
