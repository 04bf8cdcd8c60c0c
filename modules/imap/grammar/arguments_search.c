/* SPDX-License-Identifier: MIT
 * This file reads the arguments of SEARCH, SORT and THREAD: result options (RFC 4731, RFC 5182, RFC 5267),
 * criteria (RFC 5256, RFC 5957) and a tree of keys (RFC 3501 6.4.4, search-key of 9; RFC 5032, RFC 8474, RFC
 * 8514).  Chains of OR are kept flat, so that depth is bounded without refusing what clients send.  Pure.
 */
#include "grammar/arguments.h"

#include <satchel/date.h>
#include <satchel/search.h>
#include <satchel/sort.h>
#include <string.h>

typedef enum
{
  TAKES_NOTHING = 0,
  TAKES_STRING,
  TAKES_FIELD_AND_STRING,
  TAKES_KEYWORD,
  TAKES_DATE,
  TAKES_NUMBER,
  TAKES_INTERVAL,
  TAKES_OBJECTID,
  TAKES_SET,
  TAKES_MODSEQ,
  TAKES_KEY,
  TAKES_TWO_KEYS
} Takes;

static const struct KeyRow
{
  const char *name;
  ImapKeyKind kind;
  Takes takes;
  gboolean is_negated;
  guint32 mask, value;
  const char *field;
} rows[] = {
  { "ALL", IMAP_KEY_ALL },
  { "ANSWERED", IMAP_KEY_FLAGS, .mask = SATCHEL_FLAG_ANSWERED, .value = SATCHEL_FLAG_ANSWERED },
  { "DELETED", IMAP_KEY_FLAGS, .mask = SATCHEL_FLAG_DELETED, .value = SATCHEL_FLAG_DELETED },
  { "DRAFT", IMAP_KEY_FLAGS, .mask = SATCHEL_FLAG_DRAFT, .value = SATCHEL_FLAG_DRAFT },
  { "FLAGGED", IMAP_KEY_FLAGS, .mask = SATCHEL_FLAG_FLAGGED, .value = SATCHEL_FLAG_FLAGGED },
  { "SEEN", IMAP_KEY_FLAGS, .mask = SATCHEL_FLAG_SEEN, .value = SATCHEL_FLAG_SEEN },
  { "UNANSWERED", IMAP_KEY_FLAGS, .mask = SATCHEL_FLAG_ANSWERED },
  { "UNDELETED", IMAP_KEY_FLAGS, .mask = SATCHEL_FLAG_DELETED },
  { "UNDRAFT", IMAP_KEY_FLAGS, .mask = SATCHEL_FLAG_DRAFT },
  { "UNFLAGGED", IMAP_KEY_FLAGS, .mask = SATCHEL_FLAG_FLAGGED },
  { "UNSEEN", IMAP_KEY_FLAGS, .mask = SATCHEL_FLAG_SEEN },
  { "RECENT", IMAP_KEY_RECENT },
  { "OLD", IMAP_KEY_RECENT, .is_negated = TRUE },
  { "NEW", IMAP_KEY_RECENT, .mask = SATCHEL_FLAG_SEEN }, /* make_new adds UNSEEN */
  { "KEYWORD", IMAP_KEY_KEYWORD, TAKES_KEYWORD },
  { "UNKEYWORD", IMAP_KEY_KEYWORD, TAKES_KEYWORD, .is_negated = TRUE },
  { "BCC", IMAP_KEY_HEADER, TAKES_STRING, .field = "Bcc" },
  { "CC", IMAP_KEY_HEADER, TAKES_STRING, .field = "Cc" },
  { "FROM", IMAP_KEY_HEADER, TAKES_STRING, .field = "From" },
  { "SUBJECT", IMAP_KEY_HEADER, TAKES_STRING, .field = "Subject" },
  { "TO", IMAP_KEY_HEADER, TAKES_STRING, .field = "To" },
  { "HEADER", IMAP_KEY_HEADER, TAKES_FIELD_AND_STRING },
  { "BODY", IMAP_KEY_BODY, TAKES_STRING },
  { "TEXT", IMAP_KEY_TEXT, TAKES_STRING },
  { "BEFORE", IMAP_KEY_BEFORE, TAKES_DATE },
  { "ON", IMAP_KEY_ON, TAKES_DATE },
  { "SINCE", IMAP_KEY_SINCE, TAKES_DATE },
  { "SENTBEFORE", IMAP_KEY_SENTBEFORE, TAKES_DATE },
  { "SENTON", IMAP_KEY_SENTON, TAKES_DATE },
  { "SENTSINCE", IMAP_KEY_SENTSINCE, TAKES_DATE },
  { "LARGER", IMAP_KEY_LARGER, TAKES_NUMBER },
  { "SMALLER", IMAP_KEY_SMALLER, TAKES_NUMBER },
  { "OLDER", IMAP_KEY_OLDER, TAKES_INTERVAL },
  { "YOUNGER", IMAP_KEY_YOUNGER, TAKES_INTERVAL },
  { "SAVEDBEFORE", IMAP_KEY_SAVEDBEFORE, TAKES_DATE },
  { "SAVEDON", IMAP_KEY_SAVEDON, TAKES_DATE },
  { "SAVEDSINCE", IMAP_KEY_SAVEDSINCE, TAKES_DATE },
  { "SAVEDATESUPPORTED", IMAP_KEY_SAVEDATESUPPORTED },
  { "EMAILID", IMAP_KEY_EMAILID, TAKES_OBJECTID },
  { "THREADID", IMAP_KEY_THREADID, TAKES_OBJECTID },
  { "UID", IMAP_KEY_UID, TAKES_SET },
  { "MODSEQ", IMAP_KEY_MODSEQ, TAKES_MODSEQ },
  { "NOT", IMAP_KEY_NOT, TAKES_KEY },
  { "OR", IMAP_KEY_OR, TAKES_TWO_KEYS },
};

