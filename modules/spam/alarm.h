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
