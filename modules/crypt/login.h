/* SPDX-License-Identifier: MIT
 * What a login does with a ring: it opens it, and makes and drops slots by what it shows of the user's
 * passwords.  Role auth; what opens and seals slots, in cli too.
 */
#pragma once
#include "rings.h"

#include <satchel/auth.h>

#define CRYPT_AREA "crypt"

/* A login that is right. */
typedef struct CryptLogin
{
  const char *user;
  CryptOpener opener;                  /* what it brought */
  const SatchelCredential *credential; /* what the passdb says of the user, or NULL */
  gboolean is_test;                    /* nothing may change */
} CryptLogin;

/* Who gets a ring without `satchel crypt enable`. */
typedef enum
{
  CRYPT_POLICY_OFF = 0,
  CRYPT_POLICY_NEW,     /* who is added by `satchel user add` */
  CRYPT_POLICY_EVERYONE /* that, and whoever logs in with the password */
} CryptPolicy;

/* How rings are kept here. */
typedef struct CryptSite
{
  CryptCost cost; /* of new slots of passwords */
  CryptPolicy policy;
  GHashTable *policies;  /* domain -> CryptPolicy, where that is another one; or NULL.  Taken over */
  gboolean carries_over; /* an app password hands the key to a password that was changed elsewhere */
} CryptSite;
void crypt_site_set (const CryptSite *site);
const CryptSite *crypt_site (void);
CryptPolicy crypt_site_policy (const char *user);
/* Makes a ring for a user who has none, with a slot for the site's key; yours, and so is *@ret_secret, the
 * private half. */
CryptRing *crypt_ring_make (const char *user, GBytes **ret_secret, GError **error);

/* Returns the keys that the login opens, the present one first where it is among them; yours.  NULL: with
 * @error if it cannot be told, else because it opens none.  *ret_notice is what the user should be told, or
 * NULL; static.  [blocks] */
GBytes *crypt_login_open (const CryptLogin *login, const CryptRing *ring, const char **ret_notice,
                          GError **error);
/* Makes the ring of a user who has none, whose password the login brought; else as crypt_login_open.  NULL
 * without @error: the mail stays in clear. */
GBytes *crypt_login_begin (const CryptLogin *login, const char **ret_notice, GError **error);
/* Does the same for a login that shows who the user is, and brings no secret.  *@ret_is_withheld: it is to be
 * refused, and *@ret_notice says why. */
GBytes *crypt_login_open_proved (const char *user, const CryptRing *ring, gboolean *ret_is_withheld,
                                 const char **ret_notice);
/* Returns the memory that it takes. */
gsize crypt_login_cost (const CryptRing *ring, const CryptOpener *opener);

/* Puts a slot that @opener opens. */
gboolean crypt_login_put (CryptRing *ring, GBytes *secret, const CryptOpener *opener, GError **error);
/* Lets the present key give the former ones that @opener opens.  What cannot be changed stays locked. */
void crypt_login_link (CryptRing *ring, const CryptOpener *opener);
/* Returns @opener, a password, as the opener of the slot that the password before had. */
CryptOpener crypt_login_former (const CryptOpener *opener);
