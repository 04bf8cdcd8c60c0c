/* SPDX-License-Identifier: MIT
 * System calls of the modules that are tried, made to fail.  The program exports functions of the C library's
 * names, which modules and the libraries below them find before those of the C library.  Only calls that
 * change something, or sync, at or below one directory count, or only those that read there; others, and
 * those of stdio, pass.  Of writes to one file one after the other only the first few count, unless
 * SATCHEL_LONG is 1.
 */
#pragma once
#include <glib.h>

typedef enum
{
  CALLS_FAIL,       /* the call fails with an errno and does nothing */
  CALLS_FAIL_READ,  /* the same for calls that read a file, a directory or its properties; no others count */
  CALLS_WRITE_HALF, /* a write writes half of what it was asked to; only writes count */
  CALLS_KILL /* the process is killed before the call is made; writes count only if SATCHEL_LONG is 1 */
} CallsFault;

/* From here on the @nth call (1-based; 0: none) below @root has @fault.  With errno ENOSPC only calls that
 * may take up space count.  @for_good: so have all after it. */
void calls_start (const char *root, guint nth, CallsFault fault, int errnum, gboolean for_good);
/* Lets all calls pass again.  TRUE means that the @nth call was made. */
gboolean calls_stop (void);
/* The number of calls that counted since the last start, and a word about the one that was the @nth. */
guint calls_n (void);
const char *calls_describe (void);
