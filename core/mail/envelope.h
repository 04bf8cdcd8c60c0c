/* SPDX-License-Identifier: MIT
 * Reading the ENVELOPE text of a blob, which has all addresses, however long the field was.
 */
#pragma once
#include <satchel/header.h>

typedef enum
{
  ENVELOPE_FROM = 2, /* places in RFC 3501 7.4.2 */
  ENVELOPE_TO = 5,
  ENVELOPE_CC = 6
} EnvelopeField;

/* The first address structure of a field, a group's start as well; yours.  NULL: none. */
SatchelAddress *satchel_envelope_first_address (GBytes *attributes, EnvelopeField field);
