/* SPDX-License-Identifier: MIT
 * Declares calls about attributes blobs for the core alone, beside those for modules (attributes.h).
 */
#pragma once
#include <satchel/attributes.h>
#include <satchel/keys.h>

/* Checks magic, version, checksum and every bound inside of a blob that was stored.  FALSE means that the
 * blob is to be thrown away and the message scanned again.  The time is linear in its length. */
gboolean satchel_attributes_check (GBytes *blob);
/* Does the same without the checksum: for a blob whose checksum was right before, and that has been kept
 * under another checksum since.  Its contents may be wrong, but no accessor reads outside of it. */
gboolean satchel_attributes_check_bounds (GBytes *blob);

/* Returns the number of line feeds in the whole message. */
guint64 satchel_attributes_lines (GBytes *blob);
/* Says whether the message came by SMTPUTF8 (RFC 6531), or an address in its header is not ASCII: mail that
 * has a surrogate (downgrade.h). 8-bit bytes elsewhere in a header do not count. */
gboolean satchel_attributes_is_internationalized (GBytes *blob);
/* Says whether the last line ends in CRLF, or there is no line. It is FALSE also if the message was not
 * parsed. */
gboolean satchel_attributes_ends_in_crlf (GBytes *blob);
/* Finds the next kept field called @name; *state is 0 for the first one. FALSE means that there are no
 * more. */
gboolean satchel_attributes_header_next (GBytes *blob, const char *name, gsize *state, const char **ret_value,
                                         gsize *ret_len);

typedef enum
{
  ENVELOPE_FROM = 2, /* places in RFC 3501 7.4.2 */
  ENVELOPE_TO = 5,
  ENVELOPE_CC = 6
} EnvelopeField;
/* Returns the first address structure of a field in the ENVELOPE, which has all addresses, however long the
 * field was; the start of a group counts as well. The caller owns it. NULL means that the field has none. */
SatchelAddress *satchel_envelope_first_address (GBytes *attributes, EnvelopeField field);

/* Appends the bytes of a key (keys.h), at most 1,100. */
void satchel_key_append (GBytes *attributes, SatchelKeyKind kind, GByteArray *out);
