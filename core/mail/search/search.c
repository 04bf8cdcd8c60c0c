/* SPDX-License-Identifier: MIT
 * This file searches the header fields that a blob keeps (RFC 3501 6.4.4).
 */
#include "config.h"

#include "core/mail/attributes/blob_read.h"
#include "core/mail/search/needle.h"

SatchelMatch
satchel_search_header (GBytes *attributes, const char *name, const SatchelNeedle *needle)
{
  gsize state = 0, len;
  const char *value;
  if (satchel_attributes_header (attributes, name, NULL, NULL) == SATCHEL_HEADER_UNKNOWN)
    return SATCHEL_MATCH_UNKNOWN;
  while (satchel_attributes_header_next (attributes, name, &state, &value, &len))
    if (satchel_needle_is_in_field (needle, name, value, len))
      return SATCHEL_MATCH_YES;
  return SATCHEL_MATCH_NO;
}
