/* SPDX-License-Identifier: MIT
 * query.h. The keys become a tree, which is asked in two passes: first what rows and attributes tell, then,
 * if that leaves the answer open, all texts that are looked for in the content, in one reading of it.
 */
#include "query.h"

#include <satchel/attributes.h>
#include <satchel/date.h>
#include <satchel/search.h>
#include <string.h>

#define KEYS_MAX 100u /* of one query */
#define DEPTH_MAX 20u /* of NOT, OR and parentheses */

typedef enum
{
  KEY_ALL = 0,
  KEY_AND,
  KEY_OR,
  KEY_NOT,
  KEY_FLAG,    /* number: the flags; has_it */
  KEY_KEYWORD, /* text; has_it */
  KEY_LARGER,
  KEY_SMALLER,
  KEY_DATE, /* number: the day; compares, of_header */
  KEY_FIELD,
  KEY_CONTENT
} KeyKind;

typedef struct Key Key;
struct Key
{
  KeyKind kind;
  gint64 number;
  gboolean has_it, of_header;
  int from, to; /* KEY_DATE: the days that fit, relative to `number`, as signs: -1 before, 0 on, 1 after */
  char *text;   /* the keyword, or the name of the field */
  SatchelNeedle *needle;
  guint term; /* KEY_FIELD, KEY_CONTENT: its number in `terms` */
  SatchelSearchKind search;
  GPtrArray *keys; /* AND, OR, NOT */
};

struct RetentionQuery
{
  Key *top;
  GPtrArray *looked_for; /* borrowed keys that have a term, in their order */
};

static void
key_free (gpointer data)
{
  Key *key = data;
  g_free (key->text);
  g_clear_pointer (&key->needle, satchel_needle_free);
  g_clear_pointer (&key->keys, g_ptr_array_unref);
  g_free (key);
}

/* ---- words ---- */

/* Words and parentheses of @text; a quoted word may have blanks, and is no key. NULL with INVALID. */
static GPtrArray *
split (const char *text, GError **error)
{
  g_autoptr (GPtrArray) words = g_ptr_array_new_with_free_func (g_free);
  while (*text != '\0')
    {
      g_autoptr (GString) word = g_string_new (NULL);
      if (*text == ' ')
        {
          text++;
          continue;
        }
      if (*text == '(' || *text == ')')
        g_string_append_c (word, *text++);
      else if (*text == '"')
        {
          g_string_append_c (word, '"'); /* marks it as quoted */
          for (text++; *text != '"'; text++)
            {
              text += *text == '\\';
              if (*text == '\0')
                {
                  satchel_error_set (error, SATCHEL_ERROR_INVALID, "a double quote is missing at the end");
                  return NULL;
                }
              g_string_append_c (word, *text);
            }
          text++;
        }
      else
        while (*text != '\0' && strchr (" ()\"", *text) == NULL)
          g_string_append_c (word, *text++);
      g_ptr_array_add (words, g_strdup (word->str));
    }
  return g_steal_pointer (&words);
}

typedef struct Parser
{
  GPtrArray *words;
  guint at, n_keys, depth;
  GPtrArray *looked_for;
} Parser;

/* Returns the next word without the mark of a quoted one; NULL with INVALID: there is none. */
static const char *
next_word (Parser *parser, const char *after, GError **error)
{
  if (parser->at == parser->words->len)
    {
      satchel_error_set (error, SATCHEL_ERROR_INVALID, "something is missing after %s", after);
      return NULL;
    }
  const char *word = parser->words->pdata[parser->at++];
  return word[0] == '"' ? word + 1 : word;
}

/* ---- keys ---- */

typedef struct Word
{
  const char *name;
  KeyKind kind;
  gint64 number;
  gboolean has_it, of_header;
  int from, to;
  const char *text; /* the field */
  SatchelSearchKind search;
} Word;
#define FLAG(name, flag)                                                                                     \
  { name, KEY_FLAG, flag, TRUE },                                                                            \
  {                                                                                                          \
    "UN" name, KEY_FLAG, flag, FALSE                                                                         \
  }