static void
key_free (gpointer data)
{
  ImapSearchKey *key = data;
  if (key == NULL)
    return;
  g_free (key->name);
  g_free (key->text);
  imap_sequence_clear (&key->set);
  satchel_uid_set_clear (&key->resolved);
  g_clear_pointer (&key->needle, satchel_needle_free);
  g_clear_pointer (&key->children, g_ptr_array_unref);
  g_free (key);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ImapSearchKey, key_free)

static ImapSearchKey *
key_new (ImapKeyKind kind)
{
  ImapSearchKey *key = g_new0 (ImapSearchKey, 1);
  key->kind = kind;
  key->keyword_bit = -1;
  if (kind == IMAP_KEY_AND || kind == IMAP_KEY_OR || kind == IMAP_KEY_NOT)
    key->children = g_ptr_array_new_with_free_func (key_free);
  return key;
}

static ImapSearchKey *
negated (ImapSearchKey *key)
{
  ImapSearchKey *not = key_new (IMAP_KEY_NOT);
  g_ptr_array_add (not->children, key);
  return not;
}

static const struct KeyRow *
find_row (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    if (g_ascii_strcasecmp (name, rows[i].name) == 0)
      return &rows[i];
  return NULL;
}

static gboolean
read_text (ImapReader *reader, ImapSearchKey *key)
{
  const char *text;
  if (!imap_read_astring (reader, &text, &key->text_len))
    return FALSE;
  key->text = g_strndup (text, key->text_len);
  return TRUE;
}

/* Reads objectid = 1*255(ALPHA / DIGIT / "_" / "-"), RFC 8474 7. */
static gboolean
read_objectid (ImapReader *reader, ImapSearchKey *key)
{
  const char *text;
  gsize len;
  if (!imap_read_astring (reader, &text, &len))
    return FALSE;
  if (len == 0 || len > 255 || strspn (text, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "_-") != len)
    return imap_reader_fail (reader, "Invalid object id");
  key->name = g_strdup (text);
  return TRUE;
}

