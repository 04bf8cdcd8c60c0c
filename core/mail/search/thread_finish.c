/* SPDX-License-Identifier: MIT
 * This file makes the answer of THREAD from the parents of messages: it gathers threads by subject (RFC
 * 5256 3, REFERENCES step 5; ORDEREDSUBJECT) and sorts them (steps 4 and 6).  Messages are looked at in the
 * order of their dates, so that every list comes out sorted.
 */
#include "config.h"

#include <satchel/hash.h>
#include <stdlib.h>
#include <string.h>

#include "core/mail/search/thread.h"

#define NONE SATCHEL_THREAD_NONE

typedef struct Dated
{
  gint64 date;
  guint32 message;
} Dated;

typedef struct Tree
{
  const SatchelThreader *threader;
  guint32 n, n_nodes; /* number of messages; number of messages and dummies */
  /* parent of each message and dummy, or NONE; a dummy that has one was merged into that */
  guint32 *parents;
  Dated *dated; /* messages in the order of their sent dates */
} Tree;

static int
compare_dates (const void *a, const void *b)
{
  const Dated *x = a, *y = b;
  if (x->date != y->date)
    return x->date < y->date ? -1 : 1;
  return x->message < y->message ? -1 : x->message > y->message;
}

static Dated *
by_sent_date (const SatchelThreader *threader)
{
  Dated *dated = g_new (Dated, threader->n + 1);
  for (guint32 i = 0; i < threader->n; i++)
    dated[i] = (Dated) { threader->messages[i].sent, i };
  qsort (dated, threader->n, sizeof *dated, compare_dates);
  return dated;
}

/* Puts all messages of a subject below the first one by date. */
static void
gather_all (Tree *tree)
{
  g_autoptr (GHashTable) first = g_hash_table_new (satchel_number64_hash, g_int64_equal);
  for (guint32 i = 0; i < tree->n; i++)
    {
      guint32 message = tree->dated[i].message;
      gint64 *subject = (gint64 *) &tree->threader->messages[message].base_subject;
      gpointer found;
      if (g_hash_table_lookup_extended (first, subject, NULL, &found))
        tree->parents[message] = GPOINTER_TO_UINT (found);
      else
        g_hash_table_insert (first, subject, GUINT_TO_POINTER (message));
    }
}

typedef struct Top
{
  guint32 node;
  /* the message whose subject and date count for the node: itself, or the first child of a dummy */
  guint32 speaker;
} Top;

/* Does step 4: lists the children of the root by date. */
static GArray *
list_tops (const Tree *tree)
{
  GArray *tops = g_array_new (FALSE, FALSE, sizeof (Top));
  g_autofree guint8 *is_listed = g_new0 (guint8, tree->n_nodes);
  for (guint32 i = 0; i < tree->n; i++)
    {
      guint32 message = tree->dated[i].message, parent = tree->parents[message];
      Top top = { parent == NONE ? message : parent, message };
      if (top.node != message && (top.node < tree->n || is_listed[top.node]))
        continue;
      is_listed[top.node] = TRUE;
      g_array_append_val (tops, top);
    }
  return tops;
}

static const ThreadMessage *
speaker_of (const Tree *tree, const Top *top)
{
  return &tree->threader->messages[top->speaker];
}

/* Does step 5.B: makes the table of subjects. A dummy is preferred to a message, and a message to a reply. */
static GHashTable *
make_subject_table (const Tree *tree, const GArray *tops)
{
  GHashTable *table = g_hash_table_new_full (satchel_number64_hash, g_int64_equal, NULL, g_free);
  for (guint i = 0; i < tops->len; i++)
    {
      const Top *top = &g_array_index (tops, Top, i);
      const ThreadMessage *speaker = speaker_of (tree, top);
      if (speaker->base_subject == 0)
        continue;
      Top *known = g_hash_table_lookup (table, &speaker->base_subject);
      if (known == NULL)
        g_hash_table_insert (table, (gpointer) &speaker->base_subject, g_memdup2 (top, sizeof *top));
      else if (known->node < tree->n
               && (top->node >= tree->n || (speaker_of (tree, known)->is_reply && !speaker->is_reply)))
        *known = *top;
    }
  return table;
}

static guint32
new_dummy (Tree *tree)
{
  tree->parents = g_renew (guint32, tree->parents, tree->n_nodes + 1);
  tree->parents[tree->n_nodes] = NONE;
  return tree->n_nodes++;
}

/* Does step 5.C for one child of the root and @known, the one with the same subject in the table.  If a dummy
 * has that subject, it is the one in the table. */
static void
merge_top (Tree *tree, const Top *top, Top *known)
{
  const guint32 n = tree->n;
  if (known->node >= n)
    tree->parents[top->node] = known->node;
  else if (speaker_of (tree, top)->is_reply && !speaker_of (tree, known)->is_reply)
    tree->parents[top->node] = known->node;
  else
    {
      guint32 dummy = new_dummy (tree);
      tree->parents[top->node] = tree->parents[known->node] = dummy;
      known->node = dummy;
    }
}

/* Does step 5, which puts children of the root together that have the same base subject.  The table has one
 * of each subject, with which the others are merged. */
