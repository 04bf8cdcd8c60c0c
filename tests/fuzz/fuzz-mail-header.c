/* SPDX-License-Identifier: MIT
 * Any bytes as a header value: addresses, encoded words, parameters, dates, message ids.
 */
#include "core/mail/header/fields.h"
#include "core/mail/header/text.h"
#include <satchel/date.h>
#include <satchel/downgrade.h>
#include <satchel/header.h>
#include <string.h>

#include "tests/fuzz/driver.h"
#include "tests/lib/imap_grammar.h"

const gboolean fuzz_wants_mail = TRUE;
const char *const fuzz_seeds[] = {
  "A Group:Ed Jones <c@a.test>,joe@where.test,\"J \\\" D\" <@r:jdoe@one.test> (c (d));",
  "=?ISO-8859-1?B?SWYgeW91?=\r\n =?ISO-8859-2?Q?=AB_x?= y",
  "attachment; filename*0*=utf-8'en'a%20; filename*1=\"b \\\" c\"; x=(y) z",
  "Fri, 21 Nov 1997 09(comment):55:06 -0600",
  "<a@b> <c\r\n@d>",
  NULL
};
const char *const fuzz_tokens[] = { "<",        ">",     "@",     ",",    ":",  ";",   "\"",  "\\",
                                    "(",        ")",     "[",     "]",    "=?", "?=",  "?q?", "?b?",
                                    "utf-8",    "=\r\n", "\r\n ", "*0*=", "*=", "%C3", "'",   "\xff",
                                    "\xc3\xa9", " PM ",  "99",    "Feb",  "+",  NULL };

static guint
count_fields (const GString *block)
{
  SatchelHeaderReader reader;
  SatchelHeaderField field;
  guint n = 0;
  satchel_header_reader_init (&reader, block->str, block->len);
  while (satchel_header_reader_next (&reader, &field))
    n++;
  return n;
}

/* As the value of each kind of field: nothing that needs UTF-8 is left, no field is made, nothing grows much.
 */
static void
check_downgraded (const char *text, gsize size)
{
  static const char *const names[] = { "Subject", "From", "Content-Type", "Message-ID" };
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autoptr (GString) block = g_string_new (names[i]);
      g_string_append (block, ": \xc3\xa4");
      g_string_append_len (block, text, (gssize) size);
      g_autoptr (GString) out = g_string_new (NULL);
      satchel_header_downgrade (block->str, block->len, out);
      g_assert_false (satchel_header_needs_utf8 (out->str, out->len));
      g_assert_cmpuint (out->len, <=, 8 * block->len + 200);
      g_assert_cmpuint (count_fields (out), <=, count_fields (block));
    }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  const char *text = (const char *) data;
  gsize len;
  gint64 time;
  int zone;
  g_autofree char *decoded = satchel_header_decode (text, size, &len);
  g_assert_true (g_utf8_validate_len (decoded, len, NULL) && strpbrk (decoded, "\r\n") == NULL);
  g_autofree char *unfolded = satchel_header_unfold (text, size, &len);
  g_assert_true (strlen (unfolded) == len && strpbrk (unfolded, "\r\n") == NULL);
  g_autoptr (GString) quoted = g_string_new (NULL);
  satchel_imap_append_string (quoted, text, (gssize) size);
  g_assert_true (imap_is_string (quoted->str, quoted->len));
  g_autoptr (GPtrArray) addresses = satchel_addresses_parse (text, size, 50);
  g_assert_cmpuint (addresses->len, <=, 51);
  guint n_open = 0;
  for (guint i = 0; i < addresses->len; i++)
    {
      const SatchelAddress *address = g_ptr_array_index (addresses, i);
      if (address->host == NULL)
        n_open += address->mailbox != NULL ? 1 : (guint) -1;
      g_assert_cmpuint (n_open, <=, 1);
    }
  g_assert_cmpuint (n_open, ==, 0);
  g_auto (SatchelParameterized) field = { NULL, NULL };
  satchel_parameterized_parse (text, size, &field);
  g_autofree char *name = satchel_parameterized_get (&field, "filename");
  g_assert_true (name == NULL || g_utf8_validate (name, -1, NULL));
  if (satchel_date_parse (text, size, &time, &zone))
    g_assert_true (ABS (zone) <= 24 * 60 + 59 && time > -G_GINT64_CONSTANT (2300000000)
                   && time < G_GINT64_CONSTANT (253402400000));
  g_autoptr (GPtrArray) ids = satchel_message_ids_parse (text, size, 10);
  g_assert_cmpuint (ids->len, <=, 10);
  SatchelHeaderReader reader;
  SatchelHeaderField header;
  satchel_header_reader_init (&reader, text, size);
  gsize total = 0;
  while (satchel_header_reader_next (&reader, &header))
    {
      total += header.raw_len;
      g_assert_true (header.value >= header.raw
                     && header.value + header.value_len <= header.raw + header.raw_len);
    }
  g_assert_cmpuint (total, ==, (gsize) (reader.at - text));
  check_downgraded (text, size);
  return 0;
}
