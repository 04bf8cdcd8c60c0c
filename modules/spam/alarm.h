/* SPDX-License-Identifier: MIT
 * Tells the administrator when nothing is learnt: a line of the log and a counter that an alarm can watch.
 * Any thread.
 */
#pragma once
#include <satchel/error.h>

/* Notes the end of an attempt.  @failure: why nothing could be learnt, or NULL.  A scanner that refuses
 * (NOPERM) is told at once, any other failure when nothing could be learnt for @after_ms; then once in
 * @after_ms. */
void spam_alarm_note (const GError *failure, guint n_waiting, gint64 after_ms);
/* Notes what the scanner said of messages that it was to learn: that it has them now, or had them (@n_taken),
 * or does not want them (@n_declined). Each may be declined with reason, but not one after the other: that is
 * told when SPAM_ALARM_DECLINED were and none was taken for @after_ms. */
#define SPAM_ALARM_DECLINED 10u
void spam_alarm_note_answers (guint n_taken, guint n_declined, gint64 after_ms);