static void
gather_subjects (Tree *tree)
{
  g_autoptr (GArray) tops = list_tops (tree);
  g_autoptr (GHashTable) table = make_subject_table (tree, tops);
  for (guint i = 0; i < tops->len; i++)
    {
      const Top *top = &g_array_index (tops, Top, i);
      Top *known = g_hash_table_lookup (table, &speaker_of (tree, top)->base_subject);
      if (known != NULL && known->speaker != top->speaker)
        merge_top (tree, top, known);
    }
}

/* Returns the parent of a message. A dummy that became part of another stands for that one. */
static guint32
parent_of (const Tree *tree, guint32 message)
{
  guint32 parent = tree->parents[message];
  if (parent != NONE && parent >= tree->n && tree->parents[parent] != NONE)
    parent = tree->parents[parent];
  return parent;
}

static void
append_node (SatchelThreads *threads, guint32 *lasts, guint32 n_nodes, guint32 parent, guint32 node)
{
  guint32 *last = &lasts[parent == NONE ? n_nodes : parent];
  threads->nodes[node].parent = parent;
  if (*last != NONE)
    threads->nodes[*last].next = node;
  else if (parent == NONE)
    threads->first = node;
  else
    threads->nodes[parent].first_child = node;
  *last = node;
}

/* Does step 6. */
static SatchelThreads *
build (const Tree *tree)
{
  SatchelThreads *threads = g_new0 (SatchelThreads, 1);
  g_autofree guint32 *lasts = g_new (guint32, tree->n_nodes + 1);
  threads->n_messages = tree->n;
  threads->first = NONE;
  threads->nodes = g_new (SatchelThreadNode, tree->n_nodes + 1); /* never NULL, which memset does not take */
  memset (threads->nodes, 0xff, (tree->n_nodes + 1) * sizeof *threads->nodes);
  memset (lasts, 0xff, (tree->n_nodes + 1) * sizeof *lasts);
  for (guint32 i = 0; i < tree->n; i++)
    {
      guint32 message = tree->dated[i].message, parent = parent_of (tree, message);
      if (parent != NONE && parent >= tree->n && lasts[parent] == NONE)
        append_node (threads, lasts, tree->n_nodes, NONE, parent);
      append_node (threads, lasts, tree->n_nodes, parent, message);
    }
  return threads;
}

/* Gives the thread of each node, by going up once along each path. */
static guint32
find_top (guint32 *tops, const SatchelThreadNode *nodes, guint32 node)
{
  guint32 top = node;
  while (tops[top] == NONE && nodes[top].parent != NONE)
    top = nodes[top].parent;
  top = tops[top] != NONE ? tops[top] : top;
  for (guint32 at = node; at != NONE && tops[at] == NONE; at = nodes[at].parent)
    tops[at] = top;
  return top;
}

/* Sorts threads by the latest arrival in each. */
static void
order_by_arrival (SatchelThreads *threads, const Tree *tree)
{
  if (tree->n == 0)
    return;
  g_autofree guint32 *tops = g_new (guint32, tree->n_nodes);
  g_autofree gint64 *latest = g_new (gint64, tree->n_nodes);
  g_autoptr (GArray) dated = g_array_new (FALSE, FALSE, sizeof (Dated));
  memset (tops, 0xff, tree->n_nodes * sizeof *tops);
  for (guint32 i = 0; i < tree->n_nodes; i++)
    latest[i] = G_MININT64;
  for (guint32 i = 0; i < tree->n; i++)
    {
      guint32 top = find_top (tops, threads->nodes, i);
      latest[top] = MAX (latest[top], tree->threader->messages[i].arrived);
    }
  for (guint32 node = threads->first; node != NONE; node = threads->nodes[node].next)
    {
      /* For dummies, too, the number breaks ties by the order of the mailbox. */
      Dated thread = { latest[node], node < tree->n ? node : threads->nodes[node].first_child };
      g_array_append_val (dated, thread);
    }
  qsort (dated->data, dated->len, sizeof (Dated), compare_dates);
  guint32 *link = &threads->first;
  for (guint i = 0; i < dated->len; i++)
    {
      *link = tops[g_array_index (dated, Dated, i).message];
      link = &threads->nodes[*link].next;
    }
  *link = NONE;
}

SatchelThreads *
satchel_threader_finish (SatchelThreader *threader)
{
  Tree tree = { .threader = threader, .n = threader->n, .n_nodes = threader->n };
  tree.parents = g_new (guint32, threader->n + 1);
  memset (tree.parents, 0xff, threader->n * sizeof *tree.parents);
  tree.dated = by_sent_date (threader);
  if (threader->forest != NULL)
    {
      guint32 n_dummies = satchel_threader_prune (threader, tree.parents);
      while (n_dummies-- > 0)
        new_dummy (&tree);
    }
  if (threader->algorithm == SATCHEL_THREAD_ORDEREDSUBJECT)
    gather_all (&tree);
  else if (threader->algorithm == SATCHEL_THREAD_REFERENCES)
    gather_subjects (&tree);
  SatchelThreads *threads = build (&tree);
  if (threader->algorithm == SATCHEL_THREAD_REFS)
    order_by_arrival (threads, &tree);
  g_free (tree.parents);
  g_free (tree.dated);
  return threads;
}

void
satchel_threads_free (SatchelThreads *threads)
{
  g_free (threads->nodes);
  g_free (threads);
}
