/* SPDX-License-Identifier: MIT
 * Snapshots and UID sets against naive models, with random histories.
 */
#include <satchel/snapshot.h>
#include <string.h>
#include "tests/lib/rounds.h"

/* ---- UID sets ---- */

#define UNIVERSE 300u

static void
check_set (const SatchelUidSet *set, const gboolean *model)
{
  guint count = 0;
  for (guint32 uid = 0; uid < UNIVERSE; uid++)
    {
      g_assert_cmpint (satchel_uid_set_contains (set, uid), ==, model[uid]);
      count += model[uid];
    }
  g_assert_cmpuint (satchel_uid_set_count (set), ==, count);
  for (guint i = 1; i < set->n_ranges; i++)
    g_assert_cmpuint (set->ranges[i].first, >, set->ranges[i - 1].last + 1);
}

static void
test_uid_set_model (void)
{
  for (guint round = 0; round < 200; round++)
    {
      g_auto (SatchelUidSet) set = { NULL, 0 };
      gboolean model[UNIVERSE] = { FALSE };
      for (guint step = 0; step < 40; step++)
        {
          guint32 first = (guint32) g_test_rand_int_range (0, UNIVERSE);
          guint32 last = first + (guint32) g_test_rand_int_range (0, 12);
          last = MIN (UNIVERSE - 1, last);
          satchel_uid_set_add (&set, first, last);
          for (guint32 uid = first; uid <= last; uid++)
            model[uid] = TRUE;
          check_set (&set, model);
        }
      g_auto (SatchelUidSet) copy = { NULL, 0 };
      satchel_uid_set_copy (&set, &copy);
      satchel_uid_set_add (&copy, UNIVERSE + 5, UNIVERSE + 5);
      check_set (&set, model);
      g_assert_cmpuint (copy.n_ranges, ==, set.n_ranges + 1);
    }
}

static void
test_uid_set_text (void)
{
  g_auto (SatchelUidSet) set = { NULL, 0 };
  satchel_uid_set_add (&set, 1, 3);
  satchel_uid_set_add (&set, 7, 7);
  satchel_uid_set_add (&set, 4294967290u, G_MAXUINT32);
  satchel_uid_set_add (&set, 4294967280u, G_MAXUINT32);
  g_autoptr (GString) text = g_string_new (NULL);
  satchel_uid_set_format (&set, text);
  g_assert_cmpstr (text->str, ==, "1:3,7,4294967280:4294967295");
  g_auto (SatchelUidSet) parsed = { NULL, 0 };
  g_assert_true (satchel_uid_set_parse ("7,3:2,1,4294967280:4294967295", 29, &parsed));
  g_string_truncate (text, 0);
  satchel_uid_set_format (&parsed, text);
  g_assert_cmpstr (text->str, ==, "1:3,7,4294967280:4294967295");
  const char *const bad[] = { "",    "0",  "1:",         ":1", "1,", ",1",    "*",
                              "1:*", "01", "4294967296", "1 ", "-1", "1:2:3", "1,,2" };
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_auto (SatchelUidSet) none = { NULL, 0 };
      g_assert_false (satchel_uid_set_parse (bad[i], strlen (bad[i]), &none));
      g_assert_null (none.ranges);
    }
}

/* ---- snapshots ---- */

