/* SPDX-License-Identifier: MIT
 * Trees whose roots are hung into others and taken out again, and the question which tree a node is in: O(log
 * n) amortised each, however deep they grow (link-cut trees of Sleator and Tarjan).  Nodes are numbers from
 * 1; 0 is none.
 */
#pragma once
#include <glib.h>

typedef struct ForestNode
{
  guint32 parent;          /* in the tree */
  guint32 left, right, up; /* the splay trees of its paths */
  guint32 n_children;
} ForestNode;

/* @nodes[0] is not used; what belongs to new nodes is all zero. */
/* Makes @parent the parent of @root, which has none.  FALSE means that @parent is in its tree, and nothing
 * was done. */
gboolean satchel_forest_link (ForestNode *nodes, guint32 root, guint32 parent);
/* Makes a root of @node, which has a parent. */
void satchel_forest_cut (ForestNode *nodes, guint32 node);