#define FIELD(name) { name, KEY_FIELD, .text = name, .search = SATCHEL_SEARCH_HEADER }
static const Word known[] = {
  { "ALL", KEY_ALL },
  FLAG ("SEEN", SATCHEL_FLAG_SEEN),
  FLAG ("ANSWERED", SATCHEL_FLAG_ANSWERED),
  FLAG ("FLAGGED", SATCHEL_FLAG_FLAGGED),
  FLAG ("DRAFT", SATCHEL_FLAG_DRAFT),
  { "KEYWORD", KEY_KEYWORD, .has_it = TRUE },
  { "UNKEYWORD", KEY_KEYWORD, .has_it = FALSE },
  { "LARGER", KEY_LARGER },
  { "SMALLER", KEY_SMALLER },
  { "BEFORE", KEY_DATE, .from = -1, .to = -1 },
  { "ON", KEY_DATE, .from = 0, .to = 0 },
  { "SINCE", KEY_DATE, .from = 0, .to = 1 },
  { "SENTBEFORE", KEY_DATE, .from = -1, .to = -1, .of_header = TRUE },
  { "SENTON", KEY_DATE, .from = 0, .to = 0, .of_header = TRUE },
  { "SENTSINCE", KEY_DATE, .from = 0, .to = 1, .of_header = TRUE },
  FIELD ("BCC"),
  FIELD ("CC"),
  FIELD ("FROM"),
  FIELD ("SUBJECT"),
  FIELD ("TO"),
  { "HEADER", KEY_FIELD, .search = SATCHEL_SEARCH_HEADER },
  { "BODY", KEY_CONTENT, .search = SATCHEL_SEARCH_BODY },
  { "TEXT", KEY_CONTENT, .search = SATCHEL_SEARCH_TEXT },
};

static const Word *
find_word (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (known); i++)
    if (g_ascii_strcasecmp (known[i].name, name) == 0)
      return &known[i];
  return NULL;
}

static gboolean
read_number (const char *word, Key *key, GError **error)
{
  return g_ascii_string_to_signed (word, 10, 0, G_MAXINT64, &key->number, NULL)
         || satchel_error_set (error, SATCHEL_ERROR_INVALID, "\"%s\" is no number", word);
}

static gboolean
read_needle (Parser *parser, const Word *word, Key *key, GError **error)
{
  const char *text = next_word (parser, word->name, error);
  if (text == NULL)
    return FALSE;
  key->needle = satchel_needle_new (text, strlen (text));
  key->term = parser->looked_for->len;
  g_ptr_array_add (parser->looked_for, key);
  return TRUE;
}

/* Reads what stands behind the name of the key. */
static gboolean
read_arguments (Parser *parser, const Word *word, Key *key, GError **error)
{
  const char *text = NULL;
  gboolean has_text = word->kind == KEY_KEYWORD || word->kind == KEY_LARGER || word->kind == KEY_SMALLER
                      || word->kind == KEY_DATE || (word->kind == KEY_FIELD && word->text == NULL);
  if (has_text && (text = next_word (parser, word->name, error)) == NULL)
    return FALSE;
  key->text = g_strdup (text != NULL ? text : word->text);
  if (word->kind == KEY_LARGER || word->kind == KEY_SMALLER)
    return read_number (text, key, error);
  if (word->kind == KEY_DATE)
    return satchel_imap_date_parse (text, strlen (text), &key->number)
           || satchel_error_set (error, SATCHEL_ERROR_INVALID, "\"%s\" is no date such as 1-Feb-2026", text);
  if (word->kind == KEY_FIELD || word->kind == KEY_CONTENT)
    return read_needle (parser, word, key, error);
  return TRUE;
}

static Key *read_key (Parser *parser, GError **error);

/* Reads @n keys into @key; 0: all up to the end, or to ')' (@is_group). */
static gboolean
read_keys (Parser *parser, Key *key, guint n, gboolean is_group, GError **error)
{
  key->keys = g_ptr_array_new_with_free_func (key_free);
  while (n == 0 || key->keys->len < n)
    {
      if (n == 0 && parser->at == parser->words->len)
        return !is_group || satchel_error_set (error, SATCHEL_ERROR_INVALID, "a ) is missing at the end");
      if (n == 0 && is_group && strcmp (parser->words->pdata[parser->at], ")") == 0)
        {
          parser->at++;
          return TRUE;
        }
      Key *one = read_key (parser, error);
      if (one == NULL)
        return FALSE;
      g_ptr_array_add (key->keys, one);
    }
  return TRUE;
}