/* Reads the argument of a key that takes no keys. */
static gboolean
read_argument (ImapReader *reader, const struct KeyRow *row, ImapSearchKey *key)
{
  const char *text;
  gsize len;
  guint64 number;
  switch (row->takes)
    {
    case TAKES_STRING:
      key->name = g_strdup (row->field);
      return read_text (reader, key);
    case TAKES_FIELD_AND_STRING:
      if (!imap_read_astring (reader, &text, &len))
        return FALSE;
      key->name = g_strdup (text);
      return read_text (reader, key);
    case TAKES_KEYWORD:
      return read_text (reader, key)
             && (imap_is_atom (key->text) || imap_reader_fail (reader, "Invalid keyword"));
    case TAKES_DATE:
      if (!imap_read_astring (reader, &text, &len))
        return FALSE;
      return satchel_imap_date_parse (text, len, &key->number) || imap_reader_fail (reader, "Invalid date");
    case TAKES_NUMBER:
      if (!imap_read_number (reader, G_MAXINT64, &number))
        return FALSE;
      key->number = (gint64) number;
      return TRUE;
    case TAKES_INTERVAL: /* RFC 5032 3: nz-number */
      if (!imap_read_number (reader, G_MAXUINT32, &number))
        return FALSE;
      key->number = (gint64) number;
      return number > 0 || imap_reader_fail (reader, "Invalid interval");
    case TAKES_OBJECTID:
      return read_objectid (reader, key);
    case TAKES_SET:
      return imap_parse_sequence (reader, &key->set);
    case TAKES_MODSEQ:
      if (!imap_parse_search_modseq (reader, &number))
        return FALSE;
      key->number = (gint64) number;
      return TRUE;
    case TAKES_NOTHING:
    case TAKES_KEY:
    case TAKES_TWO_KEYS:
      break;
    }
  return TRUE;
}

/* NEW is (RECENT UNSEEN). */
static ImapSearchKey *
make_new (ImapSearchKey *recent)
{
  ImapSearchKey *and = key_new (IMAP_KEY_AND), *unseen = key_new (IMAP_KEY_FLAGS);
  unseen->mask = recent->mask;
  recent->mask = 0;
  g_ptr_array_add (and->children, recent);
  g_ptr_array_add (and->children, unseen);
  return and;
}

static ImapSearchKey *read_key (ImapReader *reader, guint depth);

static ImapSearchKey *
read_keys (ImapReader *reader, guint depth)
{
  g_autoptr (ImapSearchKey) and = key_new (IMAP_KEY_AND);
  do
    {
      ImapSearchKey *key = read_key (reader, depth);
      if (key == NULL)
        return NULL;
      g_ptr_array_add (and->children, key);
    }
  while (!imap_reader_is_done (reader));
  return g_steal_pointer (&and);
}

/* Reads the keys of OR, which takes two.  A key that is OR itself adds one to the number that is still to
 * come. */
static ImapSearchKey *
read_or (ImapReader *reader, guint depth)
{
  g_autoptr (ImapSearchKey) or = key_new (IMAP_KEY_OR);
  for (guint n_wanted = 2; n_wanted > 0;)
    {
      if (imap_reader_skip_word (reader, "OR"))
        {
          n_wanted++;
          continue;
        }
      ImapSearchKey *key = read_key (reader, depth + 1);
      if (key == NULL)
        return NULL;
      g_ptr_array_add (or->children, key);
      n_wanted--;
    }
  return g_steal_pointer (&or);
}

static ImapSearchKey *
fail_key (ImapReader *reader, const char *error)
{
  imap_reader_fail (reader, error);
  return NULL;
}

