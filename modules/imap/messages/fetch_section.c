/* SPDX-License-Identifier: MIT
 * This file sends the sections of FETCH: BODY[...], RFC822 and the like (RFC 3501 6.4.5).  Content streams
 * from the store to the output.  The size of a literal is measured before it is announced; if the content
 * comes short, the connection ends.
 */
#include "messages/fetch.h"

#include <satchel/header.h>

#define HEADER_BYTES_MAX (4u * 1024 * 1024) /* most bytes of a header from which fields are chosen */
#define READ_BYTES 65536u

static const char *const kind_names[] = {
  [IMAP_SECTION_CONTENT] = "",
  [IMAP_SECTION_HEADER] = "HEADER",
  [IMAP_SECTION_TEXT] = "TEXT",
  [IMAP_SECTION_MIME] = "MIME",
  [IMAP_SECTION_FIELDS] = "HEADER.FIELDS",
  [IMAP_SECTION_FIELDS_NOT] = "HEADER.FIELDS.NOT",
};

char *
imap_section_label (const ImapSection *section)
{
  if (section->legacy != NULL)
    return g_strdup (section->legacy);
  static const char *const names[] = {
    [IMAP_BINARY_NO] = "BODY[", [IMAP_BINARY_CONTENT] = "BINARY[", [IMAP_BINARY_SIZE] = "BINARY.SIZE["
  };
  ImapWriter writer = { .room = 1 };
  imap_write (&writer, names[section->binary]);
  for (guint i = 0; i < section->n_path; i++)
    {
      imap_write (&writer, i > 0 ? "." : "");
      imap_write_number (&writer, section->path[i]);
    }
  imap_write (&writer, section->n_path > 0 && section->kind != IMAP_SECTION_CONTENT ? "." : "");
  imap_write (&writer, kind_names[section->kind]);
  for (guint i = 0; section->fields != NULL && section->fields[i] != NULL; i++)
    {
      imap_write (&writer, i == 0 ? " (" : " ");
      if (imap_is_atom (section->fields[i]))
        imap_write (&writer, section->fields[i]);
      else
        imap_write_string (&writer, section->fields[i], strlen (section->fields[i]));
    }
  imap_write (&writer, section->fields != NULL ? ")]" : "]");
  if (section->is_partial)
    imap_write_format (&writer, "<%" G_GUINT64_FORMAT ">", section->offset);
  imap_write_raw (&writer, "", 1);
  return writer.data;
}

static gboolean
is_fields (const ImapSection *section)
{
  return section->kind == IMAP_SECTION_FIELDS || section->kind == IMAP_SECTION_FIELDS_NOT;
}

/* Finds a section in the content. FALSE means that the answer is NIL. */
static gboolean
find_section (const ImapSection *section, GBytes *attributes, guint64 *ret_offset, guint64 *ret_len)
{
  static const SatchelSectionKind kinds[] = {
    [IMAP_SECTION_CONTENT] = SATCHEL_SECTION_CONTENT, [IMAP_SECTION_HEADER] = SATCHEL_SECTION_HEADER,
    [IMAP_SECTION_TEXT] = SATCHEL_SECTION_TEXT,       [IMAP_SECTION_MIME] = SATCHEL_SECTION_MIME,
    [IMAP_SECTION_FIELDS] = SATCHEL_SECTION_HEADER,   [IMAP_SECTION_FIELDS_NOT] = SATCHEL_SECTION_HEADER,
  };
  return satchel_attributes_section (attributes, section->path, section->n_path, kinds[section->kind],
                                     ret_offset, ret_len);
}

/* Reads the header from which fields are chosen, unless it is the one that was read last. */
static gboolean
load_block (ImapFetch *fetch, guint64 offset, guint64 len, GError **error)
{
  if (fetch->block != NULL && fetch->block_offset == offset && fetch->block_len == len)
    return TRUE;
  gsize wanted = (gsize) MIN (len, HEADER_BYTES_MAX), have = 0;
  if (fetch->block == NULL)
    fetch->block = g_string_new (NULL);
  g_string_set_size (fetch->block, wanted);
  fetch->block_offset = offset;
  fetch->block_len = len;
  while (have < wanted)
    {
      gssize n = satchel_stream_read_at (fetch->content, offset + have, fetch->block->str + have,
                                         wanted - have, error);
      if (n < 0)
        return FALSE;
      if (n == 0)
        break;
      have += (gsize) n;
    }
  g_string_truncate (fetch->block, have);
  return TRUE;
}

/* Replaces each NUL, which mail from an MTA or another program can have, since a literal must have none (RFC
 * 3501 9).  Each octet is replaced by one, so that sizes stay right; BINARY sends NULs as they are (decision
 * 0020). */