/* The model: rows in order. */
static void
check_snapshot (const SatchelSnapshot *snapshot, GArray *model)
{
  guint64 unseen = 0, deleted = 0, size = 0;
  g_assert_cmpuint (snapshot->state.n_messages, ==, model->len);
  guint at = 0;
  for (guint c = 0; c < snapshot->n_chunks; c++)
    {
      const SatchelChunk *chunk = snapshot->chunks[c];
      g_assert_cmpuint (chunk->n, >, 0);
      g_assert_cmpuint (chunk->n, <=, SATCHEL_CHUNK_MESSAGES);
      g_assert_cmpuint (snapshot->first_index[c], ==, at);
      for (guint row = 0; row < chunk->n; row++, at++)
        {
          const SatchelMessageRow *want = &g_array_index (model, SatchelMessageRow, at);
          g_assert_cmpuint (chunk->uid[row], ==, want->uid);
          g_assert_cmpuint (chunk->flags[row], ==, want->flags);
          g_assert_cmpuint (chunk->modseq[row], ==, want->modseq);
          SatchelKeywordSet keywords = satchel_chunk_keywords (chunk, row);
          g_assert_true (satchel_keyword_set_equal (&keywords, &want->keywords));
          g_assert_cmpuint (chunk->size[row], ==, want->size);
          g_assert_cmpint (chunk->internal_date[row], ==, want->internal_date);
          g_assert_cmpint (chunk->save_date[row], ==, want->save_date);
          g_assert_cmpuint (chunk->highest_modseq, >=, want->modseq);
          unseen += !(want->flags & SATCHEL_FLAG_SEEN);
          deleted += (want->flags & SATCHEL_FLAG_DELETED) != 0;
          size += want->size == SATCHEL_SIZE_UNKNOWN ? 0 : want->size;
        }
    }
  g_assert_cmpuint (at, ==, model->len);
  g_assert_cmpuint (snapshot->state.n_unseen, ==, unseen);
  g_assert_cmpuint (snapshot->state.n_deleted, ==, deleted);
  g_assert_cmpuint (snapshot->state.size_bytes, ==, size);
  for (guint probe = 0; probe < 20; probe++)
    {
      guint32 uid = (guint32) g_test_rand_int_range (0, (gint) snapshot->state.uidnext + 3), index, want = 0;
      while (want < model->len && g_array_index (model, SatchelMessageRow, want).uid < uid)
        want++;
      gboolean is_there = want < model->len && g_array_index (model, SatchelMessageRow, want).uid == uid;
      g_assert_cmpint (satchel_snapshot_find (snapshot, uid, &index), ==, is_there);
      g_assert_cmpuint (index, ==, want);
    }
}

static void
random_row (SatchelMessageRow *row, guint32 uid, guint64 modseq)
{
  *row = (SatchelMessageRow) {
    .uid = uid,
    .modseq = modseq,
    .flags = (guint32) g_test_rand_int_range (0, SATCHEL_FLAGS_ALL + 1),
    .keywords = { { (guint64) g_test_rand_int_range (0, 16) } },
    .size = g_test_rand_int_range (0, 8) == 0 ? SATCHEL_SIZE_UNKNOWN
                                              : (guint64) g_test_rand_int_range (0, 100000),
    .internal_date = g_test_rand_int_range (-1000, 100000),
    .save_date = g_test_rand_int_range (0, 100000),
  };
  /* A few have one far up: the column of their chunk is wider. */
  if (g_test_rand_int_range (0, 200) == 0)
    satchel_keyword_set_add (&row->keywords, (guint) g_test_rand_int_range (64, SATCHEL_KEYWORDS_MAX));
}

/* Appends copies of a random span of @base; @model follows. */
static void
random_copies (SatchelSnapshotBuilder *builder, const SatchelSnapshot *base, GArray *model,
               SatchelMailboxState *state)
{
  if (base == NULL || base->n_chunks == 0)
    return;
  const SatchelChunk *chunk = base->chunks[g_test_rand_int_range (0, (gint) base->n_chunks)];
  const guint row = (guint) g_test_rand_int_range (0, (gint) chunk->n);
  const guint n = (guint) g_test_rand_int_range (1, (gint) (chunk->n - row) + 1);
  const guint32 clear_flags = (guint32) g_test_rand_int_range (0, SATCHEL_FLAGS_ALL + 1);
  SatchelMessageRow like;
  random_row (&like, state->uidnext, state->highestmodseq);
  satchel_snapshot_builder_append_copies (builder, chunk, row, n, clear_flags, &like);
  for (guint i = 0; i < n; i++)
    {
      SatchelMessageRow copy = like;
      copy.uid = state->uidnext++;
      copy.flags = (chunk->flags[row + i] & ~clear_flags) | like.flags;
      copy.size = chunk->size[row + i];
      copy.internal_date = chunk->internal_date[row + i];
      g_array_append_val (model, copy);
    }
}

