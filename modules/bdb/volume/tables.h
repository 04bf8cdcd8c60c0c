/* SPDX-License-Identifier: MIT
 * Declares the tables of a volume.
 */
#pragma once

/* Each table is a file. */
typedef enum
{
  BDB_RECORDS = 0, /* mailboxes, messages, and everything else that is small */
  BDB_CONTENT,     /* bodies and attributes of messages */
  BDB_N_TABLES
} BdbTable;
#define BDB_TABLE_FILES { "records.db", "content.db" }