static void
hide_nul (char *data, gsize len)
{
  for (char *end = data + len; (data = memchr (data, '\0', (gsize) (end - data))) != NULL; data++)
    *data = '\x80';
}

/* Checks that the part which BINARY asks for can be decoded (RFC 3516 4.3). */
static gboolean
check_encoding (ImapFetch *fetch, const ImapSection *section, GBytes *attributes, GError **error)
{
  gboolean is_known;
  SatchelEncoding encoding;
  if (!imap_binary_encoding (section, attributes, fetch->content, &is_known, &encoding, error))
    return FALSE;
  fetch->has_unknown_encoding = fetch->has_unknown_encoding || !is_known;
  return is_known || satchel_error_set (error, SATCHEL_ERROR_CANNOT, "unknown transfer encoding");
}

gboolean
imap_fetch_open_sections (ImapSession *session, ImapFetch *fetch, const ImapFetchArguments *arguments,
                          guint32 uid, GBytes *attributes, GError **error)
{
  gboolean needs_content = FALSE;
  for (guint i = 0; i < arguments->sections->len; i++)
    {
      const ImapSection *section = arguments->sections->pdata[i];
      g_autoptr (GString) text = g_string_new (NULL);
      if (section->kind == IMAP_SECTION_FIELDS && section->n_path == 0
          && satchel_attributes_header_fields (attributes, section->names, text))
        fetch->texts[i] = g_steal_pointer (&text);
      else
        needs_content = TRUE;
    }
  fetch->at_section = 0;
  fetch->left = 0;
  if (!needs_content)
    return TRUE;
  fetch->content = satchel_mailbox_open_message (session->view->mailbox, uid, error);
  if (fetch->content == NULL)
    return FALSE;
  for (guint i = 0; i < arguments->sections->len; i++)
    {
      const ImapSection *section = arguments->sections->pdata[i];
      guint64 offset, len;
      if (section->binary != IMAP_BINARY_NO && !check_encoding (fetch, section, attributes, error))
        return FALSE;
      /* Headers of other parts are read when their turn comes, so that only one is in memory. */
      if (fetch->block == NULL && is_fields (section) && fetch->texts[i] == NULL
          && find_section (section, attributes, &offset, &len) && !load_block (fetch, offset, len, error))
        return FALSE;
    }
  return TRUE;
}

void
imap_fetch_close_sections (ImapFetch *fetch, const ImapFetchArguments *arguments)
{
  fetch->opened_uid = 0;
  g_clear_pointer (&fetch->content, satchel_stream_unref);
  if (fetch->block != NULL)
    g_string_free (g_steal_pointer (&fetch->block), TRUE);
  imap_decoding_clear (&fetch->decoding);
  for (guint i = 0; i < arguments->sections->len; i++)
    if (fetch->texts[i] != NULL)
      {
        g_string_free (fetch->texts[i], TRUE);
        fetch->texts[i] = NULL;
      }
}

/* Cuts @offset and @len to the bytes that a partial fetch asks for. */
static void
cut_to_partial (const ImapSection *section, guint64 *offset, guint64 *len)
{
  if (!section->is_partial)
    return;
  guint64 skipped = MIN (section->offset, *len);
  *offset += skipped;
  *len = MIN (section->count, *len - skipped);
}

static void
broken (ImapSession *session, const char *why)
{
  session->is_broken = TRUE;
  satchel_session_log (session->session, SATCHEL_LOG_ERROR, "content came short in FETCH: %s", why);
}

/* Sends more of the literal that was announced.  TRUE means that all of it was sent. */
static gboolean
send_content (ImapSession *session, ImapFetch *fetch, const ImapSection *section)
{
  ImapWriter *writer = &session->writer;
  while (fetch->left > 0 && !imap_writer_is_full (writer))
    {
      g_autoptr (GError) error = NULL;
      gsize n = MIN (MIN (fetch->left, READ_BYTES), writer->room - writer->len);
      char *to = imap_writer_reserve (writer, n);
      gssize got = section->binary != IMAP_BINARY_NO
                       ? imap_decoding_read (&fetch->decoding, fetch->content, to, n, &error)
                       : satchel_stream_read_at (fetch->content, fetch->offset, to, n, &error);
      if (got <= 0)
        {
          broken (session, error != NULL ? error->message : "it ends early");
          return FALSE;
        }
      if (section->binary == IMAP_BINARY_NO)
        hide_nul (to, (gsize) got);
      writer->len += (gsize) got;
      fetch->offset += (guint64) got;
      fetch->left -= (guint64) got;
    }
  return fetch->left == 0;
}

