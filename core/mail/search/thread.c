/* SPDX-License-Identifier: MIT
 * Implements conversations by references (RFC 5256 3, REFERENCES steps 1 to 3; THREAD=REFS): links between
 * message ids are collected message by message, then the tree of the messages alone is made. thread_finish.c
 * makes the answer.
 */
#include "config.h"

#include "core/mail/search/thread.h"

#include <string.h>

#define DUMMIES_PER_MESSAGE 4u
#define DUMMIES_MIN 65536u

SatchelThreader *
satchel_threader_new (SatchelThreadAlgorithm algorithm, guint32 n_messages)
{
  SatchelThreader *threader = g_new0 (SatchelThreader, 1);
  threader->algorithm = algorithm;
  threader->n_max = n_messages;
  threader->messages = g_new0 (ThreadMessage, n_messages);
  if (algorithm != SATCHEL_THREAD_ORDEREDSUBJECT)
    {
      threader->dummies_left = MAX (DUMMIES_MIN, DUMMIES_PER_MESSAGE * (guint64) n_messages);
      threader->forest = g_array_sized_new (FALSE, TRUE, sizeof (ForestNode), n_messages + 1);
      threader->ids = g_array_sized_new (FALSE, TRUE, sizeof (ThreadId), n_messages + 1);
      g_array_set_size (threader->forest, 1);
      g_array_set_size (threader->ids, 1);
    }
  return threader;
}

void
satchel_threader_free (SatchelThreader *threader)
{
  g_free (threader->messages);
  g_free (threader->table);
  g_clear_pointer (&threader->forest, g_array_unref);
  g_clear_pointer (&threader->ids, g_array_unref);
  g_free (threader);
}

/* Returns the slot where @id is, or should be put. */
static guint32 *
find_slot (SatchelThreader *threader, guint64 id)
{
  const ThreadId *ids = (const ThreadId *) (gpointer) threader->ids->data;
  guint32 mask = threader->table_size - 1;
  guint32 *slot = &threader->table[id & mask];
  for (guint32 at = (guint32) id & mask; *slot != 0 && ids[*slot].id != id; slot = &threader->table[at])
    at = (at + 1) & mask;
  return slot;
}

static void
grow_table (SatchelThreader *threader)
{
  if (threader->n_in_table * 2 < threader->table_size)
    return;
  threader->table_size = MAX (1024, threader->table_size * 2);
  g_free (threader->table);
  threader->table = g_new0 (guint32, threader->table_size);
  for (guint32 node = 1; node < threader->ids->len; node++)
    {
      guint64 id = g_array_index (threader->ids, ThreadId, node).id;
      if (id != 0)
        *find_slot (threader, id) = node;
    }
}

static guint32
new_node (SatchelThreader *threader, guint64 id)
{
  guint32 node = threader->ids->len;
  ThreadId entry = { id, SATCHEL_THREAD_NONE };
  g_array_append_val (threader->ids, entry);
  g_array_set_size (threader->forest, node + 1);
  return node;
}

/* Returns the node of @id, which is made if it is missing. 0 means that too many ids were only referred to.
 * */
static guint32
node_of (SatchelThreader *threader, guint64 id, gboolean is_dummy)
{
  grow_table (threader);
  guint32 *slot = find_slot (threader, id);
  if (*slot != 0)
    return *slot;
  if (is_dummy && threader->dummies_left == 0)
    return 0;
  threader->dummies_left -= is_dummy;
  threader->n_in_table++;
  return *slot = new_node (threader, id);
}

/* Does step 1.A: the references form a chain, but an id that has a parent keeps it.  Returns the last
 * reference; 0 means that there is none. */
static guint32
link_references (SatchelThreader *threader, const SatchelThreadMessage *message)
{
  guint32 parent = 0;
  for (guint i = 0; i < message->n_references; i++)
    {
      guint32 node = node_of (threader, message->references[i], TRUE);
      if (node == 0)
        continue;
      ForestNode *forest = (ForestNode *) (gpointer) threader->forest->data;
      if (parent != 0 && forest[node].parent == 0)
        satchel_forest_link (forest, node, parent);
      parent = node;
    }
  return parent;
}

/* Returns the node of a message.  One without an id, or with an id that an earlier message has, gets a node
 * that no reference finds. */
