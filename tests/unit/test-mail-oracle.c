/* SPDX-License-Identifier: MIT
 * The scanner against GMime over real mail: same tree, same bytes of every part, same subject, date and
 * addresses. Where both differ on purpose the file is listed with the reason.
 */
#include "core/mail/attributes/blob_read.h"
#include <gmime/gmime.h>
#include <string.h>

#include "tests/lib/scan_check.h"

/* Where we differ on purpose. */
static const struct
{
  const char *file, *field;
} known[] = {
  { "mime/missing-subtype.eml",
    "type" },                      /* RFC 2045 5.2: what is no type is text/plain; they: octet-stream */
  { "mime/large-23.eml", "date" }, /* "cst": zone names in lower case count */
  { "spam/0289.eml", "date" },     /* "PM" is an hour after noon */
  { "spam/0311.eml", "date" },
  { "spam/0384.eml", "date" },
  /* What is no address is shown as it stands; they drop it, or all of the field. */
  { "mime/large-07.eml", "from" }, /* two '@': the last one counts */
  { "mime/large-07.eml", "to" },   /* route without angle brackets */
  { "ham/0092.eml", "to" },        /* <Undisclosed-Recipient:;@host> */
  { "ham/0143.eml", "to" },
  { "ham/0341.eml", "to" },
  { "spam/0023.eml", "to" },
  { "spam/0122.eml", "to" },
  { "spam/0282.eml", "to" },
  { "spam/0294.eml", "to" }, /* white space in a local part */
  { "spam/0317.eml", "to" },
  { "spam/0343.eml", "to" },
  { "spam/0247.eml", "to" }, /* <C:`name@host> */
  { "spam/0256.eml", "to" },
  { "spam/0222.eml", "to" },   /* words without '@' */
  { "spam/0120.eml", "from" }, /* 8-bit local part */
  { "spam/0319.eml", "from" },
  { "spam/0132.eml", "from" }, /* square brackets in a local part */
  /* Quotes around a local part are syntax to us: ENVELOPE's mailbox is unquoted. */
  { "ham/0546.eml", "cc" },
  { "spam/0027.eml", "from" },
  { "spam/0268.eml", "to" },
  { "spam/0287.eml", "from" },
};

static gboolean
is_known (const char *file, const char *field)
{
  for (gsize i = 0; i < G_N_ELEMENTS (known); i++)
    if (strcmp (known[i].file, file) == 0 && strcmp (known[i].field, field) == 0)
      return TRUE;
  return FALSE;
}

typedef struct Walk
{
  const char *file;
  const char *data;
  GBytes *blob;
  guint index; /* of the next part of ours */
  GString *trouble;
} Walk;

static void differ (Walk *walk, const char *format, ...) G_GNUC_PRINTF (2, 3);
static void
differ (Walk *walk, const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  g_string_append_printf (walk->trouble, "%s part %u: ", walk->file, walk->index);
  g_string_append_vprintf (walk->trouble, format, arguments);
  g_string_append_c (walk->trouble, '\n');
  va_end (arguments);
}

static gsize
trimmed (const char *data, gsize len)
{
  while (len > 0 && (data[len - 1] == '\n' || data[len - 1] == '\r'))
    len--;
  return len;
}

static void walk_object (Walk *walk, GMimeObject *object);

static void
compare_leaf (Walk *walk, GMimePart *theirs, const SatchelPart *ours)
{
  GMimeDataWrapper *content = g_mime_part_get_content (theirs);
  GMimeStream *stream = content != NULL ? g_mime_data_wrapper_get_stream (content) : NULL;
  if (stream == NULL)
    {
      if (ours->end_offset > ours->body_offset)
        differ (walk, "they have no content, we %u bytes", (guint) (ours->end_offset - ours->body_offset));
      return;
    }
  GByteArray *bytes = g_byte_array_new ();
  GMimeStream *copy = g_mime_stream_mem_new_with_byte_array (bytes);
  g_mime_stream_reset (stream);
  g_mime_stream_write_to_stream (stream, copy);
  /* Whose the last line end is, GMime decides differently without a close delimiter. */
  gsize their_len = trimmed ((char *) bytes->data, bytes->len);
  gsize our_len = trimmed (walk->data + ours->body_offset, ours->end_offset - ours->body_offset);
  if (their_len != our_len
      || (our_len > 0 && memcmp (bytes->data, walk->data + ours->body_offset, our_len) != 0))
    differ (walk, "content: theirs %u bytes, ours %u", (guint) their_len, (guint) our_len);
  g_object_unref (copy);
}

