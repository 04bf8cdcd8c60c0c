/* SPDX-License-Identifier: MIT
 * What the layer knows of one store: the keys of those who have it open, the public half by which new mail is
 * sealed, and what is known of sealed messages.  Any thread.
 */
#pragma once
#include "header.h"
#include "opened.h"
#include "state.h"

#include <satchel/storage.h>

#define CRYPT_SPACE "crypt" /* of blobs beside the mail */

typedef struct CryptStore CryptStore;

CryptStore *crypt_store_new (void);
void crypt_store_free (CryptStore *store);

/* Notes the first access with a key, and the last one. */
void crypt_store_attach (CryptStore *store, const SatchelAccess *access);
void crypt_store_detach (CryptStore *store, const SatchelAccess *access);
/* Returns the keys of @access; a reference of yours.  NULL: it has none that opens mail. */
CryptKeys *crypt_store_keys (CryptStore *store, const SatchelAccess *access);

/* Makes the header of a new message for @half, with its key.  Where @keys (or NULL), those of whoever stores
 * it, open it as well, its box is one for all that is stored while they are there, else one of deliveries
 * (delivered.h). */
void crypt_store_make_header (CryptStore *store, const CryptKeys *keys, const CryptPublic *half,
                              CryptHeader *header, guint8 ret_key[CRYPT_KEY_BYTES]);

/* Returns keys of an access that has the store open; a reference of yours.  NULL: there is none. */
CryptKeys *crypt_store_any_keys (CryptStore *store);

/* Says whether @copy, of the user's ring, is another one than the last that this was asked of. */
gboolean crypt_store_is_news (CryptStore *store, GBytes *copy);

/* Does what crypt_state_parse does, and sooner if it was the same text before. */
gboolean crypt_store_parse (CryptStore *store, const char *text, CryptState *ret_state);
/* Finds how mail is to lie on the disk.  FALSE with @error: it cannot be told, and nothing may be stored in
 * clear meanwhile.  [blocks] */
gboolean crypt_store_state (SatchelStorage *storage, const SatchelAccess *access, CryptState *ret_state,
                            GError **error);

/* Remembers and finds what is known of a sealed message.  Keys are forgotten, and all else with them, when
 * the last access with a key goes.  A lookup that finds nothing says nothing. */
void crypt_store_note (CryptStore *store, SatchelStorageMailbox *mailbox, guint32 uid,
                       const CryptKnown *known);
gboolean crypt_store_find (CryptStore *store, SatchelStorageMailbox *mailbox, guint32 uid,
                           CryptKnown *ret_known);
/* Forgets what is known of these messages, and their attributes. */
void crypt_store_forget (CryptStore *store, SatchelStorageMailbox *mailbox, const guint32 *uids, guint n);
/* Has the attributes that accesses with keys have opened (opened.h). */
CryptOpened *crypt_store_opened (CryptStore *store);

/* These stand around an exchange of contents, inside of a turn. */
void crypt_store_begin_exchange (CryptStore *store);
void crypt_store_end_exchange (CryptStore *store);
/* Returns a number for crypt_store_was_exchanged: were contents exchanged since then, so that attributes and
 * content that were read one after the other may not belong together?  It waits for an exchange that is at
 * work.  [blocks] */
guint crypt_store_exchanges (CryptStore *store);
gboolean crypt_store_was_exchanged (CryptStore *store, guint exchanges);

/* Counts contents that are staged in the form @id (crypt_state_id), and says whether any are in another. */
void crypt_store_count_staged (CryptStore *store, const guint8 id[CRYPT_KEY_ID_BYTES], int by);
gboolean crypt_store_has_other_staged (CryptStore *store, const guint8 id[CRYPT_KEY_ID_BYTES]);
gboolean crypt_store_has_other_staged_for (CryptStore *store, const CryptState *state);

/* Work on the form of the mail of before (work.h).  FALSE: somebody is at work, and was waited for a
 * moment. */
gboolean crypt_store_begin_work (CryptStore *store);
void crypt_store_end_work (CryptStore *store);
gboolean crypt_store_is_at_work (CryptStore *store);
/* TRUE once while the store is open: whoever comes first sees to it that work goes on that the end of a
 * process has cut off. */
gboolean crypt_store_is_first (CryptStore *store);
/* When as much as was done so far should have been done at the wanted rate (CLOCK_MONOTONIC). */
void crypt_store_add_due (CryptStore *store, guint64 us);
gint64 crypt_store_due_us (CryptStore *store);
