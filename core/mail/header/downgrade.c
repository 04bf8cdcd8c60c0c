/* SPDX-License-Identifier: MIT
 * This file writes header fields without UTF-8 (RFC 6858 2): by RFC 2047 and RFC 2231 where these can say
 * the same, and otherwise in "Downgraded-" fields (RFC 6857).  Each field of the message has one of its own
 * in the surrogate.
 */
#include "config.h"

#include "core/mail/header/fields.h"
#include <satchel/downgrade.h>
#include <satchel/header.h>
#include <satchel/message.h>
#include <string.h>

#define LINE_CHARS 76u
/* 60 characters of base64 and 12 around them, of the 75 that RFC 2047 2 allows */
#define WORD_BYTES 45u
/* characters of a parameter in one piece; quoting may double them, and a line has 998 (RFC 5322 2.1.1) */
#define PIECE_CHARS 400u
/* pieces of a parameter that readers of RFC 2231 take, such as parameter.c */
#define MAX_PIECES 100u
#define MAX_PARAMETERS 100u /* parameters that satchel_parameterized_parse gives */
/* RFC 6857 3.1: the name of the field follows, with the value as encoded words */
#define DOWNGRADED "Downgraded-"
#define NO_ADDRESS "<invalid@internationalized-address.invalid>"

static const char *const address_fields[] = { "From",
                                              "Sender",
                                              "Reply-To",
                                              "To",
                                              "Cc",
                                              "Bcc",
                                              "Resent-To",
                                              "Resent-Cc",
                                              "Resent-Bcc",
                                              "Resent-From",
                                              "Resent-Sender",
                                              "Resent-Reply-To",
                                              "Disposition-Notification-To" };
static const char *const parameter_fields[] = { "Content-Type", "Content-Disposition" };
/* The syntax of these fields allows no encoded word.  Any other field is unstructured (RFC 5322 3.6.8). */
static const char *const opaque_fields[] = { "Message-ID",
                                             "Resent-Message-ID",
                                             "In-Reply-To",
                                             "References",
                                             "Received",
                                             "Return-Path",
                                             "Date",
                                             "Resent-Date",
                                             "Delivered-To",
                                             "X-Original-To",
                                             "MIME-Version",
                                             "Content-ID",
                                             "Content-Transfer-Encoding",
                                             "Content-Location",
                                             "Content-Language",
                                             "Content-MD5",
                                             "DKIM-Signature",
                                             "Authentication-Results",
                                             "Received-SPF" };

static gboolean
is_one_of (const SatchelHeaderField *field, const char *const *names, guint n)
{
  for (guint i = 0; i < n; i++)
    if (satchel_header_field_is (field, names[i]))
      return TRUE;
  return FALSE;
}

static gboolean
is_ascii (const char *text)
{
  for (; *text != '\0'; text++)
    if ((guchar) *text >= 0x80)
      return FALSE;
  return TRUE;
}

/* Says whether a field needs UTF-8. A line that is not a field has no ASCII form, and stays.
 */
static gboolean
needs_utf8 (const SatchelHeaderField *field)
{
  if (field->name_len == 0)
    return FALSE;
  for (gsize i = 0; i < field->raw_len; i++)
    if ((guchar) field->raw[i] >= 0x80)
      return g_utf8_validate_len (field->raw, field->raw_len, NULL);
  return FALSE;
}

gboolean
satchel_header_needs_utf8 (const char *block, gsize len)
{
  SatchelHeaderReader reader;
  SatchelHeaderField field;
  satchel_header_reader_init (&reader, block, len);
  while (satchel_header_reader_next (&reader, &field))
    if (needs_utf8 (&field))
      return TRUE;
  return FALSE;
}

/* A field is written token by token with a space before each, and folded where a line gets long. */
typedef struct Folder
{
  GString *out;
  const char *line_end;
  gsize column;
} Folder;

static void
put_token (Folder *folder, const char *token, gsize len)
{
  if (folder->column + 1 + len > LINE_CHARS)
    {
      g_string_append (folder->out, folder->line_end);
      folder->column = 0;
    }
  g_string_append_c (folder->out, ' ');
  g_string_append_len (folder->out, token, (gssize) len);
  folder->column += 1 + len;
}

/* Writes "," or ":", which have no space before them. */
static void
put_mark (Folder *folder, char mark)
{
  g_string_append_c (folder->out, mark);
  folder->column++;
}

/* Writes all of @text as encoded words (RFC 2047), cut between characters. */
static void
put_encoded (Folder *folder, const char *text, gsize len)
{
  for (gsize at = 0; at < len;)
    {
      gsize n = MIN (WORD_BYTES, len - at);
      while (at + n < len && n > 0 && ((guchar) text[at + n] & 0xc0) == 0x80)
        n--;
      g_autofree char *base64 = g_base64_encode ((const guchar *) text + at, n);
      g_autofree char *word = g_strdup_printf ("=?UTF-8?B?%s?=", base64);
      put_token (folder, word, strlen (word));
      at += n;
    }
}

