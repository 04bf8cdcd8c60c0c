/* SPDX-License-Identifier: MIT
 * Implements link-cut trees without evert. Paths are splay trees, in which nodes on the left are nearer to
 * the root.
 */
#include "config.h"

#include "core/mail/search/forest.h"

static gboolean
is_top (const ForestNode *nodes, guint32 node)
{
  guint32 up = nodes[node].up;
  return up == 0 || (nodes[up].left != node && nodes[up].right != node);
}

static void
set_child (ForestNode *nodes, guint32 node, gboolean is_right, guint32 child)
{
  if (is_right)
    nodes[node].right = child;
  else
    nodes[node].left = child;
  if (child != 0)
    nodes[child].up = node;
}

static void
rotate (ForestNode *nodes, guint32 node)
{
  guint32 up = nodes[node].up, above = nodes[up].up;
  gboolean is_right = nodes[up].right == node, up_is_top = is_top (nodes, up);
  gboolean up_is_right = nodes[above].right == up;
  set_child (nodes, up, is_right, is_right ? nodes[node].left : nodes[node].right);
  set_child (nodes, node, !is_right, up);
  nodes[node].up = above;
  if (!up_is_top)
    set_child (nodes, above, up_is_right, node);
}

static void
splay (ForestNode *nodes, guint32 node)
{
  while (!is_top (nodes, node))
    {
      guint32 up = nodes[node].up;
      if (!is_top (nodes, up))
        {
          gboolean is_straight = (nodes[up].right == node) == (nodes[nodes[up].up].right == up);
          rotate (nodes, is_straight ? up : node);
        }
      rotate (nodes, node);
    }
}

/* Makes @node the top of a splay tree that has just the path from the root to it. */
static void
expose (ForestNode *nodes, guint32 node)
{
  guint32 below = 0;
  for (guint32 at = node; at != 0; at = nodes[at].up)
    {
      splay (nodes, at);
      nodes[at].right = below;
      below = at;
    }
  splay (nodes, node);
}

static guint32
find_root (ForestNode *nodes, guint32 node)
{
  expose (nodes, node);
  while (nodes[node].left != 0)
    node = nodes[node].left;
  splay (nodes, node);
  return node;
}

gboolean
satchel_forest_link (ForestNode *nodes, guint32 root, guint32 parent)
{
  /* No node is below a leaf, and a root is in its own tree only, which answers most questions. */
  if (root == parent
      || (nodes[root].n_children > 0 && nodes[parent].parent != 0 && find_root (nodes, parent) == root))
    return FALSE;
  expose (nodes, root);
  nodes[root].up = parent;
  nodes[root].parent = parent;
  nodes[parent].n_children++;
  return TRUE;
}

void
satchel_forest_cut (ForestNode *nodes, guint32 node)
{
  expose (nodes, node);
  nodes[nodes[node].left].up = 0;
  nodes[node].left = 0;
  nodes[nodes[node].parent].n_children--;
  nodes[node].parent = 0;
}
