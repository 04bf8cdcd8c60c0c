/* SPDX-License-Identifier: MIT
 * Says whether this build has a sanitizer, whose run time uses memory, signals and system calls of its
 * own.
 */
#pragma once
#include <glib.h>

#ifdef __has_feature /* clang says by a feature that it builds with a sanitizer. */
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SATCHEL_SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) /* gcc says so by a macro. */
#define SATCHEL_SANITIZED 1
#endif

static inline gboolean
satchel_is_sanitized (void)
{
#ifdef SATCHEL_SANITIZED
  return TRUE;
#else
  return FALSE;
#endif
}
