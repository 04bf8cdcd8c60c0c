/* SPDX-License-Identifier: MIT
 * The header of a sealed message (FORMAT.md), and how long what is sealed is.  Pure, but for random bytes.
 */
#pragma once
#include "key.h"

#include <satchel/error.h>

#define CRYPT_MAGIC_BYTES 8u
#define CRYPT_MESSAGE_ID_BYTES 16u
#define CRYPT_PREFIX_BYTES 19u
#define CRYPT_BOX_BYTES 80u /* a sealed box with a key */
#define CRYPT_HEADER_BYTES 144u
#define CRYPT_PLAIN_HEADER_BYTES 16u /* of a message that is not sealed, but has a header */
#define CRYPT_CHUNK_LOG2 16u
#define CRYPT_CHUNK_BYTES (1u << CRYPT_CHUNK_LOG2)
#define CRYPT_TAG_BYTES 16u
#define CRYPT_SEALED_CHUNK_BYTES (CRYPT_CHUNK_BYTES + CRYPT_TAG_BYTES)

/* Mail is sealed by one of these suites. */
typedef enum
{
  CRYPT_SUITE_PLAIN = 0,  /* the message follows as it is */
  CRYPT_SUITE_CHACHA = 1, /* X25519 sealed box, XChaCha20-Poly1305 in STREAM form */
  CRYPT_SUITE_AES = 2     /* the same with AES-256-GCM */
} CryptSuite;

/* The box in a header has one of these. */
typedef enum
{
  CRYPT_BOX_OF_MESSAGE = 0, /* the key of the message */
  CRYPT_BOX_OF_MANY = 1     /* a key from which those of many messages follow */
} CryptBoxed;

typedef struct CryptHeader
{
  guint8 bytes[CRYPT_HEADER_BYTES]; /* as they are stored; of PLAIN the first 16 */
  CryptSuite suite;
} CryptHeader;

/* The header of a sealed message has its parts at these places. */
enum
{
  CRYPT_AT_VERSION = 8,
  CRYPT_AT_SUITE = 9,
  CRYPT_AT_CHUNK_LOG2 = 10,
  CRYPT_AT_PREFIX = 11,
  CRYPT_AT_BOXED = 30,
  CRYPT_AT_ZERO = 31,
  CRYPT_AT_KEY_ID = 32,
  CRYPT_AT_MESSAGE_ID = 48,
  CRYPT_AT_BOX = 64
};

/* What is known of a message before its content is read. */
typedef struct CryptKnown
{
  guint8 message_id[CRYPT_MESSAGE_ID_BYTES];
  gboolean has_key;
  guint8 key[CRYPT_KEY_BYTES]; /* the message's; whoever has no key of the user may not use it */
} CryptKnown;

/* A box with a key, from which those of many messages follow: making a box is most of what it costs to seal a
 * short message. */
typedef struct CryptKeyBox
{
  guint8 key_id[CRYPT_KEY_ID_BYTES]; /* of the user's key that opens it */
  guint8 bytes[CRYPT_BOX_BYTES];
} CryptKeyBox;

/* What seals the messages that a session of the user stores.  Who has it can read them, so it is kept no
 * longer than the private half is there.  @key is a secret (<satchel/secret.h>). */
typedef struct CryptShared
{
  CryptKeyBox box;
  GBytes *key; /* NULL: there is none */
} CryptShared;
/* Fills @shared anew for @half; without memory there is no key in it then. */
void crypt_shared_make (CryptShared *shared, const CryptPublic *half);
void crypt_shared_clear (CryptShared *shared);

/* Says what the first bytes of a stored message are. */
typedef enum
{
  CRYPT_FOUND_DAMAGE = 0, /* a header that is cut off, changed, or of a later version; @error says which */
  CRYPT_FOUND_CLEAR,      /* no header: a message as it came */
  CRYPT_FOUND_HEADER
} CryptFound;

extern const guint8 crypt_magic[CRYPT_MAGIC_BYTES];

/* Returns the suite that is the quickest here: AES where the processor has instructions for it. */
CryptSuite crypt_suite_here (void);
/* Tests set which one that is; PLAIN: what the processor says. */
extern CryptSuite crypt_suite_forced;
/* Makes the header of a new message, with the key that seals it, which is in a box of its own. */
void crypt_header_make (CryptHeader *header, CryptSuite suite, const CryptPublic *half,
                        guint8 ret_key[CRYPT_KEY_BYTES]);
/* The same with a key that follows from @key, which is in @box. */
void crypt_header_make_shared (CryptHeader *header, CryptSuite suite, const CryptKeyBox *box,
                               const guint8 key[CRYPT_KEY_BYTES], guint8 ret_key[CRYPT_KEY_BYTES]);
/* Makes the header of a message that begins like a sealed one and is not to be sealed. */
void crypt_header_make_plain (CryptHeader *header);
/* Reads what a message of which @len bytes (all, or CRYPT_HEADER_BYTES) are given begins with.  @keys, which
 * may be NULL, help to find out that a damaged magic was one. */
CryptFound crypt_header_read (CryptHeader *header, const guint8 *bytes, gsize len, const CryptKeys *keys,
                              GError **error);
gboolean crypt_header_is_sealed (const CryptHeader *header);
/* Finds the key of the message that @header begins; FALSE with CORRUPT. */
gboolean crypt_header_open (const CryptHeader *header, const CryptKey *key, guint8 ret_key[CRYPT_KEY_BYTES],
                            GError **error);
/* Finds the key of the message @message_id in @box, which has what @boxed says; FALSE with CORRUPT. */
gboolean crypt_box_open (const guint8 box[CRYPT_BOX_BYTES], CryptBoxed boxed,
                         const guint8 message_id[CRYPT_MESSAGE_ID_BYTES], const CryptKey *key,
                         guint8 ret_key[CRYPT_KEY_BYTES], GError **error);

/* Returns the size of a message of @size bytes when it is sealed. */
guint64 crypt_sealed_size (guint64 size);
/* Returns the size of the message in @sealed bytes, which needs no key, or -1: no message is sealed to that
 * many. */
gint64 crypt_clear_size (guint64 sealed);
