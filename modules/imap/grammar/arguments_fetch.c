/* SPDX-License-Identifier: MIT
 * This file parses FETCH (RFC 3501 6.4.5, fetch-att of 9).  Pure.
 */
#include "grammar/arguments.h"

#include <satchel/number.h>
#include <string.h>

typedef struct ItemName
{
  const char *name;
  guint items;
} ItemName;

static const ItemName macros[] = {
  { "ALL", IMAP_FETCH_FLAGS | IMAP_FETCH_INTERNALDATE | IMAP_FETCH_SIZE | IMAP_FETCH_ENVELOPE },
  { "FAST", IMAP_FETCH_FLAGS | IMAP_FETCH_INTERNALDATE | IMAP_FETCH_SIZE },
  { "FULL",
    IMAP_FETCH_FLAGS | IMAP_FETCH_INTERNALDATE | IMAP_FETCH_SIZE | IMAP_FETCH_ENVELOPE | IMAP_FETCH_BODY },
  { NULL, 0 },
};
static const ItemName items[] = {
  { "UID", IMAP_FETCH_UID },
  { "FLAGS", IMAP_FETCH_FLAGS },
  { "INTERNALDATE", IMAP_FETCH_INTERNALDATE },
  { "RFC822.SIZE", IMAP_FETCH_SIZE },
  { "ENVELOPE", IMAP_FETCH_ENVELOPE },
  { "BODY", IMAP_FETCH_BODY },
  { "BODYSTRUCTURE", IMAP_FETCH_BODYSTRUCTURE },
  { "MODSEQ", IMAP_FETCH_MODSEQ },
  { "PREVIEW", IMAP_FETCH_PREVIEW },
  { "SAVEDATE", IMAP_FETCH_SAVEDATE },
  { "EMAILID", IMAP_FETCH_EMAILID },
  { "THREADID", IMAP_FETCH_THREADID },
  { NULL, 0 },
};
static const struct
{
  const char *name;
  const char *answer;
  ImapSectionKind kind;
  gboolean sets_seen;
} legacy_items[] = {
  { "RFC822", "RFC822", IMAP_SECTION_CONTENT, TRUE },
  { "RFC822.HEADER", "RFC822.HEADER", IMAP_SECTION_HEADER, FALSE },
  { "RFC822.TEXT", "RFC822.TEXT", IMAP_SECTION_TEXT, TRUE },
  /* This item is from RFC 1730 6.4.5; Outlook, and clients that do not know IMAP4rev1, ask for it. */
  { "RFC822.PEEK", "RFC822", IMAP_SECTION_CONTENT, FALSE },
};
static const struct
{
  const char *start;
  ImapBinary binary;
  gboolean sets_seen;
} section_items[] = {
  { "BODY[", IMAP_BINARY_NO, TRUE },           { "BODY.PEEK[", IMAP_BINARY_NO, FALSE },
  { "BINARY[", IMAP_BINARY_CONTENT, TRUE },    { "BINARY.PEEK[", IMAP_BINARY_CONTENT, FALSE },
  { "BINARY.SIZE[", IMAP_BINARY_SIZE, FALSE },
};
static const struct
{
  const char *name;
  ImapSectionKind kind;
} section_texts[] = {
  { "HEADER", IMAP_SECTION_HEADER },
  { "TEXT", IMAP_SECTION_TEXT },
  { "MIME", IMAP_SECTION_MIME },
  { "HEADER.FIELDS", IMAP_SECTION_FIELDS },
  { "HEADER.FIELDS.NOT", IMAP_SECTION_FIELDS_NOT },
};

static guint
find_item (const ItemName *names, const char *name)
{
  for (; names->name != NULL; names++)
    if (g_ascii_strcasecmp (name, names->name) == 0)
      return names->items;
  return 0;
}

static void
section_free (gpointer data)
{
  ImapSection *section = data;
  g_free (section->path);
  g_strfreev (section->fields);
  g_clear_pointer (&section->names, satchel_header_names_free);
  g_free (section);
}

/* Reads section-part: "1.2.3" and, if more follows, the dot behind it.  NULL means that a number is zero, or
 * that there are too many. */