static gboolean
read_compound (Parser *parser, const char *word, Key *key, GError **error)
{
  key->kind = word[0] == '(' ? KEY_AND : g_ascii_strcasecmp (word, "OR") == 0 ? KEY_OR : KEY_NOT;
  if (++parser->depth > DEPTH_MAX)
    return satchel_error_set (error, SATCHEL_ERROR_LIMIT, "NOT, OR and ( are nested too deeply");
  gboolean ok = read_keys (parser, key,
                           key->kind == KEY_AND  ? 0
                           : key->kind == KEY_OR ? 2
                                                 : 1,
                           word[0] == '(', error);
  parser->depth--;
  return ok;
}

static gboolean
is_compound (const char *word)
{
  return strcmp (word, "(") == 0 || g_ascii_strcasecmp (word, "OR") == 0
         || g_ascii_strcasecmp (word, "NOT") == 0;
}

/* Fills @key, to which @looked_for may point from here on, so that it lives on after an error. */
static gboolean
fill_key (Parser *parser, Key *key, GError **error)
{
  const char *name = next_word (parser, "NOT or OR", error);
  if (name == NULL)
    return FALSE;
  if (++parser->n_keys > KEYS_MAX)
    return satchel_error_set (error, SATCHEL_ERROR_LIMIT, "there are more than %u search keys", KEYS_MAX);
  if (is_compound (name))
    return read_compound (parser, name, key, error);
  const Word *word = find_word (name);
  if (word == NULL)
    return satchel_error_set (error, SATCHEL_ERROR_INVALID,
                              "\"%s\" is no search key; put texts with blanks in double quotes", name);
  key->kind = word->kind;
  key->number = word->number;
  key->has_it = word->has_it;
  key->of_header = word->of_header;
  key->from = word->from;
  key->to = word->to;
  key->search = word->search;
  return read_arguments (parser, word, key, error);
}

static Key *
read_key (Parser *parser, GError **error)
{
  Key *key = g_new0 (Key, 1);
  if (fill_key (parser, key, error))
    return key;
  key_free (key);
  return NULL;
}

RetentionQuery *
retention_query_new (const char *text, GError **error)
{
  g_autoptr (GPtrArray) words = g_utf8_validate (text, -1, NULL) ? split (text, error) : NULL;
  if (words == NULL)
    {
      if (error != NULL && *error == NULL)
        satchel_error_set (error, SATCHEL_ERROR_INVALID, "the query is not UTF-8");
      return NULL;
    }
  RetentionQuery *query = g_new0 (RetentionQuery, 1);
  query->looked_for = g_ptr_array_new ();
  query->top = g_new0 (Key, 1);
  query->top->kind = KEY_AND;
  Parser parser = { .words = words, .looked_for = query->looked_for };
  if (read_keys (&parser, query->top, 0, FALSE, error))
    return query;
  retention_query_free (query);
  return NULL;
}

void
retention_query_free (RetentionQuery *query)
{
  key_free (query->top);
  g_ptr_array_unref (query->looked_for);
  g_free (query);
}

/* ---- answers ---- */

/* A query is asked about this message. */
typedef struct Subject
{
  const SatchelMessageRow *row;
  const SatchelSnapshot *snapshot;
  GBytes *attributes;
  const SatchelSearchTerm *terms; /* NULL: the content was not read */
} Subject;

static SatchelMatch
match_if (gboolean is_so)
{
  return is_so ? SATCHEL_MATCH_YES : SATCHEL_MATCH_NO;
}

static SatchelMatch
match_date (const Key *key, const Subject *subject)
{
  gint64 time = subject->row->internal_date;
  int zone = 0;
  if (key->of_header)
    satchel_attributes_sent_date (subject->attributes, &time, &zone);
  gint64 day = satchel_date_day (time, zone);
  int sign = day < key->number ? -1 : day > key->number;
  return match_if (sign >= key->from && sign <= key->to);
}

static SatchelMatch
match_keyword (const Key *key, const Subject *subject)
{
  int bit = satchel_snapshot_keyword (subject->snapshot, key->text);
  gboolean has_it = bit >= 0 && (subject->row->keywords.words[bit / 64] >> (guint) bit % 64 & 1) != 0;
  return match_if (has_it == key->has_it);
}

