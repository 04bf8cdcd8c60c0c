/* SPDX-License-Identifier: MIT
 * Threading (RFC 5256 3) by cases, against a literal and slow version of the six steps, and at sizes where
 * anything quadratic or recursive would show.
 */
#include <satchel/sort.h>
#include <stdio.h>
#include <string.h>

#define IDS 16

typedef struct Mail
{
  guint64 id, subject;
  gint64 sent, arrived;
  gboolean is_reply;
  guint n_references;
  guint64 references[IDS];
} Mail;

/* "(1 2 (3)(4))(5)", from 1. */
static void
write_node (const SatchelThreads *threads, guint32 node, GString *out)
{
  guint32 first = threads->nodes[node].first_child;
  if (node < threads->n_messages)
    g_string_append_printf (out, "%u", node + 1);
  if (first == SATCHEL_THREAD_NONE)
    return;
  gboolean is_line = threads->nodes[first].next == SATCHEL_THREAD_NONE;
  if (node < threads->n_messages)
    g_string_append_c (out, ' ');
  for (guint32 child = first; child != SATCHEL_THREAD_NONE; child = threads->nodes[child].next)
    {
      g_assert_cmpuint (threads->nodes[child].parent, ==, node);
      g_string_append (out, is_line ? "" : "(");
      write_node (threads, child, out);
      g_string_append (out, is_line ? "" : ")");
    }
}

static SatchelThreads *
thread (SatchelThreadAlgorithm algorithm, const Mail *mails, guint n)
{
  g_autoptr (SatchelThreader) threader = satchel_threader_new (algorithm, n);
  for (guint i = 0; i < n; i++)
    {
      SatchelThreadMessage message = { mails[i].id,      mails[i].references, mails[i].n_references,
                                       mails[i].sent,    mails[i].arrived,    mails[i].subject,
                                       mails[i].is_reply };
      satchel_threader_add (threader, &message);
    }
  return satchel_threader_finish (threader);
}

static char *
answer (SatchelThreadAlgorithm algorithm, const Mail *mails, guint n)
{
  GString *out = g_string_new (NULL);
  g_autoptr (SatchelThreads) threads = thread (algorithm, mails, n);
  for (guint32 top = threads->first; top != SATCHEL_THREAD_NONE; top = threads->nodes[top].next)
    {
      g_string_append_c (out, '(');
      write_node (threads, top, out);
      g_string_append_c (out, ')');
    }
  return g_string_free (out, FALSE);
}

static void
check (SatchelThreadAlgorithm algorithm, const Mail *mails, guint n, const char *expected)
{
  g_autofree char *got = answer (algorithm, mails, n);
  g_assert_cmpstr (got, ==, expected);
}

static void
test_references (void)
{
  const Mail chain[] = {
    { 1, 7, 10 }, { 2, 7, 20, 0, TRUE, 1, { 1 } }, { 3, 7, 30, 0, TRUE, 2, { 1, 2 } }, { 4, 8, 5 }
  };
  check (SATCHEL_THREAD_REFERENCES, chain, 4, "(4)(1 2 3)");
  /* Siblings by date; one whose ancestor is missing in between hangs on the next one above. */
  const Mail siblings[] = { { 1, 7, 10 },
                            { 3, 7, 40, 0, TRUE, 2, { 1, 2 } },
                            { 4, 7, 30, 0, TRUE, 1, { 1 } } };
  check (SATCHEL_THREAD_REFERENCES, siblings, 3, "(1 (3)(2))");
  /* A parent that is not there holds several, not one (step 3). */
  const Mail orphans[] = { { 2, 7, 20, 0, TRUE, 1, { 1 } },
                           { 3, 8, 10, 0, TRUE, 1, { 1 } },
                           { 4, 9, 5, 0, TRUE, 1, { 5 } } };
  check (SATCHEL_THREAD_REFERENCES, orphans, 3, "(3)((2)(1))");
  check (SATCHEL_THREAD_REFS, orphans, 3, "((2)(1))(3)");
}

