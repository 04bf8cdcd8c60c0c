/* SPDX-License-Identifier: MIT
 * Implements a sorter for items with several keys (RFC 5256 3, SORT). Each key has a head of eight bytes, in
 * which most comparisons end; longer texts have a tail.
 */
#include "config.h"

#include <satchel/sort.h>
#include <stdlib.h>
#include <string.h>

#define HEAD_BYTES 8u

typedef struct Entry
{
  guint64 head; /* the head of the first key */
  guint32 item;
} Entry;
struct SatchelSorter
{
  guint32 n_items;
  guint n_keys;
  guint32 reversed;
  /* by item * n_keys + key: a number, or the first bytes of a text as a number that compares as they do */
  guint64 *heads;
  /* by the same index: the offset in `texts` of the rest of a text; 0: there is no rest.  NULL while no text
   * is longer than its head */
  guint32 *tails;
  GByteArray *texts; /* for each rest its length as u16, and its bytes */
};

SatchelSorter *
satchel_sorter_new (guint32 n_items, guint n_keys, guint32 reversed)
{
  SatchelSorter *sorter = g_new0 (SatchelSorter, 1);
  sorter->n_items = n_items;
  sorter->n_keys = n_keys;
  sorter->reversed = reversed;
  sorter->heads = g_new0 (guint64, (gsize) n_items * n_keys);
  return sorter;
}

void
satchel_sorter_free (SatchelSorter *sorter)
{
  g_free (sorter->heads);
  g_free (sorter->tails);
  g_clear_pointer (&sorter->texts, g_byte_array_unref);
  g_free (sorter);
}

static gsize
place_of (const SatchelSorter *sorter, guint32 item, guint key)
{
  return (gsize) item * sorter->n_keys + key;
}

void
satchel_sorter_set_number (SatchelSorter *sorter, guint32 item, guint key, gint64 number)
{
  sorter->heads[place_of (sorter, item, key)] = (guint64) number ^ G_GUINT64_CONSTANT (1) << 63;
}

void
satchel_sorter_set_text (SatchelSorter *sorter, guint32 item, guint key, const void *text, gsize len)
{
  guint64 head = 0;
  /* An empty text may be NULL, which memcpy must not get. */
  if (len > 0)
    memcpy (&head, text, MIN (len, HEAD_BYTES));
  sorter->heads[place_of (sorter, item, key)] = GUINT64_FROM_BE (head);
  if (len <= HEAD_BYTES)
    return;
  if (sorter->tails == NULL)
    {
      sorter->tails = g_new0 (guint32, (gsize) sorter->n_items * sorter->n_keys);
      sorter->texts = g_byte_array_new ();
      g_byte_array_append (sorter->texts, (const guint8 *) "", 1);
    }
  guint16 rest = (guint16) MIN (len - HEAD_BYTES, G_MAXUINT16);
  /* Beyond 4 GiB of texts, the rest of a text is not kept, so only the heads are compared. */
  if (sorter->texts->len > G_MAXUINT32 - rest - sizeof rest)
    return;
  sorter->tails[place_of (sorter, item, key)] = sorter->texts->len;
  g_byte_array_append (sorter->texts, (const guint8 *) &rest, sizeof rest);
  g_byte_array_append (sorter->texts, (const guint8 *) text + HEAD_BYTES, rest);
}

static int
compare_tails (const SatchelSorter *sorter, guint32 a, guint32 b)
{
  if (a == 0 || b == 0)
    return (a != 0) - (b != 0);
  guint16 a_len, b_len;
  memcpy (&a_len, sorter->texts->data + a, sizeof a_len);
  memcpy (&b_len, sorter->texts->data + b, sizeof b_len);
  int order = memcmp (sorter->texts->data + a + sizeof a_len, sorter->texts->data + b + sizeof b_len,
                      MIN (a_len, b_len));
  return order != 0 ? order : (a_len > b_len) - (a_len < b_len);
}

static int
compare (const void *a, const void *b, void *data)
{
  const SatchelSorter *sorter = data;
  const Entry *x = a, *y = b;
  if (x->head != y->head)
    return x->head < y->head ? -1 : 1;
  for (guint key = 0; key < sorter->n_keys; key++)
    {
      gsize x_place = place_of (sorter, x->item, key), y_place = place_of (sorter, y->item, key);
      guint64 x_head = sorter->heads[x_place], y_head = sorter->heads[y_place];
      if (x_head != y_head)
        return x_head < y_head ? -1 : 1;
      int order =
          sorter->tails != NULL ? compare_tails (sorter, sorter->tails[x_place], sorter->tails[y_place]) : 0;
      if (order != 0)
        return sorter->reversed >> key & 1 ? -order : order;
    }
  return x->item < y->item ? -1 : x->item > y->item;
}

guint32 *
satchel_sorter_finish (SatchelSorter *sorter)
{
  const guint32 n = sorter->n_items;
  g_autofree Entry *entries = g_new (Entry, n);
  guint32 *order = g_new (guint32, n);
  for (guint key = 0; key < sorter->n_keys; key++)
    for (guint32 i = 0; (sorter->reversed >> key & 1) && i < n; i++)
      sorter->heads[place_of (sorter, i, key)] = ~sorter->heads[place_of (sorter, i, key)];
  for (guint32 i = 0; i < n; i++)
    entries[i] = (Entry) { sorter->n_keys > 0 ? sorter->heads[place_of (sorter, i, 0)] : 0, i };
  if (n > 0)
    qsort_r (entries, n, sizeof *entries, compare, sorter);
  for (guint32 i = 0; i < n; i++)
    order[i] = entries[i].item;
  return order;
}
