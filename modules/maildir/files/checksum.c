/* SPDX-License-Identifier: MIT
 * Implements CRC-32C (Castagnoli), computed by the processor if it has the instruction.
 */
#include "config.h"

#include "files/checksum.h"

#include <satchel/number.h>
#include <string.h>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

static guint32 crc_table[256];
static gsize crc_ready;

static void
make_crc_table (void)
{
  if (!g_once_init_enter (&crc_ready))
    return;
  for (guint32 i = 0; i < 256; i++)
    {
      guint32 c = i;
      for (int k = 0; k < 8; k++)
        c = c & 1 ? (c >> 1) ^ 0x82f63b78u : c >> 1;
      crc_table[i] = c;
    }
  g_once_init_leave (&crc_ready, 1);
}

#if defined(__x86_64__)
__attribute__ ((target ("sse4.2"))) static guint32
crc_hardware (guint32 crc, const guint8 *p, gsize len)
{
  guint64 c = crc;
  for (; len >= 8; p += 8, len -= 8)
    {
      guint64 v;
      memcpy (&v, p, 8);
      c = _mm_crc32_u64 (c, v);
    }
  for (; len > 0; p++, len--)
    c = _mm_crc32_u8 ((guint32) c, *p);
  return (guint32) c;
}
#endif

guint32
md_crc32c (guint32 crc, const void *data, gsize len)
{
  const guint8 *p = data;
  crc = ~crc;
#if defined(__x86_64__)
  if (__builtin_cpu_supports ("sse4.2"))
    return ~crc_hardware (crc, p, len);
#endif

#include <string.h>
  make_crc_table ();
  for (; len > 0; p++, len--)
    crc = (crc >> 8) ^ crc_table[(crc ^ *p) & 0xff];
  return ~crc;
}

gboolean
md_check_head (const char *line, const char *name, const void *body, gsize len)
{
  guint32 version, least;
  guint64 checksum;
  return satchel_text_take (&line, name) && satchel_text_take (&line, " ")
         && satchel_number_take_u32 (&line, NULL, G_MAXUINT32, &version) && satchel_text_take (&line, " ")
         && satchel_number_take_u32 (&line, NULL, 1, &least) && satchel_text_take (&line, " ")
         && satchel_number_take (&line, NULL, 16, G_MAXUINT32, &checksum)
         && checksum == md_crc32c (0, body, len);
}
