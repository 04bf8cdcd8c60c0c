/* SPDX-License-Identifier: MIT
 * Makes the n-th call of the driver's system call table fail, and counts calls.
 */
#pragma once

typedef enum
{
  FAULT_ERROR,
  FAULT_SHORT_WRITE
} FaultKind;
/* @nth: 1-based, 0: only count.  @persistent: every call from the n-th on that could allocate or sync fails.
 */
void faults_start (guint nth, FaultKind kind, int errnum, gboolean persistent);
/* TRUE if the n-th call was reached. */
gboolean faults_stop (void);
typedef struct FaultCounts
{
  guint all, openat, fstatat, sync, getdents, pread;
} FaultCounts;
extern FaultCounts fault_counts;