static const char *
parse_path (const char *at, ImapSection *section)
{
  guint32 path[IMAP_PART_PATH_MAX];
  guint n = 0;
  while (g_ascii_isdigit (*at))
    {
      if (n == IMAP_PART_PATH_MAX || !satchel_number_take_u32 (&at, NULL, G_MAXUINT32, &path[n])
          || path[n++] == 0)
        return NULL;
      if (*at != '.')
        break;
      at++;
      if (*at == ']' || *at == '\0')
        return NULL;
    }
  section->n_path = n;
  section->path = g_memdup2 (path, n * sizeof *path);
  return at;
}

/* Reads "<0.1024>" after the bracket, or nothing. */
static gboolean
parse_partial (const char *at, ImapSection *section)
{
  if (*at == '\0')
    return TRUE;
  section->is_partial = TRUE;
  return satchel_text_take (&at, "<") && satchel_number_take (&at, NULL, 10, G_MAXINT64, &section->offset)
         && satchel_text_take (&at, ".") && *at != '0' /* nz-number */
         && satchel_number_take (&at, NULL, 10, G_MAXINT64, &section->count) && strcmp (at, ">") == 0;
}

/* Reads the fields of HEADER.FIELDS and the token "]<partial>" that is glued to their list. */
static gboolean
read_fields (ImapReader *reader, ImapSection *section)
{
  g_autoptr (GPtrArray) fields = g_ptr_array_new_with_free_func (g_free);
  ImapReader members;
  if (!imap_read_list (reader, &members))
    return FALSE;
  while (!imap_reader_is_done (&members))
    {
      const char *name;
      gsize len;
      if (!imap_read_astring (&members, &name, &len))
        break;
      g_ptr_array_add (fields, g_strdup (name));
    }
  if (!imap_read_list_end (reader, &members))
    return FALSE;
  if (fields->len == 0)
    return imap_reader_fail (reader, "No header fields named");
  section->names = satchel_header_names_new ((const char *const *) fields->pdata, fields->len);
  g_ptr_array_add (fields, NULL);
  section->fields = (char **) g_ptr_array_free (g_steal_pointer (&fields), FALSE);
  const char *rest = imap_reader_peek_atom (reader);
  if (rest == NULL || *rest != ']' || !imap_lexer_node (reader->lexer, reader->at)->is_glued
      || !parse_partial (rest + 1, section))
    return imap_reader_fail (reader, "Invalid BODY section");
  imap_reader_skip (reader);
  return TRUE;
}

/* Reads a section. @text: the text behind "BODY[" and the like. */
static gboolean
read_section (ImapReader *reader, const char *text, ImapBinary binary, gboolean sets_seen,
              GPtrArray *sections)
{
  ImapSection *section = g_new0 (ImapSection, 1);
  g_ptr_array_add (sections, section);
  section->binary = binary;
  section->sets_seen = sets_seen;
  const char *at = parse_path (text, section);
  if (at == NULL)
    return imap_reader_fail (reader, "Invalid BODY section");
  gsize len = strcspn (at, "]");
  gboolean is_known = len == 0;
  for (guint i = 0; i < G_N_ELEMENTS (section_texts) && !is_known; i++)
    if (strlen (section_texts[i].name) == len && g_ascii_strncasecmp (at, section_texts[i].name, len) == 0)
      {
        section->kind = section_texts[i].kind;
        is_known = section->kind != IMAP_SECTION_MIME || section->n_path > 0;
      }
  if (!is_known || (len > 0 && section->n_path > 0 && at[-1] != '.'))
    return imap_reader_fail (reader, "Invalid BODY section");
  /* A section-binary (RFC 3516 7) has numbers only, and a size is that of all of it. */
  if (binary != IMAP_BINARY_NO
      && (section->kind != IMAP_SECTION_CONTENT || (binary == IMAP_BINARY_SIZE && strcmp (at, "]") != 0)))
    return imap_reader_fail (reader, "Invalid BINARY section");
  if (section->kind >= IMAP_SECTION_FIELDS)
    return at[len] == '\0' ? read_fields (reader, section)
                           : imap_reader_fail (reader, "Invalid BODY section");
  if (at[len] != ']' || !parse_partial (at + len + 1, section))
    return imap_reader_fail (reader, "Invalid BODY section");
  return TRUE;
}