static void
walk_object (Walk *walk, GMimeObject *object)
{
  SatchelPart ours;
  if (!satchel_attributes_part (walk->blob, walk->index, &ours))
    {
      differ (walk, "they have more parts");
      return;
    }
  GMimeContentType *type = g_mime_object_get_content_type (object);
  g_autofree char *their_type = g_ascii_strdown (g_mime_content_type_get_media_type (type), -1);
  g_autofree char *their_subtype = g_ascii_strdown (g_mime_content_type_get_media_subtype (type), -1);
  if ((strcmp (their_type, ours.type) != 0 || strcmp (their_subtype, ours.subtype) != 0)
      && !is_known (walk->file, "type"))
    differ (walk, "theirs %s/%s, ours %s/%s", their_type, their_subtype, ours.type, ours.subtype);
  walk->index++;
  if (GMIME_IS_MULTIPART (object))
    {
      int n = g_mime_multipart_get_count (GMIME_MULTIPART (object));
      guint start = walk->index;
      for (int i = 0; i < n; i++)
        walk_object (walk, g_mime_multipart_get_part (GMIME_MULTIPART (object), i));
      guint end = start + ours.n_descendants;
      if (n == 0 && walk->index < end) /* RFC 3501 wants one part: we add it */
        walk->index = end;
      else if (walk->index != end)
        differ (walk, "%d children, ours end at part %u", n, end);
    }
  else if (GMIME_IS_MESSAGE_PART (object))
    {
      GMimeMessage *message = g_mime_message_part_get_message (GMIME_MESSAGE_PART (object));
      if (ours.kind != SATCHEL_PART_MESSAGE)
        differ (walk, "they have a message, we %s/%s", ours.type, ours.subtype);
      else if (message != NULL && g_mime_message_get_mime_part (message) != NULL)
        walk_object (walk, g_mime_message_get_mime_part (message));
      else
        walk->index++;
    }
  else if (GMIME_IS_PART (object))
    compare_leaf (walk, GMIME_PART (object), &ours);
}

static void
count_addresses (InternetAddressList *list, GString *out)
{
  for (int i = 0; i < internet_address_list_length (list); i++)
    {
      InternetAddress *address = internet_address_list_get_address (list, i);
      if (INTERNET_ADDRESS_IS_GROUP (address))
        count_addresses (internet_address_group_get_members (INTERNET_ADDRESS_GROUP (address)), out);
      else
        g_string_append_printf (out, " %s",
                                internet_address_mailbox_get_addr (INTERNET_ADDRESS_MAILBOX (address)));
    }
}

static void
compare_addresses (Walk *walk, GMimeMessage *message, GMimeAddressType which, const char *name)
{
  g_autoptr (GString) theirs = g_string_new (NULL);
  g_autoptr (GString) ours = g_string_new (NULL);
  const char *value;
  gsize len, state = 0;
  if (is_known (walk->file, name)
      || satchel_attributes_header (walk->blob, name, NULL, NULL) == SATCHEL_HEADER_UNKNOWN)
    return;
  count_addresses (g_mime_message_get_addresses (message, which), theirs);
  while (satchel_attributes_header_next (walk->blob, name, &state, &value, &len))
    {
      g_autoptr (GPtrArray) list = satchel_addresses_parse (value, len, 10000);
      for (guint i = 0; i < list->len; i++)
        {
          const SatchelAddress *address = g_ptr_array_index (list, i);
          if (address->mailbox != NULL && address->host != NULL)
            g_string_append_printf (ours, " %s%s%s", address->mailbox, *address->host ? "@" : "",
                                    address->host);
        }
    }
  if (g_ascii_strcasecmp (theirs->str, ours->str) != 0)
    differ (walk, "%s: theirs%s, ours%s", name, theirs->str, ours->str);
}

