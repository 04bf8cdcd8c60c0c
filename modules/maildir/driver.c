/* SPDX-License-Identifier: MIT
 * The table of the maildir storage driver (include/satchel/storage.h).
 */
#include "config.h"

#include "maildir.h"

const SatchelStorageOps md_ops = {
  .size = sizeof md_ops,
  .newest_operation = SATCHEL_OPERATION_MOVE,
  .open = md_open,
  .close = md_close,
  .list = md_list,
  .list_is_current = md_list_is_current,
  .create = md_create,
  .remove = md_remove,
  .rename = md_rename,
  .subscribe = md_subscribe,
  .set_special_use = md_set_special_use,
  .open_mailbox = md_open_mailbox,
  .close_mailbox = md_close_mailbox,
  .status = md_status,
  .sync = md_sync_mailbox,
  .is_current = md_is_current,
  .watch = md_watch,
  .claim_recent = md_claim_recent,
  .vanished = md_vanished,
  .stage = md_stage,
  .stage_spooled = md_stage_spooled,
  .stage_drop = md_stage_drop,
  .commit = md_commit,
  .unique_ids = md_unique_ids,
  .examine = md_examine,
  .peek_message = md_peek_message,
  .open_message = md_open_message,
  .email_id = md_email_id,
  .get_attributes = md_get_attributes,
  .put_attributes = md_put_attributes,
  .get_metadata = md_get_metadata,
  .put_metadata = md_put_metadata,
  .fill_dates = md_fill_dates,
  .hold_syncs = md_hold_syncs,
  .usage = md_usage,
  .import_mailbox = md_import_mailbox,
  .list_metadata = md_list_metadata,
  .tombstones = md_tombstones,
  .fields = SATCHEL_FIELDS_ALL,
};