/* Says whether a word may stay as it is: printable ASCII that no reader takes for an encoded word. */
static gboolean
is_plain (const char *word, gsize len)
{
  for (gsize i = 0; i < len; i++)
    if (word[i] <= 0x20 || word[i] >= 0x7f || (word[i] == '=' && i + 1 < len && word[i + 1] == '?'))
      return FALSE;
  return TRUE;
}

/* Writes text.  All words from the first to the last one that is not plain are encoded; those before and
 * behind them stay as they are. */
static void
put_text (Folder *folder, const char *text)
{
  const char *first = NULL, *last = NULL;
  for (const char *at = text + strspn (text, " \t"); *at != '\0'; at += strspn (at, " \t"))
    {
      gsize len = strcspn (at, " \t");
      if (!is_plain (at, len))
        {
          first = first != NULL ? first : at;
          last = at + len;
        }
      at += len;
    }
  for (const char *at = text + strspn (text, " \t"); *at != '\0'; at += strspn (at, " \t"))
    {
      gsize len = at == first ? (gsize) (last - first) : strcspn (at, " \t");
      if (at == first)
        put_encoded (folder, at, len);
      else
        put_token (folder, at, len);
      at += len;
    }
}

static void
append_quoted (GString *out, const char *text)
{
  g_string_append_c (out, '"');
  for (; *text != '\0'; text++)
    {
      if (*text == '"' || *text == '\\')
        g_string_append_c (out, '\\');
      if ((guchar) *text >= 0x20 && *text != 0x7f)
        g_string_append_c (out, *text);
    }
  g_string_append_c (out, '"');
}

/* Appends @text as it is if it has only letters, digits, characters of @more and characters outside ASCII
 * (RFC 6532 3.2), else in quotes. */
static void
append_atom_or_quoted (GString *out, const char *text, const char *more)
{
  const char *at = text;
  while (*at != '\0' && (g_ascii_isalnum (*at) || (guchar) *at >= 0x80 || strchr (more, *at) != NULL))
    at++;
  if (*text != '\0' && *at == '\0')
    g_string_append (out, text);
  else
    append_quoted (out, text);
}

#define ATOM_CHARS "!#$%&'*+-/=?^_`{|}~"

static void
put_phrase (Folder *folder, const char *raw)
{
  g_autofree char *text = satchel_header_decode (raw, strlen (raw), NULL);
  gsize len = strlen (text);
  gboolean is_all_plain = TRUE;
  for (const char *at = text; *at != '\0' && is_all_plain; at += strcspn (at, " "), at += strspn (at, " "))
    is_all_plain = is_plain (at, strcspn (at, " "));
  if (!is_all_plain)
    {
      put_encoded (folder, text, len);
      return;
    }
  g_autoptr (GString) phrase = g_string_new (NULL);
  append_atom_or_quoted (phrase, text, ATOM_CHARS " ");
  put_token (folder, phrase->str, phrase->len);
}

static void
put_address (Folder *folder, const SatchelAddress *address)
{
  g_autoptr (GString) spec = g_string_new (NULL);
  append_atom_or_quoted (spec, address->mailbox, ATOM_CHARS ".");
  if (*address->host != '\0')
    g_string_append_printf (spec, "@%s", address->host);
  if (is_ascii (spec->str))
    {
      if (address->name == NULL)
        {
          put_token (folder, spec->str, spec->len);
          return;
        }
      put_phrase (folder, address->name);
      g_string_prepend_c (spec, '<');
      g_string_append_c (spec, '>');
      put_token (folder, spec->str, spec->len);
      return;
    }
  /* People can still read an address that has no ASCII form, but an invalid one takes its place, so that
   * nothing is sent to a wrong one (RFC 6858 2.1). */
  g_autofree char *name =
      address->name != NULL ? satchel_header_decode (address->name, strlen (address->name), NULL) : NULL;
  g_autofree char *shown = name != NULL ? g_strdup_printf ("%s <%s>", name, spec->str) : g_strdup (spec->str);
  put_encoded (folder, shown, strlen (shown));
  put_token (folder, NO_ADDRESS, strlen (NO_ADDRESS));
}

/* Writes addresses. FALSE means that there are none, or more than are parsed. */
static gboolean
put_addresses (Folder *folder, const char *value, gsize len)
{
  g_autoptr (GPtrArray) list = satchel_addresses_parse (value, len, SATCHEL_SCAN_ADDRESSES);
  if (list->len == 0 || list->len >= SATCHEL_SCAN_ADDRESSES)
    return FALSE;
  gboolean needs_comma = FALSE;
  for (guint i = 0; i < list->len; i++)
    {
      const SatchelAddress *address = g_ptr_array_index (list, i);
      if (address->mailbox == NULL)
        {
          put_mark (folder, ';');
          needs_comma = TRUE;
          continue;
        }
      if (needs_comma)
        put_mark (folder, ',');
      needs_comma = address->host != NULL;
      if (address->host != NULL)
        put_address (folder, address);
      else
        {
          put_phrase (folder, address->mailbox);
          put_mark (folder, ':');
        }
    }
  return TRUE;
}