/* One random change to @base; @model follows. */
static SatchelSnapshot *
random_change (SatchelSnapshot *base, GArray *model, guint most)
{
  SatchelMailboxState state = { .uidvalidity = 1, .uidnext = 1, .highestmodseq = 1 };
  if (base != NULL)
    state = base->state;
  SatchelSnapshotBuilder *builder = satchel_snapshot_builder_new (base);
  guint n_append = (guint) g_test_rand_int_range (0, (gint) most);
  state.highestmodseq++;
  for (guint i = 0; i < n_append; i++)
    {
      SatchelMessageRow row;
      state.uidnext += (guint32) g_test_rand_int_range (0, 3);
      random_row (&row, state.uidnext++, state.highestmodseq);
      satchel_snapshot_builder_append (builder, &row);
      g_array_append_val (model, row);
    }
  if (g_test_rand_int_range (0, 4) == 0)
    random_copies (builder, base, model, &state);
  g_autoptr (GArray) is_removed = g_array_sized_new (FALSE, TRUE, sizeof (gboolean), model->len + 1);
  g_array_set_size (is_removed, model->len);
  guint n_touch = model->len == 0 ? 0 : (guint) g_test_rand_int_range (0, 30);
  for (guint i = 0; i < n_touch; i++)
    {
      guint32 index = (guint32) g_test_rand_int_range (0, (gint) model->len);
      SatchelMessageRow row;
      SatchelMessageRow *have = &g_array_index (model, SatchelMessageRow, index);
      if (g_array_index (is_removed, gboolean, index))
        continue;
      satchel_snapshot_builder_get (builder, index, &row);
      g_assert_cmpuint (row.uid, ==, have->uid);
      random_row (&row, row.uid, state.highestmodseq);
      satchel_snapshot_builder_set (builder, index, &row);
      *have = row;
    }
  guint n_remove =
      model->len == 0 || g_test_rand_bit () ? 0 : (guint) g_test_rand_int_range (0, (gint) model->len + 1);
  guint start = n_remove == 0 ? 0 : (guint) g_test_rand_int_range (0, (gint) (model->len - n_remove) + 1);
  for (guint i = 0; i < n_remove; i++)
    if (g_test_rand_int_range (0, 4) != 0)
      {
        satchel_snapshot_builder_remove (builder, start + i);
        g_array_index (is_removed, gboolean, start + i) = TRUE;
      }
  for (guint i = model->len; i > 0; i--)
    if (g_array_index (is_removed, gboolean, i - 1))
      g_array_remove_index (model, i - 1);
  return satchel_snapshot_builder_finish (builder, &state);
}

static GArray *
copy_model (GArray *model)
{
  GArray *copy = g_array_sized_new (FALSE, FALSE, sizeof (SatchelMessageRow), model->len);
  return model->len > 0 ? g_array_append_vals (copy, model->data, model->len) : copy;
}

static void
check_difference (const SatchelDifference *difference, GArray *before, guint64 modseq, guint32 uidnext,
                  GArray *after)
{
  GHashTable *old = g_hash_table_new (NULL, NULL);
  for (guint i = 0; i < before->len; i++)
    {
      SatchelMessageRow *row = &g_array_index (before, SatchelMessageRow, i);
      g_hash_table_insert (old, GUINT_TO_POINTER (row->uid), row);
    }
  guint n_changed = 0, first_new = after->len;
  for (guint i = 0; i < after->len; i++)
    {
      const SatchelMessageRow *row = &g_array_index (after, SatchelMessageRow, i);
      const SatchelMessageRow *had = g_hash_table_lookup (old, GUINT_TO_POINTER (row->uid));
      if (had == NULL)
        {
          g_assert_cmpuint (row->uid, >=, uidnext);
          first_new = MIN (first_new, i);
          continue;
        }
      g_hash_table_remove (old, GUINT_TO_POINTER (row->uid));
      if (row->modseq > modseq)
        {
          g_assert_cmpuint (n_changed, <, difference->changed->len);
          g_assert_cmpuint (g_array_index (difference->changed, guint32, n_changed), ==, i);
          n_changed++;
        }
    }
  g_assert_cmpuint (difference->changed->len, ==, n_changed);
  g_assert_cmpuint (difference->first_new_index, ==, first_new);
  g_assert_cmpuint (satchel_uid_set_count (&difference->vanished), ==, g_hash_table_size (old));
  GHashTableIter iter;
  gpointer key;
  g_hash_table_iter_init (&iter, old);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    g_assert_true (satchel_uid_set_contains (&difference->vanished, GPOINTER_TO_UINT (key)));
  g_hash_table_unref (old);
}