static ImapSearchKey *
read_key (ImapReader *reader, guint depth)
{
  if (depth > IMAP_SEARCH_DEPTH_MAX)
    return fail_key (reader, "Search keys nested too deeply");
  if (imap_reader_peek (reader) == IMAP_NODE_LIST)
    {
      ImapReader members;
      if (!imap_read_list (reader, &members))
        return NULL;
      g_autoptr (ImapSearchKey) key = read_keys (&members, depth + 1);
      return imap_read_list_end (reader, &members) ? g_steal_pointer (&key) : NULL;
    }
  const char *name;
  if (!imap_read_word (reader, &name))
    return NULL;
  const struct KeyRow *row = find_row (name);
  if (row == NULL)
    {
      g_autoptr (ImapSearchKey) key = key_new (IMAP_KEY_SEQUENCE);
      return imap_sequence_parse (name, &key->set) ? g_steal_pointer (&key)
                                                   : fail_key (reader, "Unknown search key");
    }
  if (row->takes == TAKES_KEY)
    {
      ImapSearchKey *key = read_key (reader, depth + 1);
      return key != NULL ? negated (key) : NULL;
    }
  if (row->takes == TAKES_TWO_KEYS)
    return read_or (reader, depth);
  g_autoptr (ImapSearchKey) key = key_new (row->kind);
  key->mask = row->mask;
  key->value = row->value;
  if (!read_argument (reader, row, key))
    return NULL;
  if (row->kind == IMAP_KEY_RECENT && row->mask != 0)
    return make_new (g_steal_pointer (&key));
  return row->is_negated ? negated (g_steal_pointer (&key)) : g_steal_pointer (&key);
}

/* Reads "RETURN" "(" [search-return-opt *(SP search-return-opt)] ")", if it comes next. */
static gboolean
read_returns (ImapReader *reader, guint *ret_returns)
{
  static const char *const names[] = { "MIN", "MAX", "ALL", "COUNT", "SAVE" };
  ImapReader members;
  if (!imap_reader_skip_word (reader, "RETURN"))
    return TRUE;
  if (!imap_read_list (reader, &members))
    return FALSE;
  guint returns = 0;
  while (!imap_reader_is_done (&members))
    {
      const char *name;
      guint i = 0;
      if (!imap_read_atom (&members, &name))
        return imap_reader_fail (reader, members.error);
      while (i < G_N_ELEMENTS (names) && g_ascii_strcasecmp (name, names[i]) != 0)
        i++;
      if (i == G_N_ELEMENTS (names))
        return imap_reader_fail (reader, "Unknown result option");
      returns |= 1u << i;
    }
  *ret_returns = returns != 0 ? returns : IMAP_RETURN_ALL; /* RFC 4731 3.1: "()" is "(ALL)" */
  return TRUE;
}

static gboolean
read_charset (ImapReader *reader, ImapSearchArguments *search)
{
  const char *charset;
  gsize len;
  if (!imap_read_astring (reader, &charset, &len))
    return FALSE;
  search->charset = g_strdup (charset);
  return TRUE;
}

static gboolean
has_kind (const ImapSearchKey *key, ImapKeyKind kind)
{
  gboolean has = key->kind == kind;
  for (guint i = 0; key->children != NULL && i < key->children->len && !has; i++)
    has = has_kind (key->children->pdata[i], kind);
  return has;
}

/* Counts the keys that read the whole of each message.  The depth is bounded. */
static guint
count_texts (const ImapSearchKey *key)
{
  guint n = key->kind == IMAP_KEY_BODY || key->kind == IMAP_KEY_TEXT;
  for (guint i = 0; key->children != NULL && i < key->children->len; i++)
    n += count_texts (key->children->pdata[i]);
  return n;
}