/* Reads the modifiers of PREVIEW (RFC 8970 6), if the list that follows is not another's. */
static gboolean
read_preview (ImapReader *reader)
{
  ImapReader members, first;
  if (imap_reader_peek (reader) != IMAP_NODE_LIST)
    return TRUE;
  first = *reader;
  const char *modifier = imap_read_list (&first, &members) ? imap_reader_peek_atom (&members) : NULL;
  if (modifier == NULL || g_ascii_strcasecmp (modifier, "LAZY") != 0)
    return TRUE;
  *reader = first;
  while (!imap_reader_is_done (&members) && imap_read_atom (&members, &modifier))
    if (g_ascii_strcasecmp (modifier, "LAZY") != 0)
      return imap_reader_fail (reader, "Unknown PREVIEW modifier");
  return imap_read_list_end (reader, &members);
}

static gboolean
read_item (ImapReader *reader, ImapFetchArguments *fetch)
{
  const char *name;
  if (!imap_read_word (reader, &name))
    return FALSE;
  /* Macros stand alone (RFC 3501 6.4.5); some programs put them in parentheses all the same. */
  guint item = find_item (items, name), macro = find_item (macros, name);
  fetch->items |= item | macro;
  if (item == IMAP_FETCH_PREVIEW)
    return read_preview (reader);
  if (item != 0 || macro != 0)
    return TRUE;
  for (guint i = 0; i < G_N_ELEMENTS (legacy_items); i++)
    if (g_ascii_strcasecmp (name, legacy_items[i].name) == 0)
      {
        ImapSection *section = g_new0 (ImapSection, 1);
        section->kind = legacy_items[i].kind;
        section->sets_seen = legacy_items[i].sets_seen;
        section->legacy = legacy_items[i].answer;
        g_ptr_array_add (fetch->sections, section);
        return TRUE;
      }
  for (guint i = 0; i < G_N_ELEMENTS (section_items); i++)
    {
      gsize len = strlen (section_items[i].start);
      if (g_ascii_strncasecmp (name, section_items[i].start, len) == 0)
        return read_section (reader, name + len, section_items[i].binary, section_items[i].sets_seen,
                             fetch->sections);
    }
  return imap_reader_fail (reader, "Unknown FETCH item");
}

static gboolean
check_sections (ImapReader *reader, const ImapFetchArguments *fetch)
{
  guint n_costly = 0;
  for (guint i = 0; i < fetch->sections->len; i++)
    {
      const ImapSection *section = fetch->sections->pdata[i];
      n_costly += section->kind >= IMAP_SECTION_FIELDS || section->binary != IMAP_BINARY_NO;
    }
  return (fetch->sections->len <= IMAP_FETCH_SECTIONS_MAX && n_costly <= IMAP_FETCH_COSTLY_SECTIONS_MAX)
         || imap_reader_fail (reader, "Too many sections");
}

gboolean
imap_parse_fetch (ImapReader *reader, gpointer arguments)
{
  ImapFetchArguments *fetch = arguments;
  fetch->sections = g_ptr_array_new_with_free_func (section_free);
  if (!imap_parse_sequence (reader, &fetch->set))
    return FALSE;
  if (imap_reader_peek (reader) != IMAP_NODE_LIST)
    return read_item (reader, fetch) && imap_parse_fetch_modifiers (reader, fetch)
           && imap_reader_finish (reader);
  ImapReader members;
  if (!imap_read_list (reader, &members))
    return FALSE;
  if (imap_reader_is_done (&members))
    return imap_reader_fail (reader, "No FETCH items");
  while (!imap_reader_is_done (&members) && read_item (&members, fetch))
    ;
  return imap_read_list_end (reader, &members) && check_sections (reader, fetch)
         && imap_parse_fetch_modifiers (reader, fetch) && imap_reader_finish (reader);
}

void
imap_fetch_arguments_clear (gpointer arguments)
{
  ImapFetchArguments *fetch = arguments;
  imap_sequence_clear (&fetch->set);
  g_clear_pointer (&fetch->sections, g_ptr_array_unref);
}