static void
test_odd_references (void)
{
  /* Of two messages with one id the first has it; without one a message is nobody's parent. */
  const Mail same[] = {
    { 1, 1, 10 }, { 1, 2, 20 }, { 2, 3, 30, 0, FALSE, 1, { 1 } }, { 0, 4, 40 }, { 0, 5, 50 }
  };
  check (SATCHEL_THREAD_REFERENCES, same, 5, "(1 3)(2)(4)(5)");
  /* Loops: the link that would close one is not made. */
  const Mail loop[] = { { 1, 1, 10, 0, FALSE, 1, { 2 } }, { 2, 2, 20, 0, FALSE, 1, { 1 } } };
  check (SATCHEL_THREAD_REFERENCES, loop, 2, "(2 1)");
  const Mail self[] = { { 1, 1, 10, 0, FALSE, 1, { 1 } }, { 2, 2, 20, 0, FALSE, 2, { 2, 2 } } };
  check (SATCHEL_THREAD_REFERENCES, self, 2, "(1)(2)");
  /* Its own last reference counts more than what others said before (step 1.B); and without any it has no
   * parent. */
  const Mail corrected[] = {
    { 3, 1, 30, 0, FALSE, 3, { 1, 4, 2 } }, { 1, 2, 10 }, { 2, 3, 20, 0, FALSE, 1, { 1 } }, { 4, 4, 40 }
  };
  check (SATCHEL_THREAD_REFERENCES, corrected, 4, "(2 3 1)(4)");
  check (SATCHEL_THREAD_REFERENCES, NULL, 0, "");
}

static void
test_subjects (void)
{
  /* Step 5.C, each of its rules: a reply goes below, two equals get a dummy, a dummy takes all. */
  const Mail reply[] = { { 1, 7, 20, 0, TRUE }, { 2, 7, 30 }, { 3, 7, 40, 0, TRUE } };
  check (SATCHEL_THREAD_REFERENCES, reply, 3, "(2 (1)(3))");
  check (SATCHEL_THREAD_REFS, reply, 3, "(1)(2)(3)");
  const Mail equals[] = { { 1, 7, 20 }, { 2, 7, 10 }, { 3, 7, 30, 0, TRUE }, { 4, 0, 1 }, { 5, 0, 2 } };
  check (SATCHEL_THREAD_REFERENCES, equals, 5, "(4)(5)((2)(1)(3))");
  const Mail dummies[] = { { 1, 7, 20, 0, TRUE, 1, { 8 } },
                           { 2, 7, 30, 0, TRUE, 1, { 8 } },
                           { 3, 7, 5 },
                           { 4, 7, 40, 0, TRUE, 1, { 9 } },
                           { 5, 7, 6, 0, TRUE, 1, { 9 } } };
  check (SATCHEL_THREAD_REFERENCES, dummies, 5, "((3)(5)(1)(2)(4))");
}

static void
test_orderedsubject (void)
{
  const Mail mails[] = { { 0, 1, 30 },          { 0, 2, 10 }, { 0, 1, 20 },
                         { 0, 1, 40, 0, TRUE }, { 0, 2, 10 }, { 0, 3, 15 } };
  check (SATCHEL_THREAD_ORDEREDSUBJECT, mails, 6, "(2 5)(6)(3 (1)(4))");
}

static void
test_refs (void)
{
  /* Threads by their latest arrival, messages in them by sent date. */
  const Mail mails[] = { { 1, 1, 50, 1 },
                         { 2, 1, 5, 2 },
                         { 3, 1, 10, 3, TRUE, 1, { 1 } },
                         { 4, 1, 9, 4, TRUE, 1, { 1 } },
                         { 5, 2, 1, 3 } };
  check (SATCHEL_THREAD_REFS, mails, 5, "(2)(5)(1 (4)(3))");
}

/* ---- the literal version ---- */

typedef struct Slow
{
  int message; /* -1: a dummy */
  struct Slow *parent;
  GPtrArray *children; /* Slow */
} Slow;

static const Mail *slow_mails;

static Slow *
slow_new (GPtrArray *all, int message)
{
  Slow *node = g_new0 (Slow, 1);
  node->message = message;
  node->children = g_ptr_array_new ();
  g_ptr_array_add (all, node);
  return node;
}

static void
slow_move (Slow *node, Slow *parent)
{
  if (node->parent != NULL)
    g_ptr_array_remove (node->parent->children, node);
  node->parent = parent;
  if (parent != NULL)
    g_ptr_array_add (parent->children, node);
}

