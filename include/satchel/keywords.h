/* SPDX-License-Identifier: MIT
 * Declares sets of keywords (RFC 3501 2.3.2): bit k stands for the keyword with number k of a snapshot. A
 * plain value that starts zeroed.
 */
#pragma once
#include <satchel/error.h>

G_BEGIN_DECLS

#define SATCHEL_KEYWORD_BYTES                                                                                \
  128u /* a keyword; longer: LIMIT, they would bloat every snapshot and FLAGS response */
#define SATCHEL_KEYWORD_WORDS 16u
/* The most keywords that messages of a mailbox can have at one time (satchel_keywords_limit: that they may
 * have).  A keyword that no message has makes room for another. */
#define SATCHEL_KEYWORDS_MAX (64u * SATCHEL_KEYWORD_WORDS)

/* Says whether @name is a flag-keyword (RFC 3501 9). Pure. */
SATCHEL_API gboolean satchel_keyword_is_atom (const char *name);

typedef struct SatchelKeywordSet
{
  guint64 words[SATCHEL_KEYWORD_WORDS];
} SatchelKeywordSet;

/* Returns the bits of four words; written out, since compilers keep a loop of it. */
static inline guint64
satchel_keyword_words_unite (const guint64 words[4])
{
  return words[0] | words[1] | words[2] | words[3];
}

/* Returns the bits of all words but the first. */
static inline guint64
satchel_keyword_set_unite_rest (const SatchelKeywordSet *set)
{
  const guint64 *words = set->words;
  G_STATIC_ASSERT (SATCHEL_KEYWORD_WORDS == 16);
  return words[1] | words[2] | words[3] | satchel_keyword_words_unite (words + 4)
         | satchel_keyword_words_unite (words + 8) | satchel_keyword_words_unite (words + 12);
}

/* Returns the number of words up to the last bit that is set; 0 means that the set is empty. */
static inline guint
satchel_keyword_set_n_words (const SatchelKeywordSet *set)
{
  guint n = SATCHEL_KEYWORD_WORDS;
  if (satchel_keyword_set_unite_rest (set) == 0) /* few mailboxes have more than 64 keywords */
    return set->words[0] != 0;
  while (set->words[n - 1] == 0)
    n--;
  return n;
}

static inline gboolean
satchel_keyword_set_is_empty (const SatchelKeywordSet *set)
{
  return (set->words[0] | satchel_keyword_set_unite_rest (set)) == 0;
}

static inline gboolean
satchel_keyword_set_has (const SatchelKeywordSet *set, guint bit)
{
  return bit < SATCHEL_KEYWORDS_MAX && (set->words[bit / 64] >> bit % 64 & 1) != 0;
}

/* Adds a bit, which is below SATCHEL_KEYWORDS_MAX. */
static inline void
satchel_keyword_set_add (SatchelKeywordSet *set, guint bit)
{
  set->words[bit / 64] |= G_GUINT64_CONSTANT (1) << bit % 64;
}

static inline gboolean
satchel_keyword_set_equal (const SatchelKeywordSet *one, const SatchelKeywordSet *two)
{
  guint64 differs = 0;
  for (guint i = 0; i < SATCHEL_KEYWORD_WORDS; i++)
    differs |= one->words[i] ^ two->words[i];
  return differs == 0;
}

/* Adds all of @other. */
static inline void
satchel_keyword_set_unite (SatchelKeywordSet *set, const SatchelKeywordSet *other)
{
  for (guint i = 0; i < SATCHEL_KEYWORD_WORDS; i++)
    set->words[i] |= other->words[i];
}

/* Removes all of @other. */
static inline void
satchel_keyword_set_subtract (SatchelKeywordSet *set, const SatchelKeywordSet *other)
{
  for (guint i = 0; i < SATCHEL_KEYWORD_WORDS; i++)
    set->words[i] &= ~other->words[i];
}

/* Keeps only bits that @other has too. */
static inline void
satchel_keyword_set_intersect (SatchelKeywordSet *set, const SatchelKeywordSet *other)
{
  for (guint i = 0; i < SATCHEL_KEYWORD_WORDS; i++)
    set->words[i] &= other->words[i];
}

/* Returns the lowest bit from @from on that is set; -1 means that there is none. */
static inline int
satchel_keyword_set_next (const SatchelKeywordSet *set, guint from)
{
  for (guint i = from / 64; i < SATCHEL_KEYWORD_WORDS; i++)
    {
      guint64 word = set->words[i] & (i == from / 64 ? G_MAXUINT64 << from % 64 : G_MAXUINT64);
      if (word != 0)
        return (int) (64 * i) + __builtin_ctzll (word);
    }
  return -1;
}

G_END_DECLS
