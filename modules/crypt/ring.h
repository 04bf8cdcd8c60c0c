/* SPDX-License-Identifier: MIT
 * A user's ring: the public half of the key of the user's mail, and slots that give the private one; the same
 * of keys that sealed mail before.
 */
#pragma once
#include "box.h"

#define CRYPT_SLOTS_MAX 64u
#define CRYPT_FORMERS_MAX 32u
#define CRYPT_RING_BYTES_MAX (64u * 1024u)
#define CRYPT_FIRST_SECRET_BYTES 32u

typedef struct CryptRing
{
  char *user;
  CryptPublic half;
  GArray *slots;    /* CryptSlot */
  gboolean is_open; /* the next login adds its slot: by FIRST_LOGIN, whose secret is here */
  guint8 first_secret[CRYPT_FIRST_SECRET_BYTES];
  GPtrArray *former;    /* CryptRing without user, never open; the latest first */
  gboolean is_rekeying; /* former keys that the present one gives go when all mail is sealed anew */
  gboolean is_opening;  /* new mail is not sealed, and the ring goes when all mail is open */
  guint64 serial;       /* when that was decided: microseconds since 1970; 0: by an earlier version */
} CryptRing;

CryptRing *crypt_ring_new (const char *user, const CryptPublic *half);
void crypt_ring_free (CryptRing *ring);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CryptRing, crypt_ring_free)

/* Finds the slot that @opener is for, borrowed until the ring changes; NULL: there is none. */
const CryptSlot *crypt_ring_find (const CryptRing *ring, const CryptOpener *opener);
/* Opens the ring; yours.  NOPERM: there is no such slot, or @opener does not open it. */
GBytes *crypt_ring_unlock (const CryptRing *ring, const CryptOpener *opener, GError **error);
/* Adds a slot, or replaces the one of that kind, name and variant.  LIMIT: there are too many. */
gboolean crypt_ring_put (CryptRing *ring, const CryptSlot *slot, GError **error);
/* Drops the slot that @opener is for, if there is one. */
void crypt_ring_remove (CryptRing *ring, const CryptOpener *opener);
/* Drops the slots of that name of the kinds that credentials have, those of former keys too.  NONEXISTENT:
 * there was none; NOPERM: nothing would open the ring any more. */
gboolean crypt_ring_drop (CryptRing *ring, const char *name, GError **error);
/* Lets the next login add its slot, or (@secret NULL) no login any more. */
gboolean crypt_ring_set_open (CryptRing *ring, GBytes *secret, GError **error);
/* Opens the ring as the next login may; yours.  NOPERM: it may not. */
GBytes *crypt_ring_unlock_first (const CryptRing *ring, GError **error);

/* Notes that new mail is sealed from now on, or (@is_opening) not any more. */
void crypt_ring_decide (CryptRing *ring, gboolean is_opening);
/* Puts another key in the place of the present one, which becomes the first of the former ones with all its
 * slots.  The new one has no slots yet.  LIMIT: there are too many. */
gboolean crypt_ring_renew (CryptRing *ring, const CryptPublic *half, GError **error);
/* Adds the keys of @from, and of what was before it, to the former ones of @ring, as far as they are not
 * there. LIMIT: there are too many. */
gboolean crypt_ring_take_keys (CryptRing *ring, const CryptRing *from, GError **error);
/* Lets the present key give @former, one of @ring's, whose private half is @secret, and what that gives. */
gboolean crypt_ring_link (CryptRing *ring, CryptRing *former, GBytes *secret, GError **error);
/* Drops the former keys that the present one gives. */
void crypt_ring_forget_linked (CryptRing *ring);
gboolean crypt_ring_is_linked (const CryptRing *ring, const CryptRing *former);
/* Returns @secret, the private half of @of, and behind it all that it gives; yours.  @of: @ring, or a former
 * one of it.  NULL: no memory. */
GBytes *crypt_ring_all_of (const CryptRing *ring, const CryptRing *of, GBytes *secret);

/* Puts a slot for whoever has the private half of @to, in place of others of that kind for it; of ESCROW in
 * place of all. */
gboolean crypt_ring_put_box (CryptRing *ring, CryptOpenerKind kind, const CryptPublic *to, GBytes *secret,
                             GError **error);
const CryptSlot *crypt_ring_find_box (const CryptRing *ring, CryptOpenerKind kind, const CryptPublic *to);
/* Opens such a slot with @by, the private half of @to; yours.  NOPERM: there is none, or it does not. */
GBytes *crypt_ring_unbox (const CryptRing *ring, CryptOpenerKind kind, const CryptPublic *to, GBytes *by,
                          GError **error);
/* Drops all slots of a kind. */
void crypt_ring_remove_kind (CryptRing *ring, CryptOpenerKind kind);

/* Writes and reads the text of its file. Yours.  CORRUPT: it is none, or not whole. */
char *crypt_ring_to_text (const CryptRing *ring);
CryptRing *crypt_ring_parse (const char *text, gsize len, GError **error);