/* Writes "; name=value" in pieces that fit lines (RFC 2231 3). @value: percent-encoded if @is_extended, else
 * as a reader sees it. FALSE means that it is too long for that, too. */
static gboolean
put_parameter (Folder *folder, const char *name, const char *value, gboolean is_extended)
{
  gsize len = strlen (value), n_pieces = len / (PIECE_CHARS - 2) + 1;
  if (n_pieces > MAX_PIECES)
    return FALSE;
  for (gsize at = 0, i = 0; i == 0 || at < len; i++)
    {
      g_autoptr (GString) text = g_string_new (name);
      gsize n = MIN (len - at, n_pieces > 1 ? PIECE_CHARS : G_MAXSIZE);
      /* an escape such as "%C3" is not cut */
      for (gsize back = 1; is_extended && at + n < len && back <= 2 && back < n; back++)
        if (value[at + n - back] == '%')
          n -= back;
      if (n_pieces > 1)
        g_string_append_printf (text, "*%" G_GSIZE_FORMAT, i);
      g_string_append (text, is_extended ? "*=" : "=");
      g_autofree char *piece = g_strndup (value + at, n);
      if (is_extended)
        g_string_append (text, piece);
      else
        append_atom_or_quoted (text, piece, "!#$&+-.^_`{|}~");
      put_mark (folder, ';');
      put_token (folder, text->str, text->len);
      at += n;
    }
  return TRUE;
}

/* Writes parameters. FALSE: a part of the field has no form in ASCII. */
static gboolean
put_parameters (Folder *folder, const char *value, gsize len)
{
  g_auto (SatchelParameterized) field = { 0 };
  satchel_parameterized_parse (value, len, &field);
  if (field.token == NULL || !is_ascii (field.token) || field.parameters->len >= MAX_PARAMETERS)
    return FALSE;
  put_token (folder, field.token, strlen (field.token));
  for (guint i = 0; i < field.parameters->len; i++)
    {
      const SatchelParameter *parameter = g_ptr_array_index (field.parameters, i);
      /* A value with a charset (RFC 2231 4) is not a string that could be quoted. */
      gboolean is_extended = g_str_has_suffix (parameter->name, "*");
      g_autofree char *name = g_strndup (parameter->name, strlen (parameter->name) - is_extended);
      g_autofree char *made = NULL;
      if (!is_ascii (name) || (is_extended && !is_ascii (parameter->value)))
        return FALSE;
      if (!is_ascii (parameter->value))
        {
          g_autofree char *escaped = g_uri_escape_string (parameter->value, NULL, FALSE);
          made = g_strconcat ("UTF-8''", escaped, NULL);
        }
      if (!put_parameter (folder, name, made != NULL ? made : parameter->value, is_extended || made != NULL))
        return FALSE;
    }
  return TRUE;
}

/* Writes a field in the form that its syntax has for what is not ASCII. FALSE means that it has none. */
static gboolean
put_value (Folder *folder, const SatchelHeaderField *field)
{
  if (is_one_of (field, opaque_fields, G_N_ELEMENTS (opaque_fields)))
    return FALSE;
  if (is_one_of (field, address_fields, G_N_ELEMENTS (address_fields)))
    return put_addresses (folder, field->value, field->value_len);
  if (is_one_of (field, parameter_fields, G_N_ELEMENTS (parameter_fields)))
    return put_parameters (folder, field->value, field->value_len);
  g_autofree char *text = satchel_header_decode (field->value, field->value_len, NULL);
  put_text (folder, text);
  return TRUE;
}

static void
put_field (const SatchelHeaderField *field, GString *out)
{
  gsize start = out->len;
  gboolean has_crlf = field->raw_len >= 2 && field->raw[field->raw_len - 2] == '\r';
  Folder folder = { .out = out, .line_end = has_crlf ? "\r\n" : "\n", .column = field->name_len + 1 };
  g_string_append_len (out, field->name, (gssize) field->name_len);
  g_string_append_c (out, ':');
  if (!put_value (&folder, field))
    {
      g_autofree char *value = satchel_header_unfold (field->value, field->value_len, NULL);
      g_string_truncate (out, start);
      g_string_append (out, DOWNGRADED);
      g_string_append_len (out, field->name, (gssize) field->name_len);
      g_string_append_c (out, ':');
      folder.column = strlen (DOWNGRADED) + field->name_len + 1;
      put_encoded (&folder, value, strlen (value));
    }
  g_string_append (out, folder.line_end);
}

void
satchel_header_downgrade (const char *block, gsize len, GString *out)
{
  SatchelHeaderReader reader;
  SatchelHeaderField field;
  satchel_header_reader_init (&reader, block, len);
  while (satchel_header_reader_next (&reader, &field))
    if (needs_utf8 (&field))
      put_field (&field, out);
    else
      g_string_append_len (out, field.raw, (gssize) field.raw_len);
  g_string_append_len (out, reader.at, reader.end - reader.at);
}