static gboolean
read_criteria (ImapReader *reader, ImapSearchArguments *search)
{
  search->key = read_keys (reader, 0);
  if (search->key == NULL)
    return FALSE;
  if (count_texts (search->key) > IMAP_SEARCH_TEXTS_MAX)
    return imap_reader_fail (reader, "Too many BODY and TEXT keys");
  search->names_numbers = has_kind (search->key, IMAP_KEY_SEQUENCE);
  search->names_modseq = has_kind (search->key, IMAP_KEY_MODSEQ);
  return TRUE;
}

gboolean
imap_parse_search (ImapReader *reader, gpointer arguments)
{
  ImapSearchArguments *search = arguments;
  return read_returns (reader, &search->returns)
         && (!imap_reader_skip_word (reader, "CHARSET") || read_charset (reader, search))
         && read_criteria (reader, search);
}

/* ---- SORT and THREAD (RFC 5256 5) ---- */

static gboolean
read_sort (ImapReader *reader, ImapSearchArguments *search)
{
  static const char *const names[IMAP_N_SORTS] = {
    [IMAP_SORT_ARRIVAL] = "ARRIVAL",
    [IMAP_SORT_CC] = "CC",
    [IMAP_SORT_DATE] = "DATE",
    [IMAP_SORT_FROM] = "FROM",
    [IMAP_SORT_SIZE] = "SIZE",
    [IMAP_SORT_SUBJECT] = "SUBJECT",
    [IMAP_SORT_TO] = "TO",
    [IMAP_SORT_DISPLAYFROM] = "DISPLAYFROM",
    [IMAP_SORT_DISPLAYTO] = "DISPLAYTO",
  };
  const char *name;
  guint kind = 0, at = 0;
  gboolean is_reversed = imap_reader_skip_word (reader, "REVERSE");
  if (!imap_read_atom (reader, &name))
    return FALSE;
  while (kind < IMAP_N_SORTS && g_ascii_strcasecmp (name, names[kind]) != 0)
    kind++;
  if (kind == IMAP_N_SORTS)
    return imap_reader_fail (reader, "Unknown sort criterion");
  while (at < search->n_sorts && search->sorts[at] != kind)
    at++;
  if (at < search->n_sorts)
    return TRUE;
  search->sorts[search->n_sorts++] = (ImapSortKind) kind;
  search->reversed |= (guint32) is_reversed << at;
  return TRUE;
}

gboolean
imap_parse_sort (ImapReader *reader, gpointer arguments)
{
  ImapSearchArguments *search = arguments;
  ImapReader members;
  if (!read_returns (reader, &search->returns) || !imap_read_list (reader, &members))
    return FALSE;
  do
    if (!read_sort (&members, search))
      return imap_reader_fail (reader, members.error);
  while (!imap_reader_is_done (&members));
  return read_charset (reader, search) && read_criteria (reader, search);
}

gboolean
imap_parse_thread (ImapReader *reader, gpointer arguments)
{
  static const struct
  {
    const char *name;
    SatchelThreadAlgorithm algorithm;
  } algorithms[] = { { "ORDEREDSUBJECT", SATCHEL_THREAD_ORDEREDSUBJECT },
                     { "REFERENCES", SATCHEL_THREAD_REFERENCES },
                     { "REFS", SATCHEL_THREAD_REFS } };
  ImapSearchArguments *search = arguments;
  const char *name;
  guint i = 0;
  if (!imap_read_atom (reader, &name))
    return FALSE;
  while (i < G_N_ELEMENTS (algorithms) && g_ascii_strcasecmp (name, algorithms[i].name) != 0)
    i++;
  if (i == G_N_ELEMENTS (algorithms))
    return imap_reader_fail (reader, "Unknown threading algorithm");
  search->algorithm = algorithms[i].algorithm;
  return read_charset (reader, search) && read_criteria (reader, search);
}

void
imap_search_arguments_clear (gpointer arguments)
{
  ImapSearchArguments *search = arguments;
  g_free (search->charset);
  g_clear_pointer (&search->key, key_free);
}
