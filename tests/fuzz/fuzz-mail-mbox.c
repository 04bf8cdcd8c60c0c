/* SPDX-License-Identifier: MIT
 * Any bytes as an mbox file, and as a message that is written to one: the scanner comes to an end, offsets
 * are in order, and what was written comes back.
 */
#include "core/mail/mbox/mbox.h"
#include <string.h>

#include "tests/fuzz/driver.h"

#define FROM "From bob@example.org Fri Nov 21 09:55:06 1997\n"

const gboolean fuzz_wants_mail = TRUE;
const char *const fuzz_seeds[] = { FROM "A: 1\n\nbody\n\n" FROM "Status: RO\n\n>From x\n",
                                   FROM "Content-Length: 4\n\nbody\n" FROM "\n",
                                   "From bob\n\nx\n\nFrom eve\n\n", NULL };
const char *const fuzz_tokens[] = { FROM,
                                    "From ",
                                    ">From ",
                                    "\n\n",
                                    "\r\n",
                                    "Content-Length: ",
                                    "Status: RO\n",
                                    "X-Status: F\n",
                                    "X-Keywords: a b\n",
                                    "X-Satchel-End: no-body\n",
                                    "X-Satchel-End: no-newline\n",
                                    "X-Satchel-End: no-line\n",
                                    "X-IMAP: 1\n",
                                    "99999999999999999999",
                                    NULL };

static gboolean
take (const void *data, gsize len, gpointer out, GError **error)
{
  g_string_append_len (out, data, (gssize) len);
  return TRUE;
}

static void
scan (SatchelStream *stream, SatchelMboxVariant variant, guint64 size)
{
  g_autoptr (SatchelMboxScanner) scanner = satchel_mbox_scanner_new (stream, variant);
  SatchelMboxMessage message;
  guint64 last = 0;
  while (satchel_mbox_scanner_next (scanner, &message, NULL) == SATCHEL_MBOX_MESSAGE)
    {
      g_auto (SatchelMboxFields) fields = { 0 };
      g_autoptr (GString) out = g_string_new (NULL);
      g_assert_true (message.offset >= last && message.start > message.offset && message.body >= message.start
                     && message.end >= message.body && message.end <= size);
      last = message.end;
      g_assert_true (satchel_mbox_fields_read (stream, &message, &fields, NULL));
      g_assert_true (satchel_mbox_copy (stream, &message, &fields, variant, take, out, NULL));
      g_assert_cmpuint (out->len, <=, 2 * (message.end - message.start));
    }
}

static void
write_and_read (SatchelStream *content, const void *data, gsize size)
{
  const char *const keywords[] = { "k", NULL };
  g_autoptr (GString) file = g_string_new (NULL);
  g_assert_true (satchel_mbox_write (content, 1000000000, SATCHEL_FLAG_SEEN, keywords, take, file, NULL));
  g_string_append (file, FROM "\n");
  g_autoptr (GBytes) bytes = g_bytes_new (file->str, file->len);
  g_autoptr (SatchelStream) stream = satchel_stream_new_bytes (bytes);
  g_autoptr (SatchelMboxScanner) scanner = satchel_mbox_scanner_new (stream, SATCHEL_MBOX_AUTO);
  SatchelMboxMessage message;
  g_auto (SatchelMboxFields) fields = { 0 };
  g_autoptr (GString) out = g_string_new (NULL);
  g_assert_cmpint (satchel_mbox_scanner_next (scanner, &message, NULL), ==, SATCHEL_MBOX_MESSAGE);
  g_assert_true (satchel_mbox_fields_read (stream, &message, &fields, NULL));
  g_assert_true (satchel_mbox_copy (stream, &message, &fields, SATCHEL_MBOX_AUTO, take, out, NULL));
  g_assert_cmpmem (out->str, out->len, data, size);
  g_assert_cmpint (satchel_mbox_scanner_next (scanner, &message, NULL), ==, SATCHEL_MBOX_MESSAGE);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (GBytes) bytes = g_bytes_new (data, size);
  g_autoptr (SatchelStream) stream = satchel_stream_new_bytes (bytes);
  for (SatchelMboxVariant variant = SATCHEL_MBOX_AUTO; variant <= SATCHEL_MBOX_CL2; variant++)
    scan (stream, variant, size);
  write_and_read (stream, data, size);
  return 0;
}
