/* SPDX-License-Identifier: MIT
 * Which messages of a user are known to be spam or ham: those that were learnt, and those that were put into
 * the spam folder at delivery.  A message is known by what identifies it wherever a client copies it, so that
 * a copy that a client uploads again is the same message.  Kept in blobs, bounded: the oldest are forgotten.
 */
#pragma once
#include <satchel/storage.h>

#define SPAM_KNOWN_BUCKETS 16u
#define SPAM_KNOWN_PER_BUCKET 1024u
#define SPAM_KEY_BYTES 12u

typedef enum
{
  SPAM_KNOWN_NOT = 0,
  SPAM_KNOWN_FILED, /* put into the spam folder, and not learnt */
  SPAM_KNOWN_SPAM,  /* learnt as spam */
  SPAM_KNOWN_HAM    /* learnt as ham */
} SpamKnownAs;

typedef struct SpamKey
{
  guint8 bytes[SPAM_KEY_BYTES];
} SpamKey;
/* Makes the key of a message of its attributes: Message-ID, Date, From and Subject.  FALSE means that it has
 * no Message-ID, or is not parsed: it is the same as no other then. */
gboolean spam_key_of (GBytes *attributes, SpamKey *ret_key);

/* What has been read, and is to be stored; one thread. */
typedef struct SpamKnown SpamKnown;
SpamKnown *spam_known_new (void);
void spam_known_free (SpamKnown *known);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SpamKnown, spam_known_free)
/* Looks a key up; reads a blob at the first key of each bucket.  A damaged bucket is an empty one.  FALSE:
 * the blob cannot be read.  [blocks] */
gboolean spam_known_find (SpamKnown *known, SatchelStore *store, const SpamKey *key, SpamKnownAs *ret_as,
                          GError **error);
/* Sets what a key that has been looked up is known as; in memory. */
void spam_known_set (SpamKnown *known, const SpamKey *key, SpamKnownAs as);
/* Adds the blobs that changed to @changes (SatchelBlob), whose names and values live as long as @known. */
void spam_known_add_changes (SpamKnown *known, GArray *changes);
