/* SPDX-License-Identifier: MIT
 * Declares one-time codes (RFC 4226, RFC 6238), and how they follow a password. Pure functions.
 */
#pragma once
#include <satchel/types.h>

#define TOTP_STEP_S 30u
#define TOTP_DIGITS_MAX 8u
#define TOTP_SECRET_BYTES 20u /* 160 bits, as RFC 4226 4 recommends */
#define TOTP_SECRET_BYTES_MAX 64u
#define TOTP_RECOVERY_CHARS 16u /* 80 bits in base32 */

typedef enum /* in the order of the setting's choices */
{
  TOTP_SHA1 = 0,
  TOTP_SHA256,
  TOTP_SHA512
} TotpAlgorithm;
const char *totp_algorithm_name (TotpAlgorithm algorithm); /* "SHA1", as otpauth: has it */
gboolean totp_algorithm_parse (const char *name, TotpAlgorithm *ret_algorithm);

/* Computes the code of @counter, @digits (6 to 8) long. FALSE means that the library cannot compute it. */
gboolean totp_code_at (TotpAlgorithm algorithm, const guint8 *secret, gsize len, guint64 counter,
                       guint digits, char ret_code[TOTP_DIGITS_MAX + 1]);

/* Encodes in base32 (RFC 4648 6), without padding. The caller frees the text, and wipes it, since it may be a
 * secret. */
char *totp_base32 (const guint8 *data, gsize len);

/* Splits PASSWORD, one separator or none (blank, comma, colon), CODE; the code may have a blank in its
 * middle, as apps show it. FALSE means that @typed does not end in a code behind a password. */
gboolean totp_split_code (const char *typed, guint digits, gsize *ret_password_len,
                          char ret_code[TOTP_DIGITS_MAX + 1]);
/* Does the same with a recovery code, which has 16 characters in any case, with '-' or a blank between groups
 * of four. @ret_code is in capitals. */
gboolean totp_split_recovery (const char *typed, gsize *ret_password_len,
                              char ret_code[TOTP_RECOVERY_CHARS + 1]);