static SatchelMatch
match_text (const Key *key, const Subject *subject)
{
  if (subject->terms != NULL)
    return match_if (subject->terms[key->term].is_found);
  return key->kind == KEY_FIELD ? satchel_search_header (subject->attributes, key->text, key->needle)
                                : SATCHEL_MATCH_UNKNOWN;
}

static SatchelMatch match (const Key *key, const Subject *subject);

/* AND and OR: the first key that answers @decides ends it. */
static SatchelMatch
match_all (const Key *key, const Subject *subject, SatchelMatch decides)
{
  SatchelMatch found = decides == SATCHEL_MATCH_NO ? SATCHEL_MATCH_YES : SATCHEL_MATCH_NO;
  for (guint i = 0; i < key->keys->len; i++)
    {
      SatchelMatch one = match (key->keys->pdata[i], subject);
      if (one == decides)
        return one;
      if (one == SATCHEL_MATCH_UNKNOWN)
        found = one;
    }
  return found;
}

static SatchelMatch
match_not (SatchelMatch found)
{
  return found == SATCHEL_MATCH_UNKNOWN ? found : match_if (found == SATCHEL_MATCH_NO);
}

static SatchelMatch
match (const Key *key, const Subject *subject)
{
  const SatchelMessageRow *row = subject->row;
  switch (key->kind)
    {
    case KEY_ALL:
      return SATCHEL_MATCH_YES;
    case KEY_AND:
      return match_all (key, subject, SATCHEL_MATCH_NO);
    case KEY_OR:
      return match_all (key, subject, SATCHEL_MATCH_YES);
    case KEY_NOT:
      return match_not (match (key->keys->pdata[0], subject));
    case KEY_FLAG:
      return match_if (((row->flags & (guint32) key->number) != 0) == key->has_it);
    case KEY_KEYWORD:
      return match_keyword (key, subject);
    case KEY_LARGER:
      return match_if (row->size != SATCHEL_SIZE_UNKNOWN && row->size > (guint64) key->number);
    case KEY_SMALLER:
      return match_if (row->size != SATCHEL_SIZE_UNKNOWN && row->size < (guint64) key->number);
    case KEY_DATE:
      return match_date (key, subject);
    case KEY_FIELD:
    case KEY_CONTENT:
      return match_text (key, subject);
    }
  return SATCHEL_MATCH_NO;
}

/* Looks for all texts in the content. */
static gboolean
match_content (const RetentionQuery *query, SatchelMailbox *mailbox, Subject *subject, gboolean *ret_matches,
               GError **error)
{
  g_autofree SatchelSearchTerm *terms = g_new0 (SatchelSearchTerm, query->looked_for->len);
  g_autoptr (SatchelStream) content = satchel_mailbox_open_message (mailbox, subject->row->uid, error);
  if (content == NULL)
    return FALSE;
  for (guint i = 0; i < query->looked_for->len; i++)
    {
      const Key *key = query->looked_for->pdata[i];
      terms[i] = (SatchelSearchTerm) { .kind = key->search, .name = key->text, .needle = key->needle };
    }
  if (!satchel_search_content (subject->attributes, content, terms, query->looked_for->len, error))
    return FALSE;
  subject->terms = terms;
  *ret_matches = match (query->top, subject) == SATCHEL_MATCH_YES;
  return TRUE;
}

gboolean
retention_query_matches (const RetentionQuery *query, SatchelMailbox *mailbox, const SatchelMessageRow *row,
                         gboolean *ret_matches, GError **error)
{
  GBytes *blob = NULL;
  g_autoptr (SatchelSnapshot) snapshot = satchel_mailbox_snapshot (mailbox);
  if (!satchel_mailbox_attributes (mailbox, &row->uid, 1, &blob, NULL, error))
    return FALSE;
  g_autoptr (GBytes) attributes = blob;
  *ret_matches = FALSE;
  if (attributes == NULL) /* it has gone */
    return TRUE;
  Subject subject = { .row = row, .snapshot = snapshot, .attributes = attributes };
  SatchelMatch found = match (query->top, &subject);
  *ret_matches = found == SATCHEL_MATCH_YES;
  return found != SATCHEL_MATCH_UNKNOWN || match_content (query, mailbox, &subject, ret_matches, error);
}
