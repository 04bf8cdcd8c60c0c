/* SPDX-License-Identifier: MIT
 * One enrolled user: the secret, the steps that codes were used at, what was typed wrongly, recovery codes,
 * and the grants that right codes have opened.  Plain memory; state.h keeps it in a file.
 */
#pragma once
#include "seal.h"

#define TOTP_USED_MAX 32u /* steps that a user's codes were used at */
#define TOTP_RECOVERY_CODES 10u
#define TOTP_WRONG_MAX 10u /* fresh wrong codes that are remembered */
/* most grants of a user; a further one replaces the one that was not used for longest */
#define TOTP_GRANTS_MAX 32u
#define TOTP_WRONG_TEXTS_MAX 16u

/* A grant may be opened in these ways, by which it is found again how its string ends in a password. */
typedef enum
{
  TOTP_BY_CODE = 'c',
  TOTP_BY_RECOVERY = 'r'
} TotpKind;

typedef struct TotpGrant
{
  guint64 id;                                                /* unique with the user, never used again */
  char *network;                                             /* network, as in SatchelLogin */
  guint8 string[TOTP_HASH_BYTES], verifier[TOTP_HASH_BYTES]; /* keyed hashes */
  TotpKind kind;
  char *service, *peer, *client; /* the login that opened the grant */
  gint64 created_s, used_s;      /* seconds since 1970 */
  gint64 written_s;              /* the used_s of the file */
} TotpGrant;

typedef struct TotpUser
{
  char *name, *sealed;
  TotpAlgorithm algorithm;
  guint digits;
  gint64 created_s;
  guint64 next_grant;
  /* Steps whose code was used, in order; all up to `floor` count as used. */
  guint64 used[TOTP_USED_MAX], floor;
  guint n_used;
  guint8 recovery[TOTP_RECOVERY_CODES][TOTP_HASH_BYTES];
  guint n_recovery;
  gint64 wrong_s[TOTP_WRONG_MAX]; /* times of wrong codes of the last day, in order */
  guint n_wrong;
  gboolean is_shut;
  GPtrArray *grants; /* TotpGrant */
  /* These strings were wrong, the newest last; they are in memory only. */
  guint8 wrong_texts[TOTP_WRONG_TEXTS_MAX][TOTP_HASH_BYTES];
  guint n_wrong_texts;
} TotpUser;

TotpUser *totp_user_new (const char *name);
void totp_user_free (TotpUser *user);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TotpUser, totp_user_free)
gboolean totp_user_has_used (const TotpUser *user, guint64 step);
void totp_user_use (TotpUser *user, guint64 step);
/* These count wrong codes that came with a right password: 5 in 15 minutes close the way for that time, 10 in
 * a day until totp_user_forgive. A string that was wrong stays wrong, and counts once. */
gboolean totp_user_is_closed (TotpUser *user, gint64 now_s);
gboolean totp_user_was_wrong (const TotpUser *user, const guint8 text[TOTP_HASH_BYTES]);
void totp_user_count_wrong (TotpUser *user, const guint8 text[TOTP_HASH_BYTES], gint64 now_s);
void totp_user_forgive (TotpUser *user);
void totp_grant_free (TotpGrant *grant);