static void
compare_headers (Walk *walk, GMimeMessage *message)
{
  const char *value, *subject = g_mime_message_get_subject (message);
  gsize len;
  if (satchel_attributes_header (walk->blob, "subject", &value, &len) == SATCHEL_HEADER_PRESENT)
    {
      g_autofree char *ours = satchel_header_decode (value, len, NULL);
      if (g_strcmp0 (subject != NULL ? subject : "", ours) != 0)
        differ (walk, "subject: theirs \"%s\", ours \"%s\"", subject, ours);
    }
  GDateTime *date = g_mime_message_get_date (message);
  gint64 time;
  gboolean has_date = satchel_attributes_sent_date (walk->blob, &time, NULL);
  if (is_known (walk->file, "date"))
    return;
  if ((date != NULL) != has_date || (has_date && g_date_time_to_unix (date) != time))
    differ (walk, "date: theirs %" G_GINT64_FORMAT ", ours %" G_GINT64_FORMAT,
            date != NULL ? g_date_time_to_unix (date) : -1, has_date ? time : -1);
}

static void
compare_file (const char *path, const char *name, GString *trouble)
{
  g_autofree char *data = NULL;
  gsize len;
  g_assert_true (g_file_get_contents (path, &data, &len, NULL));
  g_autoptr (GBytes) blob = scan_checked (data, len, (guint32) len);
  GMimeStream *stream = g_mime_stream_mem_new_with_buffer (data, len);
  GMimeParser *parser = g_mime_parser_new_with_stream (stream);
  GMimeMessage *message = g_mime_parser_construct_message (parser, NULL);
  Walk walk = { name, data, blob, 0, trouble };
  if (message == NULL)
    differ (&walk, "they find no message");
  else
    {
      compare_headers (&walk, message);
      compare_addresses (&walk, message, GMIME_ADDRESS_TYPE_FROM, "from");
      compare_addresses (&walk, message, GMIME_ADDRESS_TYPE_TO, "to");
      compare_addresses (&walk, message, GMIME_ADDRESS_TYPE_CC, "cc");
      if (g_mime_message_get_mime_part (message) != NULL)
        walk_object (&walk, g_mime_message_get_mime_part (message));
      if (walk.index != satchel_attributes_n_parts (blob))
        differ (&walk, "they have %u parts, we %u", walk.index, satchel_attributes_n_parts (blob));
      g_object_unref (message);
    }
  g_object_unref (parser);
  g_object_unref (stream);
}

static void
test_folder (gconstpointer data)
{
  const char *folder = data;
  const char *source = g_getenv ("SATCHEL_SRCDIR") != NULL ? g_getenv ("SATCHEL_SRCDIR") : ".";
  g_autofree char *path =
      g_build_filename (g_getenv ("SATCHEL_CORPUS") != NULL ? g_getenv ("SATCHEL_CORPUS") : source,
                        g_getenv ("SATCHEL_CORPUS") != NULL ? "" : "../shared/corpus", folder, NULL);
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  if (dir == NULL)
    {
      g_test_skip ("no corpus beside the source tree (../shared/corpus, or SATCHEL_CORPUS)");
      return;
    }
  g_autoptr (GString) trouble = g_string_new (NULL);
  for (const char *name = g_dir_read_name (dir); name != NULL; name = g_dir_read_name (dir))
    {
      g_autofree char *file = g_build_filename (path, name, NULL);
      g_autofree char *label = g_build_filename (folder, name, NULL);
      compare_file (file, label, trouble);
    }
  if (trouble->len > 0)
    g_test_message ("%s", trouble->str);
  g_assert_cmpuint (trouble->len, ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_mime_init ();
  g_test_add_data_func ("/mail/oracle/mime", "mime", test_folder);
  g_test_add_data_func ("/mail/oracle/ham", "ham", test_folder);
  g_test_add_data_func ("/mail/oracle/spam", "spam", test_folder);
  return g_test_run ();
}