static void
run_history (guint steps, guint most)
{
  g_autoptr (GArray) model = g_array_new (FALSE, FALSE, sizeof (SatchelMessageRow));
  SatchelSnapshot *old[4] = { NULL };
  GArray *old_model[4] = { NULL };
  SatchelSnapshot *now = NULL;
  for (guint step = 0; step < steps; step++)
    {
      SatchelSnapshot *next = random_change (now, model, most);
      check_snapshot (next, model);
      g_clear_pointer (&now, satchel_snapshot_unref);
      now = next;
      for (guint i = 0; i < G_N_ELEMENTS (old); i++)
        {
          if (old[i] == NULL)
            continue;
          /* Old views never change, and the differences to them are right. */
          check_snapshot (old[i], old_model[i]);
          g_auto (SatchelDifference) difference = { 0 };
          satchel_snapshot_compare (old[i], now, &difference);
          check_difference (&difference, old_model[i], old[i]->state.highestmodseq, old[i]->state.uidnext,
                            model);
          g_auto (SatchelUidSet) uids = { NULL, 0 };
          g_auto (SatchelDifference) from_idle = { 0 };
          satchel_snapshot_uids (old[i], &uids);
          g_assert_cmpuint (satchel_uid_set_count (&uids), ==, old_model[i]->len);
          satchel_snapshot_compare_uids (&uids, old[i]->state.highestmodseq, old[i]->state.uidnext, now,
                                         &from_idle);
          check_difference (&from_idle, old_model[i], old[i]->state.highestmodseq, old[i]->state.uidnext,
                            model);
        }
      guint place = (guint) g_test_rand_int_range (0, G_N_ELEMENTS (old));
      g_clear_pointer (&old[place], satchel_snapshot_unref);
      g_clear_pointer (&old_model[place], g_array_unref);
      old[place] = satchel_snapshot_ref (now);
      old_model[place] = copy_model (model);
    }
  for (guint i = 0; i < G_N_ELEMENTS (old); i++)
    {
      g_clear_pointer (&old[i], satchel_snapshot_unref);
      g_clear_pointer (&old_model[i], g_array_unref);
    }
  g_clear_pointer (&now, satchel_snapshot_unref);
}

static void
test_small_histories (void)
{
  for (guint i = 0; i < count_rounds (60, 600); i++)
    run_history (25, 12);
}

static void
test_large_histories (void)
{
  for (guint i = 0; i < count_rounds (3, 30); i++)
    run_history (count_rounds (12, 12), 9000);
}

static SatchelSnapshot *
make_snapshot (guint32 n)
{
  SatchelSnapshotBuilder *builder = satchel_snapshot_builder_new (NULL);
  SatchelMailboxState state = { .uidvalidity = 1, .uidnext = n + 1, .highestmodseq = 1 };
  for (guint32 uid = 1; uid <= n; uid++)
    satchel_snapshot_builder_append (builder, &(SatchelMessageRow) { .uid = uid, .modseq = 1, .size = 10 });
  return satchel_snapshot_builder_finish (builder, &state);
}

