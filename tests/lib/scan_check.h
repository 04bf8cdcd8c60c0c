/* SPDX-License-Identifier: MIT
 * Scans a message and checks what must hold for any bytes.  For tests and fuzz targets.
 */
#pragma once
#include "core/mail/attributes/blob_read.h"
#include "core/mail/scan/scanner.h"
#include <satchel/attributes.h>
#include <satchel/header.h>
#include <satchel/message.h>

#include "tests/lib/imap_grammar.h"

static inline GBytes *
scan_whole (const char *data, gsize len)
{
  SatchelScanner *scanner = satchel_scanner_new ();
  satchel_scanner_feed (scanner, data, len);
  return satchel_scanner_finish (scanner);
}

/* Scans in pieces whose lengths come from @seed. */
static inline GBytes *
scan_split (const char *data, gsize len, guint32 seed)
{
  SatchelScanner *scanner = satchel_scanner_new ();
  for (gsize at = 0; at < len;)
    {
      seed = seed * 1664525u + 1013904223u;
      gsize piece = MIN (len - at, (seed >> 16) % (seed >> 31 ? 200 : 5) + 1);
      satchel_scanner_feed (scanner, data + at, piece);
      at += piece;
    }
  return satchel_scanner_finish (scanner);
}

static inline void
check_sections (GBytes *blob, gsize len)
{
  static const char *const sections[] = { "",         "HEADER", "TEXT",  "1",      "1.MIME", "2",
                                          "2.HEADER", "1.1",    "1.2.1", "3.TEXT", "9.9" };
  guint64 offset, section_len;
  for (gsize i = 0; i < G_N_ELEMENTS (sections); i++)
    if (satchel_attributes_find_section (blob, sections[i], &offset, &section_len))
      g_assert_true (offset <= len && section_len <= len - offset);
  g_assert_true (satchel_attributes_find_section (blob, "", &offset, &section_len));
  g_assert_true (offset == 0 && section_len == len);
  g_assert_true (satchel_attributes_find_section (blob, "HEADER", &offset, &section_len));
  g_assert_cmpuint (section_len, ==, satchel_attributes_header_size (blob));
}

/* What the blob keeps of the header is what the header says. */
static inline void
check_kept (GBytes *blob, const char *data)
{
  static const char *const wanted[] = { "Date",       "Subject",      "From",    "To",
                                        "Message-ID", "Content-Type", "X-Status" };
  g_autoptr (SatchelHeaderNames) names = satchel_header_names_new (wanted, G_N_ELEMENTS (wanted));
  g_autoptr (GString) kept = g_string_new (NULL);
  g_autoptr (GString) selected = g_string_new (NULL);
  if (!satchel_attributes_header_fields (blob, names, kept))
    {
      g_assert_cmpuint (kept->len, ==, 0);
      return;
    }
  satchel_header_select (data, satchel_attributes_header_size (blob), names, FALSE, selected);
  g_assert_cmpmem (kept->str, kept->len, selected->str, selected->len);
}

static inline GBytes *
scan_checked (const char *data, gsize len, guint32 seed)
{
  gsize text_len;
  GBytes *blob = scan_whole (data, len);
  g_autoptr (GBytes) again = scan_split (data, len, seed);
  g_assert_true (g_bytes_equal (blob, again));
  g_assert_true (satchel_attributes_check (blob));
  g_assert_cmpuint (satchel_attributes_size (blob), ==, len);
  const char *text = satchel_attributes_envelope (blob, &text_len);
  g_assert_true (imap_is_envelope (text, text_len));
  text = satchel_attributes_body_structure (blob, FALSE, &text_len);
  g_assert_true (imap_is_body (text, text_len, FALSE));
  text = satchel_attributes_body_structure (blob, TRUE, &text_len);
  g_assert_true (imap_is_body (text, text_len, TRUE));
  text = satchel_attributes_preview (blob, &text_len);
  g_assert_true (g_utf8_validate_len (text, text_len, NULL) && g_utf8_strlen (text, text_len) <= 200);
  check_sections (blob, len);
  /* A header cut by the bound is not kept whole. */
  if (satchel_attributes_header_size (blob) <= SATCHEL_SCAN_HEADER_BYTES)
    check_kept (blob, data);
  g_autoptr (GPtrArray) references = satchel_attributes_references (blob);
  g_autofree char *id = satchel_attributes_message_id (blob);
  g_assert_cmpuint (references->len, <=, 1000);
  g_assert_true (id == NULL || id[0] == '<');
  return blob;
}