static guint32
node_of_message (SatchelThreader *threader, guint64 id)
{
  guint32 node = id != 0 ? node_of (threader, id, FALSE) : 0;
  if (node == 0 || g_array_index (threader->ids, ThreadId, node).message != SATCHEL_THREAD_NONE)
    node = new_node (threader, 0);
  g_array_index (threader->ids, ThreadId, node).message = threader->n;
  return node;
}

void
satchel_threader_add (SatchelThreader *threader, const SatchelThreadMessage *message)
{
  g_return_if_fail (threader->n < threader->n_max);
  if (threader->forest != NULL)
    {
      guint32 parent = link_references (threader, message),
              node = node_of_message (threader, message->message_id);
      /* Step 1.B (RFC 5256 3): the last reference is the message's parent, whatever other messages said
       * before. */
      ForestNode *forest = (ForestNode *) (gpointer) threader->forest->data;
      if (forest[node].parent != 0 && forest[node].parent != parent)
        satchel_forest_cut (forest, node);
      if (parent != 0 && forest[node].parent == 0)
        satchel_forest_link (forest, node, parent);
    }
  threader->messages[threader->n++] =
      (ThreadMessage) { message->sent, message->arrived, message->base_subject, message->is_reply };
}

/* Returns nodes, parents before their children. */
static guint32 *
order_nodes (ForestNode *forest, guint32 n_nodes)
{
  /* The splay trees are not needed any more, so left now is the first child, and right the next sibling. */
  guint32 *order = g_new (guint32, n_nodes), n = 0;
  for (guint32 node = 0; node < n_nodes; node++)
    forest[node].left = forest[node].right = 0;
  for (guint32 node = n_nodes - 1; node > 0; node--)
    {
      guint32 parent = forest[node].parent;
      if (parent == 0)
        order[n++] = node;
      else
        {
          forest[node].right = forest[parent].left;
          forest[parent].left = node;
        }
    }
  for (guint32 at = 0; at < n; at++)
    for (guint32 child = forest[order[at]].left; child != 0; child = forest[child].right)
      order[n++] = child;
  return order;
}

/* Returns the node below which the children of @node are put: a message, or the dummy at the top of its
 * thread. 0 means the top level. */
static guint32
nearest_above (const SatchelThreader *threader, const ForestNode *forest, guint32 node)
{
  guint32 parent = forest[node].parent;
  if (parent == 0 || g_array_index (threader->ids, ThreadId, parent).message != SATCHEL_THREAD_NONE)
    return parent;
  return forest[parent].parent == 0 ? parent : forest[parent].up;
}

guint32
satchel_threader_prune (SatchelThreader *threader, guint32 *ret_parents)
{
  ForestNode *forest = (ForestNode *) (gpointer) threader->forest->data;
  const ThreadId *ids = (const ThreadId *) (gpointer) threader->ids->data;
  guint32 n_nodes = threader->ids->len, n_dummies = 0;
  g_autofree guint32 *order = order_nodes (forest, n_nodes);
  /* For a dummy at the top, n_children now counts the messages that will be directly below it, and `left` is
   * its new number. */
  for (guint32 node = 0; node < n_nodes; node++)
    forest[node].n_children = forest[node].left = 0;
  for (guint32 i = 0; i + 1 < n_nodes; i++)
    {
      guint32 node = order[i];
      forest[node].up = nearest_above (threader, forest, node);
      forest[forest[node].up].n_children += ids[node].message != SATCHEL_THREAD_NONE;
    }
  for (guint32 i = 0; i + 1 < n_nodes; i++)
    {
      guint32 node = order[i], above = forest[node].up;
      if (ids[node].message == SATCHEL_THREAD_NONE)
        continue;
      if (above != 0 && ids[above].message == SATCHEL_THREAD_NONE)
        {
          /* Step 3 promotes a single child to the root. */
          if (forest[above].n_children > 1 && forest[above].left == 0)
            forest[above].left = threader->n + n_dummies++;
          ret_parents[ids[node].message] =
              forest[above].n_children > 1 ? forest[above].left : SATCHEL_THREAD_NONE;
        }
      else
        ret_parents[ids[node].message] = above != 0 ? ids[above].message : SATCHEL_THREAD_NONE;
    }
  return n_dummies;
}