/* Begins BINARY[...] or BINARY.SIZE[...], which read what lies at [offset, offset + len). */
static void
start_binary (ImapSession *session, ImapFetch *fetch, const ImapSection *section, GBytes *attributes,
              guint64 offset, guint64 len)
{
  g_autoptr (GError) error = NULL;
  gboolean is_known;
  SatchelEncoding encoding;
  if (!imap_binary_encoding (section, attributes, fetch->content, &is_known, &encoding, &error)
      || !imap_decoding_measure (&fetch->decoding, section, fetch->content, encoding, offset, len, &error))
    broken (session, error->message);
  else if (section->binary == IMAP_BINARY_SIZE)
    imap_write_number (&session->writer, fetch->decoding.size);
  else if (fetch->decoding.size == 0)
    imap_write_string (&session->writer, "", 0);
  else
    {
      if (fetch->decoding.has_nul)
        imap_write (&session->writer, "~"); /* "~" begins a literal8 */
      imap_write_literal_header (&session->writer, fetch->decoding.size);
      fetch->left = fetch->decoding.size;
    }
}

static void
send_fields (ImapSession *session, const ImapSection *section, GString *text)
{
  guint64 offset = 0, len = text->len;
  hide_nul (text->str, text->len);
  cut_to_partial (section, &offset, &len);
  imap_write_literal_header (&session->writer, len);
  imap_write_raw (&session->writer, text->str + offset, (gsize) len);
}

/* Selects fields of a header that the attributes do not have. */
static void
select_fields (ImapSession *session, ImapFetch *fetch, const ImapSection *section, guint64 offset,
               guint64 len)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GString) text = g_string_new (NULL);
  if (!load_block (fetch, offset, len, &error))
    {
      broken (session, error->message);
      return;
    }
  satchel_header_select (fetch->block->str, fetch->block->len, section->names,
                         section->kind == IMAP_SECTION_FIELDS_NOT, text);
  send_fields (session, section, text);
}

/* Finds where the section lies in the content.  FALSE means that nothing is left to send: the message has no
 * such part, or the connection broke off. */
static gboolean
find_bytes (ImapSession *session, ImapFetch *fetch, const ImapSection *section, GBytes *attributes,
            guint64 *ret_offset, guint64 *ret_len)
{
  const gboolean is_whole = section->kind == IMAP_SECTION_CONTENT && section->n_path == 0;
  if (!is_whole)
    {
      if (find_section (section, attributes, ret_offset, ret_len))
        return TRUE;
      imap_write (&session->writer, section->binary == IMAP_BINARY_SIZE ? "0" : "NIL");
      return FALSE;
    }
  gint64 measured = satchel_stream_length (fetch->content, NULL);
  if (measured < 0)
    {
      broken (session, "it cannot be measured");
      return FALSE;
    }
  *ret_offset = 0;
  *ret_len = (guint64) measured;
  return TRUE;
}

/* Announces bytes of the content, which are sent step by step. */
static void
start_literal (ImapSession *session, ImapFetch *fetch, const ImapSection *section, guint64 offset,
               guint64 len)
{
  cut_to_partial (section, &offset, &len);
  if (len == 0)
    {
      imap_write_string (&session->writer, "", 0);
      return;
    }
  imap_write_literal_header (&session->writer, len);
  fetch->offset = offset;
  fetch->left = len;
}

/* Announces a section, and sends it if it is short and in memory. */
static void
start_section (ImapSession *session, ImapFetch *fetch, const ImapSection *section, GBytes *attributes)
{
  guint64 offset = 0, len = 0;
  imap_write (&session->writer, fetch->labels[fetch->at_section]);
  imap_write (&session->writer, " ");
  if (fetch->texts[fetch->at_section] != NULL)
    send_fields (session, section, fetch->texts[fetch->at_section]);
  else if (!find_bytes (session, fetch, section, attributes, &offset, &len))
    return;
  else if (is_fields (section))
    select_fields (session, fetch, section, offset, len);
  else if (section->binary != IMAP_BINARY_NO)
    start_binary (session, fetch, section, attributes, offset, len);
  else
    start_literal (session, fetch, section, offset, len);
}

ImapStep
imap_fetch_send_sections (ImapSession *session, ImapFetch *fetch, const ImapFetchArguments *arguments,
                          GBytes *attributes)
{
  for (; fetch->at_section < arguments->sections->len; fetch->at_section++)
    {
      if (fetch->left == 0)
        {
          if (imap_writer_is_full (&session->writer))
            return IMAP_STEP_AGAIN;
          start_section (session, fetch, arguments->sections->pdata[fetch->at_section], attributes);
        }
      if (session->is_broken)
        return IMAP_STEP_DONE;
      if (fetch->left > 0 && !send_content (session, fetch, arguments->sections->pdata[fetch->at_section]))
        return session->is_broken ? IMAP_STEP_DONE : IMAP_STEP_AGAIN;
      imap_write (&session->writer, fetch->at_section + 1 < arguments->sections->len ? " " : "");
    }
  return IMAP_STEP_DONE;
}