/* A change copies what it touches, no more. */
static void
test_sharing (void)
{
  g_autoptr (SatchelSnapshot) before = make_snapshot (3 * SATCHEL_CHUNK_MESSAGES + 10);
  g_assert_cmpuint (before->n_chunks, ==, 4);
  SatchelMessageRow row;
  SatchelMailboxState state = before->state;
  state.highestmodseq = 2;
  SatchelSnapshotBuilder *builder = satchel_snapshot_builder_new (before);
  satchel_snapshot_builder_get (builder, SATCHEL_CHUNK_MESSAGES + 5, &row);
  row.flags = SATCHEL_FLAG_SEEN;
  row.modseq = 2;
  satchel_snapshot_builder_set (builder, SATCHEL_CHUNK_MESSAGES + 5, &row);
  g_autoptr (SatchelSnapshot) flagged = satchel_snapshot_builder_finish (builder, &state);
  g_assert_true (flagged->chunks[0] == before->chunks[0]);
  g_assert_true (flagged->chunks[1] != before->chunks[1]);
  g_assert_true (flagged->chunks[1]->uid == before->chunks[1]->uid);
  g_assert_true (flagged->chunks[1]->flags != before->chunks[1]->flags);
  g_assert_true (flagged->chunks[2] == before->chunks[2] && flagged->chunks[3] == before->chunks[3]);
  g_assert_cmpuint (before->chunks[1]->flags[5], ==, 0);

  builder = satchel_snapshot_builder_new (flagged);
  satchel_snapshot_builder_append (builder, &(SatchelMessageRow) { .uid = state.uidnext, .modseq = 3 });
  state.uidnext++;
  g_autoptr (SatchelSnapshot) grown = satchel_snapshot_builder_finish (builder, &state);
  g_assert_true (grown->chunks[1] == flagged->chunks[1]);
  g_assert_true (grown->chunks[3]->uid == flagged->chunks[3]->uid); /* free room was used */
  g_assert_cmpuint (flagged->chunks[3]->n, ==, 10);
  g_assert_cmpuint (grown->chunks[3]->n, ==, 11);

  /* A rival heir of the same snapshot does not get the same cells. */
  builder = satchel_snapshot_builder_new (flagged);
  satchel_snapshot_builder_append (builder, &(SatchelMessageRow) { .uid = state.uidnext + 7, .modseq = 4 });
  g_autoptr (SatchelSnapshot) rival = satchel_snapshot_builder_finish (builder, &state);
  g_assert_cmpuint (grown->chunks[3]->uid[10], ==, state.uidnext - 1);
  g_assert_cmpuint (rival->chunks[3]->uid[10], ==, state.uidnext + 7);
}

static void
append_rows (SatchelSnapshotBuilder *builder, guint32 first, guint32 last)
{
  for (guint32 uid = first; uid <= last; uid++)
    satchel_snapshot_builder_append (builder, &(SatchelMessageRow) { .uid = uid, .modseq = uid });
}

/* A builder takes all free room, and leaves to the next one what it did not use, also after it changed a
 * message between two that it appended, or was given up. */
static void
test_room (void)
{
  g_autoptr (SatchelSnapshot) before = make_snapshot (100); /* with room for 128 */
  SatchelMailboxState state = before->state;
  SatchelSnapshotBuilder *builder = satchel_snapshot_builder_new (before);
  append_rows (builder, 101, 105);
  satchel_snapshot_builder_set (
      builder, 3, &(SatchelMessageRow) { .uid = 4, .modseq = 200, .flags = SATCHEL_FLAG_SEEN, .size = 10 });
  append_rows (builder, 106, 110);
  state.uidnext = 111;
  g_autoptr (SatchelSnapshot) changed = satchel_snapshot_builder_finish (builder, &state);
  g_assert_true (changed->chunks[0]->uid == before->chunks[0]->uid);
  g_assert_true (changed->chunks[0]->flags != before->chunks[0]->flags);
  g_assert_cmpuint (before->chunks[0]->n, ==, 100);
  g_assert_cmpuint (changed->chunks[0]->n, ==, 110);
  for (guint32 i = 0; i < 110; i++)
    g_assert_cmpuint (changed->chunks[0]->uid[i], ==, i + 1);

  builder = satchel_snapshot_builder_new (changed);
  append_rows (builder, 111, 112);
  state.uidnext = 113;
  g_autoptr (SatchelSnapshot) grown = satchel_snapshot_builder_finish (builder, &state);
  g_assert_true (grown->chunks[0]->uid == before->chunks[0]->uid);

  satchel_snapshot_builder_free (satchel_snapshot_builder_new (grown));
  builder = satchel_snapshot_builder_new (grown);
  append_rows (builder, 113, 113);
  satchel_snapshot_builder_free (builder);
  g_assert_cmpuint (grown->chunks[0]->n, ==, 112);
}