static gboolean
slow_is_below (const Slow *node, const Slow *above)
{
  for (; node != NULL; node = node->parent)
    if (node == above)
      return TRUE;
  return FALSE;
}

static void
slow_link (Slow *parent, Slow *child)
{
  if (!slow_is_below (parent, child))
    slow_move (child, parent);
}

static Slow *
slow_id (GPtrArray *all, GHashTable *ids, guint64 id)
{
  Slow *node = g_hash_table_lookup (ids, GSIZE_TO_POINTER (id));
  if (node == NULL)
    g_hash_table_insert (ids, GSIZE_TO_POINTER (id), node = slow_new (all, -1));
  return node;
}

static void
slow_step_1 (GPtrArray *all, const Mail *mails, guint n)
{
  g_autoptr (GHashTable) ids = g_hash_table_new (NULL, NULL);
  for (guint i = 0; i < n; i++)
    {
      Slow *last = NULL;
      for (guint r = 0; r < mails[i].n_references; r++)
        {
          Slow *node = slow_id (all, ids, mails[i].references[r]);
          if (last != NULL && node->parent == NULL)
            slow_link (last, node);
          last = node;
        }
      Slow *node = mails[i].id != 0 ? slow_id (all, ids, mails[i].id) : slow_new (all, -1);
      if (node->message >= 0)
        node = slow_new (all, -1);
      node->message = (int) i;
      slow_move (node, NULL);
      if (last != NULL)
        slow_link (last, node);
    }
}

static void
slow_prune (Slow *node, gboolean is_top)
{
  for (guint i = 0; i < node->children->len;)
    {
      Slow *child = node->children->pdata[i];
      if (child->message < 0 && (child->children->len == 0 || !is_top || child->children->len == 1))
        {
          while (child->children->len > 0)
            slow_move (child->children->pdata[0], node);
          slow_move (child, NULL);
        }
      else
        i++;
    }
}

/* Until nothing changes: what is promoted may be a dummy again. */
static void
slow_step_3 (GPtrArray *all, Slow *root)
{
  for (guint round = 0; round <= all->len; round++)
    for (guint i = 0; i < all->len; i++)
      slow_prune (all->pdata[i], all->pdata[i] == root);
}

static int
slow_compare (gconstpointer a, gconstpointer b)
{
  const Slow *x = *(Slow *const *) a, *y = *(Slow *const *) b;
  x = x->message < 0 ? x->children->pdata[0] : x;
  y = y->message < 0 ? y->children->pdata[0] : y;
  gint64 x_sent = slow_mails[x->message].sent, y_sent = slow_mails[y->message].sent;
  return x_sent != y_sent ? (x_sent < y_sent ? -1 : 1) : x->message - y->message;
}

static void
slow_sort (Slow *node)
{
  for (guint i = 0; i < node->children->len; i++)
    slow_sort (node->children->pdata[i]);
  g_ptr_array_sort (node->children, slow_compare);
}

static const Mail *
slow_speaker (const Slow *node)
{
  return &slow_mails[node->message >= 0 ? node->message : ((Slow *) node->children->pdata[0])->message];
}

static void
slow_step_5 (GPtrArray *all, Slow *root)
{
  g_autoptr (GHashTable) table = g_hash_table_new (NULL, NULL);
  g_autoptr (GPtrArray) tops = g_ptr_array_copy (root->children, NULL, NULL);
  g_autofree Mail *speakers = g_new (Mail, tops->len + 1);
  for (guint i = 0; i < tops->len; i++)
    speakers[i] = *slow_speaker (tops->pdata[i]);
  for (guint i = 0; i < tops->len; i++)
    {
      Slow *top = tops->pdata[i],
           *known = g_hash_table_lookup (table, GSIZE_TO_POINTER (speakers[i].subject));
      if (speakers[i].subject != 0
          && (known == NULL
              || (known->message >= 0
                  && (top->message < 0
                      || (slow_mails[known->message].is_reply && !slow_mails[top->message].is_reply)))))
        g_hash_table_insert (table, GSIZE_TO_POINTER (speakers[i].subject), top);
    }
  for (guint i = 0; i < tops->len; i++)
    {
      Slow *top = tops->pdata[i],
           *known = g_hash_table_lookup (table, GSIZE_TO_POINTER (speakers[i].subject));
      if (speakers[i].subject == 0 || known == top || top->parent != root)
        continue;
      if (top->message < 0 && known->message < 0)
        {
          while (top->children->len > 0)
            slow_move (top->children->pdata[0], known);
          slow_move (top, NULL);
        }
      else if (known->message < 0)
        slow_move (top, known);
      else if (slow_mails[top->message].is_reply && !slow_mails[known->message].is_reply)
        slow_move (top, known);
      else
        {
          Slow *dummy = slow_new (all, -1);
          slow_move (dummy, root);
          slow_move (known, dummy);
          slow_move (top, dummy);
          g_hash_table_insert (table, GSIZE_TO_POINTER (speakers[i].subject), dummy);
        }
    }
}

