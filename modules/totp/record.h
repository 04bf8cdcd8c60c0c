/* SPDX-License-Identifier: MIT
 * Records of the state as lines of text: "u USER ..." a user, "x USER" no more, "g USER ID ..." a grant,
 * "d USER ID" no more, "m = SEALED" the key of hashes once the master key was changed.  The last one of its
 * kind counts.  Pure functions.
 */
#pragma once
#include "user.h"

char *totp_record_of_hash_key (const char *sealed);
char *totp_record_of_user (const TotpUser *user);
char *totp_record_of_grant (const TotpUser *user, const TotpGrant *grant);
char *totp_record_of_end (const TotpUser *user, const TotpGrant *grant); /* @grant NULL: of the user */

typedef struct TotpRecord
{
  char kind;      /* 'u', 'x', 'g', 'd', 'm' */
  char *name;     /* of the user */
  char *hash_key; /* 'm': sealed */
  guint64 id;     /* of the grant */
  TotpUser *user; /* 'u' */
  TotpGrant *grant;
} TotpRecord;
/* Reads a line of the file. FALSE means that it says nothing that we know. Clear the record in both cases. */
gboolean totp_record_parse (const char *line, TotpRecord *ret_record);
void totp_record_clear (TotpRecord *record);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (TotpRecord, totp_record_clear)
