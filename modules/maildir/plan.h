/* SPDX-License-Identifier: MIT
 * What plan.c and plan_copy.c share.
 */
#pragma once
#include "maildir.h"

typedef gboolean (*MdRowFunc) (MdPlan *plan, SatchelOperation *op, SatchelSnapshotBuilder *builder,
                               guint32 index, SatchelMessageRow *row, gpointer data, GError **error);

MdEffect *md_plan_add_effect (MdPlan *plan, MdMailbox *mb, guint32 uid, int kind);
gboolean md_plan_take_uid (MdMailbox *mb, guint32 *ret, GError **error);
/* Those that the mailbox has; all, or LIMIT; those there is room for, so that a message is never refused for
 * its keywords. */
typedef enum
{
  MD_KEYWORDS_KNOWN,
  MD_KEYWORDS_ALL,
  MD_KEYWORDS_ROOM
} MdKeywordsWanted;
gboolean md_plan_keyword_bits (MdPlan *plan, MdMailbox *mb, char *const *names, MdKeywordsWanted wanted,
                               SatchelKeywordSet *ret, GError **error);
SatchelSnapshotBuilder *md_plan_builder_for (MdPlan *plan, MdMailbox *mb);
void md_plan_finish_builder (MdPlan *plan, MdMailbox *mb, SatchelSnapshotBuilder *builder);
void md_plan_add_message (MdPlan *plan, MdMailbox *mb, SatchelSnapshotBuilder *builder,
                          SatchelMessageRow *row, GString *name, GBytes *attributes, MdStep *step);
MdEntry *md_plan_entry_of (MdMailbox *mb, guint32 uid, GError **error);
gboolean md_plan_each_message (MdPlan *plan, SatchelOperation *op, SatchelSnapshotBuilder *builder,
                               MdRowFunc func, gpointer data, GError **error);
gboolean md_plan_drop_message (MdPlan *plan, MdMailbox *mb, SatchelSnapshotBuilder *builder, guint32 index,
                               guint32 uid, GError **error);
/* Of a message that this plan adds. */
void md_plan_set_metadata (MdMailbox *mb, guint32 uid, const SatchelOperation *op);
gboolean md_plan_append (MdPlan *plan, SatchelOperation *op, GError **error); /* plan_append.c */
gboolean md_plan_copy (MdPlan *plan, SatchelOperation *op, GError **error);

/* plan_import.c: messages with UIDs and unique ids of another store. */
/* The UID that @op says.  CANNOT: it does not fit. */
gboolean md_plan_take_import (MdPlan *plan, const SatchelOperation *op, guint32 *ret_uid, GError **error);
/* @name: as it is planned, of which the first @base_len bytes stay. */
void md_plan_note_unique_id (MdPlan *plan, const SatchelOperation *op, guint32 uid, const char *name,
                             guint base_len);