static void
slow_write (const Slow *node, GString *out)
{
  gboolean is_line = node->children->len == 1;
  if (node->message >= 0)
    g_string_append_printf (out, "%d", node->message + 1);
  if (node->message >= 0 && node->children->len > 0)
    g_string_append_c (out, ' ');
  for (guint i = 0; i < node->children->len; i++)
    {
      g_string_append (out, is_line ? "" : "(");
      slow_write (node->children->pdata[i], out);
      g_string_append (out, is_line ? "" : ")");
    }
}

static void
slow_free (gpointer data)
{
  g_ptr_array_unref (((Slow *) data)->children);
  g_free (data);
}

static char *
slow_answer (const Mail *mails, guint n, gboolean with_subjects)
{
  g_autoptr (GPtrArray) all = g_ptr_array_new_with_free_func (slow_free);
  GString *out = g_string_new (NULL);
  slow_mails = mails;
  slow_step_1 (all, mails, n);
  Slow *root = slow_new (all, -1);
  for (guint i = 0; i + 1 < all->len; i++)
    if (((Slow *) all->pdata[i])->parent == NULL)
      slow_move (all->pdata[i], root);
  slow_step_3 (all, root);
  slow_sort (root);
  if (with_subjects)
    slow_step_5 (all, root);
  slow_sort (root);
  for (guint i = 0; i < root->children->len; i++)
    {
      g_string_append_c (out, '(');
      slow_write (root->children->pdata[i], out);
      g_string_append_c (out, ')');
    }
  return g_string_free (out, FALSE);
}

/* Few ids, so that everything happens: loops, duplicates, contradictions. */
static Mail
random_mail (guint n_ids, guint n_subjects)
{
  Mail mail = { .id = (guint64) g_test_rand_int_range (0, (int) n_ids + 1),
                .subject = (guint64) g_test_rand_int_range (0, (int) n_subjects),
                .sent = g_test_rand_int_range (0, 10),
                .is_reply = g_test_rand_bit () };
  mail.n_references = g_test_rand_bit () ? 0 : (guint) g_test_rand_int_range (0, 6);
  for (guint i = 0; i < mail.n_references; i++)
    mail.references[i] = (guint64) g_test_rand_int_range (1, (int) n_ids + 1);
  mail.arrived = mail.sent;
  return mail;
}

static void
test_literal (void)
{
  for (guint round = 0; round < 3000; round++)
    {
      Mail mails[24];
      guint n = (guint) g_test_rand_int_range (0, 25), n_ids = (guint) g_test_rand_int_range (1, 40);
      guint n_subjects = (guint) g_test_rand_int_range (1, 8);
      for (guint i = 0; i < n; i++)
        mails[i] = random_mail (n_ids, n_subjects);
      g_autofree char *expected = slow_answer (mails, n, TRUE);
      check (SATCHEL_THREAD_REFERENCES, mails, n, expected);
      /* Without subjects the threads are the same ones as those of REFS, in another order. */
      for (guint i = 0; i < n; i++)
        mails[i].subject = 0;
      g_autofree char *plain = slow_answer (mails, n, FALSE), *refs = answer (SATCHEL_THREAD_REFS, mails, n);
      g_assert_cmpuint (strlen (plain), ==, strlen (refs));
    }
}

/* ---- sizes ---- */

#define MANY 100000u

