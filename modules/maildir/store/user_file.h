/* SPDX-License-Identifier: MIT
 * Keeps the data that exist once for a user: subscriptions, special uses, a log of changes to names, and
 * the counters of mod-sequences and UIDVALIDITY.
 */
#pragma once
#include "settings.h"
#include "store/slots.h"

#include <satchel/storage.h>

typedef struct MdStore MdStore;

#define MD_USER_FILE "satchel-user"
#define MD_MODSEQ_FILE "satchel-modseq"

/* MD_MODSEQ_FILE has these words, and hints in it. */
enum
{
  MD_USER_MODSEQ_LIMIT,
  MD_USER_UIDVALIDITY
};
enum
{
  MD_HINT_MODSEQ,
  MD_HINT_BOOT_1,
  MD_HINT_BOOT_2
};

typedef struct MdUser
{
  GHashTable *subscriptions; /* the set of names */
  GHashTable *special_use;   /* name to bits of special use */
  GString *log;              /* lines of the change log as in the file, oldest first */
  guint n_log;
  MdSlots slots;
  guint64 modseq, uidvalidity; /* given last; 0: none yet */
  MdServer server;             /* whose files are kept beside ours */
  guint64 foreign_stamp[3];    /* of the other server's subscriptions as read or written last: time, size */
  gboolean has_old_form;       /* Dovecot's subscriptions are in their old form */
  gboolean is_news;            /* the server, or its subscriptions, were not known to us before */
  gboolean has_utf8_names;     /* folders had names in UTF-8 when the Maildir was taken over */
  gboolean is_unsure;          /* a save failed: the next operation saves, even if it changes nothing */
} MdUser;

gboolean md_user_open (MdStore *store, GError **error);
/* Does the part of md_user_open that changes nothing on disk. */
gboolean md_user_read (MdStore *store, GError **error);
void md_user_free (MdUser *user);
/* Writes the file of the user.  FALSE means that it is not durable, and that `is_unsure` is set. */
gboolean md_user_save (MdStore *store, GError **error);
/* Adds an entry to the change log, which the next save writes. */
void md_user_log (MdStore *store, char what, const char *name, const char *other);
/* Adds an entry and saves. FALSE means that the entry is dropped, and the caller puts back what it
 * changed. */
gboolean md_user_save_change (MdStore *store, char what, const char *name, const char *other, GError **error);
gboolean md_user_next_modseq (MdStore *store, guint64 *ret, GError **error);
gboolean md_user_next_uidvalidity (MdStore *store, guint32 *ret, GError **error);
/* Makes later numbers greater than these, which another store gave. 0: that counter stays as it is. */
gboolean md_user_raise (MdStore *store, guint64 modseq, guint32 uidvalidity, GError **error);
