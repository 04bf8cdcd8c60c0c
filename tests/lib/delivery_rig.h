/* SPDX-License-Identifier: MIT
 * What is around deliveries in tests without a server: the session, the auth process, other mail processes,
 * and stores of the driver memory.  Messages to the processes are kept, for the test to look at and to
 * answer.
 */
#pragma once
#include "core/session/delivery/delivery_target.h"

#define OWN_SLOT 1 /* of the mail process that the test is */

struct SatchelSession
{
  guint n_holds;
};

typedef struct DeliveryRig
{
  SatchelSession session;
  SatchelConfigSet *set;
  gboolean is_auth_away, is_mail_away;
  SatchelErrorCode acquire_error; /* 0: stores open */
  GPtrArray *to_auth;             /* messages that were sent and not looked at */
  GPtrArray *to_mail;
  guint mail_slot; /* where the last of these went */
} DeliveryRig;
extern DeliveryRig rig;

void rig_set_up (void);
void rig_take_down (void);
/* Before each case: all processes are there, and no message is on its way. */
void rig_begin (void);

/* ---- look-ups ---- */

typedef struct Answer
{
  guint n_calls;
  SatchelDeliveryStatus status;
  char *address, *detail, *why, *users;
  SatchelDelivery *delivery; /* takes the recipient; or NULL */
} Answer;

/* Notes in @data, an Answer, what is said of a recipient. */
void hear_recipient (const SatchelRecipient *recipient, gpointer data);
void answer_clear (Answer *answer);
/* Takes the oldest question to auth; *ret_plain and *ret_full are yours, the second is NULL if auth is asked
 * about one name. */
guint64 take_question (char **ret_plain, char **ret_full);
/* @users: "anna@x.org/1 bob@x.org/2", each with its mail process. */
SatchelIpcMessage *new_reply (guint64 request, guint status, const char *why, const char *users);
void reply (guint64 request, guint status, const char *why, const char *users);
/* Looks @address up; auth says @users. */
void look_up (SatchelDelivery *delivery, const char *address, const char *users);

/* ---- deliveries ---- */

typedef struct Result
{
  guint n_calls, n;
  SatchelDeliveryStatus statuses[4];
  char *texts[4];
} Result;

/* Notes in @data, a Result, what each recipient is told, and frees the delivery. */
void hear_statuses (SatchelDelivery *delivery, const SatchelDeliveryStatus *statuses, guint n, gpointer data);
SatchelDelivery *new_delivery (const char *content);
/* A store of @user, as a reader of mail has it. */
SatchelStore *open_store (const char *user);
/* The only message of a mailbox is @content, or there is none if that is NULL; it is removed. */
void expect_message (const char *user, const char *mailbox, const char *content);
/* A message that fits into memory, or one that needs a file. */
char *make_content (gboolean is_big);
/* The oldest message to another mail process, which is of @type. */
SatchelIpcMessage *take_sent (SatchelIpcType type);