static void
add (SatchelThreader *threader, guint64 id, const guint64 *references, guint n)
{
  SatchelThreadMessage message = {
    .message_id = id, .references = references, .n_references = n, .sent = (gint64) id
  };
  satchel_threader_add (threader, &message);
}

static guint32
depth_of (const SatchelThreads *threads)
{
  guint32 depth = 1;
  for (guint32 node = threads->first; threads->nodes[node].first_child != SATCHEL_THREAD_NONE; depth++)
    node = threads->nodes[node].first_child;
  return depth;
}

/* One chain, from either end. */
static void
test_chain (void)
{
  for (guint turn = 0; turn < 2; turn++)
    {
      g_autoptr (SatchelThreader) threader = satchel_threader_new (SATCHEL_THREAD_REFERENCES, MANY);
      for (guint64 i = 1; i <= MANY; i++)
        {
          guint64 id = turn == 0 ? i : MANY + 1 - i, parent = id - 1;
          add (threader, id, &parent, parent > 0 ? 1 : 0);
        }
      g_autoptr (SatchelThreads) threads = satchel_threader_finish (threader);
      g_assert_cmpuint (threads->nodes[threads->first].next, ==, SATCHEL_THREAD_NONE);
      g_assert_cmpuint (depth_of (threads), ==, MANY);
    }
}

/* A deep chain, and trees of two that are hung below its end, then taken away again: looking upwards each
 * time would be 1,600,000,000 steps. */
static void
test_deep_links (void)
{
  const guint64 half = MANY / 2;
  g_autoptr (SatchelThreader) threader = satchel_threader_new (SATCHEL_THREAD_REFS, 2 * MANY);
  for (guint64 id = 1; id <= half; id++)
    {
      guint64 parent = id - 1;
      add (threader, id, &parent, parent > 0 ? 1 : 0);
    }
  for (guint64 i = 0; i < half / 2; i++)
    {
      const guint64 root = half + 1 + 2 * i, pair[] = { half, root };
      add (threader, root + 1, &root, 1);
      if (i % 2 == 0)
        add (threader, 0, pair, 2);
      add (threader, root, NULL, 0);
    }
  g_autoptr (SatchelThreads) threads = satchel_threader_finish (threader);
  g_assert_cmpuint (depth_of (threads), ==, half);
}

/* A loop through all, and more ids than are followed. */
static void
test_loop_and_dummies (void)
{
  g_autoptr (SatchelThreader) threader = satchel_threader_new (SATCHEL_THREAD_REFERENCES, MANY);
  for (guint64 id = 1; id <= MANY; id++)
    {
      guint64 parent = id % MANY + 1;
      add (threader, id, &parent, 1);
    }
  g_autoptr (SatchelThreads) threads = satchel_threader_finish (threader);
  g_assert_cmpuint (depth_of (threads), ==, MANY);
  g_autoptr (SatchelThreader) full = satchel_threader_new (SATCHEL_THREAD_REFERENCES, 2000);
  guint64 next = 1 << 20, references[300];
  for (guint64 id = 1; id <= 2000; id++)
    {
      for (guint i = 0; i < 300; i++)
        references[i] = next++;
      references[299] = id % 2 == 0 ? id - 1 : references[299];
      add (full, id, references, 300);
    }
  g_autoptr (SatchelThreads) pairs = satchel_threader_finish (full);
  guint n_tops = 0;
  for (guint32 top = pairs->first; top != SATCHEL_THREAD_NONE; top = pairs->nodes[top].next)
    n_tops++;
  g_assert_cmpuint (n_tops, ==, 1000);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/mail/thread/references", test_references);
  g_test_add_func ("/mail/thread/odd-references", test_odd_references);
  g_test_add_func ("/mail/thread/subjects", test_subjects);
  g_test_add_func ("/mail/thread/orderedsubject", test_orderedsubject);
  g_test_add_func ("/mail/thread/refs", test_refs);
  g_test_add_func ("/mail/thread/literal", test_literal);
  g_test_add_func ("/mail/thread/chain", test_chain);
  g_test_add_func ("/mail/thread/deep-links", test_deep_links);
  g_test_add_func ("/mail/thread/loop-and-dummies", test_loop_and_dummies);
  return g_test_run ();
}
