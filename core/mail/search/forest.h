/* SPDX-License-Identifier: MIT
 * Declares trees whose roots are attached to nodes of other trees and detached again, and which say in what
 * tree a node is: O(log n) amortised each, however deep they grow (link-cut trees of Sleator and Tarjan).
 * Nodes are numbers from 1; 0 is none.
 */
#pragma once
#include <glib.h>

typedef struct ForestNode
{
  guint32 parent;          /* the parent in the tree */
  guint32 left, right, up; /* links in the splay trees of its paths */
  guint32 n_children;
} ForestNode;

/* @nodes[0] is not used; what belongs to new nodes is all zero. */
/* Makes @parent the parent of @root, which has none.  FALSE means that @parent is in its tree, and nothing
 * was done. */
gboolean satchel_forest_link (ForestNode *nodes, guint32 root, guint32 parent);
/* Makes a root of @node, which has a parent. */
void satchel_forest_cut (ForestNode *nodes, guint32 node);
