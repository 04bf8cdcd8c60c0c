/* SPDX-License-Identifier: MIT
 * Which of the messages that are kept a command is about.
 */
#pragma once
#include "items.h"
#include "query.h"

#include <satchel/admin.h>

/* A command runs over what is kept of a user. */
typedef struct RetentionChoice
{
  SatchelAdminCall *call;
  SatchelStore *store;
  SatchelStorage *storage; /* the layer */
  const char *mailbox;     /* only what was there; NULL: everywhere */
  gint64 since_s;          /* only what was removed at this time or later */
  gint64 before_s;         /* only what was removed before this time */
  RetentionQuery *query;   /* NULL: no further condition */
} RetentionChoice;

/* Messages are chosen by these options. */
#define RETENTION_CHOICE_OPTIONS                                                                             \
  { "since", SATCHEL_CONFIG_STRING, NULL,                                                                    \
    "Only what was removed since then: a time back from now (\"3d\"), or a date (\"2026-11-30\")" },         \
      { "before", SATCHEL_CONFIG_STRING, NULL, "Only what was removed before then, as --since" },            \
      { "mailbox", SATCHEL_CONFIG_STRING, NULL, "Only what was removed from this mailbox" },                 \
      { "query", SATCHEL_CONFIG_STRING, NULL, "Only what an IMAP SEARCH with these keys would find" }

/* Opens the user's store and reads the options, those of RETENTION_CHOICE_OPTIONS if @has_options. CANNOT:
 * the user's mail does not have the layer. [blocks] */
gboolean retention_choice_open (RetentionChoice *choice, SatchelAdminCall *call, gboolean has_options,
                                GError **error);
/* Reads --mailbox and --query into a choice that is open. */
gboolean retention_choice_read (RetentionChoice *choice, const SatchelConfig *options, GError **error);
void retention_choice_clear (RetentionChoice *choice);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (RetentionChoice, retention_choice_clear)
const SatchelAccess *retention_choice_access (const RetentionChoice *choice);

/* Calls @func for each chosen message of the tree's mailbox @stored. FALSE with an error of its own, or with
 * CANCELLED: @func, or the administrator, ended it. [blocks] */
gboolean retention_choice_walk (const RetentionChoice *choice, const char *stored, RetentionItemFunc func,
                                gpointer data, GError **error);
