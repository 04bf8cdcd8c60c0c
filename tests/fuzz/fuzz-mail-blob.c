/* SPDX-License-Identifier: MIT
 * Any bytes as an attributes blob from disk: refused, or every accessor is safe.  The checksum is made right,
 * so that the bounds behind it are reached.
 */
#include <satchel/charset.h>
#include <satchel/search.h>
#include <string.h>

#include "core/mail/attributes/blob_read.h"
#include "core/mail/charset/charset_reader.h"
#include "core/mail/attributes/blob.h"
#include "tests/fuzz/driver.h"
#include "tests/lib/scan_check.h"

const gboolean fuzz_wants_mail = TRUE;
const char *const fuzz_seeds[] = { "Subject: x\r\n\r\ny", NULL };
const char *const fuzz_tokens[] = { "\x01", "\xff\xff\xff\xff", "\x7f", "\x80", NULL };

static void
use_blob (GBytes *blob)
{
  gsize len;
  guint64 offset, section_len;
  SatchelPart part;
  g_autoptr (GString) out = g_string_new (NULL);
  static const char *const wanted[] = { "subject", "to" };
  g_autoptr (SatchelHeaderNames) names = satchel_header_names_new (wanted, 2);
  satchel_attributes_header_fields (blob, names, out);
  for (guint i = 0; i < satchel_attributes_n_parts (blob) && i < 100; i++)
    if (satchel_attributes_part (blob, i, &part))
      g_assert_cmpuint (strlen (part.type) + strlen (part.subtype) + strlen (part.charset), <, G_MAXINT);
  satchel_attributes_find_section (blob, "1.2.HEADER", &offset, &section_len);
  satchel_attributes_find_section (blob, "2.1", &offset, &section_len);
  g_autoptr (GPtrArray) references = satchel_attributes_references (blob);
  g_autofree char *id = satchel_attributes_message_id (blob);
  g_assert_true (references->len <= 1000 && (id == NULL || id[0] == '<'));
  const char *text = satchel_attributes_envelope (blob, &len);
  g_string_append_len (out, text, len);
  text = satchel_attributes_body_structure (blob, TRUE, &len);
  g_string_append_len (out, text, len);
  text = satchel_attributes_preview (blob, &len);
  g_string_append_len (out, text, len);
}

/* The input is a message and how its blob is damaged: the last 16 bytes say where and what. */
int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  satchel_charset_preload ();
  if (size < 16)
    return 0;
  g_autoptr (GBytes) blob = scan_whole ((const char *) data, size - 16);
  gsize len;
  g_autofree guint8 *copy = g_bytes_unref_to_data (g_steal_pointer (&blob), &len);
  const guint8 *damage = data + size - 16;
  for (int i = 0; i < 4; i++)
    {
      /* The first half of the damage goes where the tables are. */
      gsize at = damage[i * 4] | (gsize) damage[i * 4 + 1] << 8;
      copy[BLOB_TABLE_OFFSET
           + at % (i < 2 ? BLOB_FIXED_BYTES - BLOB_TABLE_OFFSET : len - BLOB_TABLE_OFFSET)] =
          damage[i * 4 + 2];
    }
  blob_put_u64 (copy + BLOB_CHECKSUM_OFFSET,
                satchel_blob_checksum (copy + BLOB_TABLE_OFFSET, len - BLOB_TABLE_OFFSET));
  g_autoptr (GBytes) damaged = g_bytes_new_static (copy, len);
  if (satchel_attributes_check (damaged))
    use_blob (damaged);
  g_autoptr (GBytes) raw = g_bytes_new_static (data, size);
  g_assert_false (satchel_attributes_check (raw) && size < BLOB_FIXED_BYTES);
  return 0;
}
