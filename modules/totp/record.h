/* SPDX-License-Identifier: MIT
 * Declares the records of the state, which are lines of text: "u USER ..." a user, "x USER" a user no more,
 * "g USER ID ..." a grant, "d USER ID" a grant no more, "m = SEALED" the key of hashes after a change of the
 * master key. The last one of its kind counts. Pure functions.
 */
#pragma once
#include "user.h"

char *totp_record_of_hash_key (const char *sealed);
char *totp_record_of_user (const TotpUser *user);
char *totp_record_of_grant (const TotpUser *user, const TotpGrant *grant);
/* Makes the record by which @grant ends; NULL: by which @user does. */
char *totp_record_of_end (const TotpUser *user, const TotpGrant *grant);

typedef struct TotpRecord
{
  char kind;      /* 'u', 'x', 'g', 'd', 'm' */
  char *name;     /* name of the user */
  char *hash_key; /* 'm': sealed */
  guint64 id;     /* id of the grant */
  TotpUser *user; /* 'u' */
  TotpGrant *grant;
} TotpRecord;
/* Reads a line of the file. FALSE means that it says nothing that we know. Clear the record in both cases. */
gboolean totp_record_parse (const char *line, TotpRecord *ret_record);
void totp_record_clear (TotpRecord *record);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (TotpRecord, totp_record_clear)