static void
test_no_dust (void)
{
  SatchelSnapshot *now = make_snapshot (8 * SATCHEL_CHUNK_MESSAGES);
  /* All but each 100th goes: what is left fits one chunk. */
  SatchelSnapshotBuilder *builder = satchel_snapshot_builder_new (now);
  for (guint32 i = 0; i < now->state.n_messages; i++)
    if (i % 100 != 0)
      satchel_snapshot_builder_remove (builder, i);
  SatchelSnapshot *next = satchel_snapshot_builder_finish (builder, &now->state);
  g_assert_cmpuint (next->n_chunks, ==, 1);
  g_assert_cmpuint (next->state.n_messages, ==, 328);
  satchel_snapshot_unref (now);
  satchel_snapshot_unref (next);
}

static void
test_keywords (void)
{
  SatchelMailboxState state = { .uidvalidity = 1, .uidnext = 1, .highestmodseq = 1 };
  SatchelSnapshotBuilder *builder = satchel_snapshot_builder_new (NULL);
  for (guint k = 0; k < SATCHEL_KEYWORDS_MAX; k++)
    {
      g_autofree char *name = g_strdup_printf ("$Word%u", k);
      g_assert_cmpint (satchel_snapshot_builder_keyword (builder, name), ==, k);
    }
  g_assert_cmpint (satchel_snapshot_builder_keyword (builder, "more"), ==, -1);
  g_assert_cmpint (satchel_snapshot_builder_keyword (builder, "$WORD63"), ==, 63);
  g_autoptr (SatchelSnapshot) full = satchel_snapshot_builder_finish (builder, &state);
  g_assert_cmpint (satchel_snapshot_keyword (full, "$word7"), ==, 7);
  g_assert_cmpint (satchel_snapshot_keyword (full, "$word"), ==, -1);
  g_assert_null (full->keywords[SATCHEL_KEYWORDS_MAX]);

  /* One name for another: the older snapshot finds what it had, the newer one what it has. */
  builder = satchel_snapshot_builder_new (full);
  SatchelMessageRow row = { .uid = 1, .modseq = 1 };
  for (guint k = 0; k < SATCHEL_KEYWORDS_MAX; k++)
    if (k != 700)
      satchel_keyword_set_add (&row.keywords, k);
  satchel_snapshot_builder_append (builder, &row);
  g_assert_cmpint (satchel_snapshot_builder_keyword (builder, "Another"), ==, 700);
  g_assert_cmpint (satchel_snapshot_builder_keyword (builder, "$word700"), ==, -1);
  g_autoptr (SatchelSnapshot) renamed = satchel_snapshot_builder_finish (builder, &state);
  g_assert_cmpint (satchel_snapshot_keyword (full, "$WORD700"), ==, 700);
  g_assert_cmpint (satchel_snapshot_keyword (full, "another"), ==, -1);
  g_assert_cmpint (satchel_snapshot_keyword (renamed, "another"), ==, 700);
  g_assert_cmpint (satchel_snapshot_keyword (renamed, "$word700"), ==, -1);
  g_assert_cmpint (satchel_snapshot_keyword (renamed, "$word701"), ==, 701);

  builder = satchel_snapshot_builder_new (NULL);
  satchel_snapshot_builder_keyword (builder, "a");
  g_autoptr (SatchelSnapshot) one = satchel_snapshot_builder_finish (builder, &state);
  builder = satchel_snapshot_builder_new (one);
  satchel_snapshot_builder_keyword (builder, "b");
  g_autoptr (SatchelSnapshot) two = satchel_snapshot_builder_finish (builder, &state);
  g_assert_cmpuint (one->n_keywords, ==, 1);
  g_assert_null (one->keywords[1]);
  g_assert_cmpstr (two->keywords[1], ==, "b");
  satchel_snapshot_builder_free (satchel_snapshot_builder_new (two));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/snapshot/uid-set/model", test_uid_set_model);
  g_test_add_func ("/snapshot/uid-set/text", test_uid_set_text);
  g_test_add_func ("/snapshot/history/small", test_small_histories);
  g_test_add_func ("/snapshot/history/large", test_large_histories);
  g_test_add_func ("/snapshot/sharing", test_sharing);
  g_test_add_func ("/snapshot/room", test_room);
  g_test_add_func ("/snapshot/no-dust", test_no_dust);
  g_test_add_func ("/snapshot/keywords", test_keywords);
  return g_test_run ();
}
