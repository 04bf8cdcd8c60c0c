/* SPDX-License-Identifier: MIT
 * Declares basic shapes that every public header shares.
 *
 * Words that comments of these headers use:
 *   yours     the caller owns the result and frees it (g_free, or the function that the type names);
 *   borrowed  the result belongs to somebody else, and is valid as long as the comment or its owner says;
 *   must, may a member of a table that each module has to fill, or that it may leave NULL;
 *   [blocks]  the call may wait for a disk, a lock or another process: it belongs in a job (job.h).
 */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

G_BEGIN_DECLS

/* Marks a symbol of the public ABI (version node SATCHEL_0). */
#define SATCHEL_API __attribute__ ((visibility ("default")))

/* Says how a structure may grow within one SATCHEL_ABI; tools/abi-layout checks it.
 * - A structure with `size` first grows at its end.  Its maker says in `size` how much of it there is, and
 *   readers check that (SATCHEL_HAS).
 * - A structure with SATCHEL_RESERVED grows into that room, and its own size stays.  Unused room is zero:
 *   set such structures to { 0 } first.
 * - A structure with SATCHEL_MADE_BY_CORE grows at its end: modules hold pointers to those that the core
 *   made, and never make one.
 * - All other structures stay as they are. */
#define SATCHEL_RESERVED(n_pointers) gpointer reserved[n_pointers]
#define SATCHEL_MADE_BY_CORE

/* True if the table `t` (a struct that starts with `size_t size`) is long enough to have the member `m`,
 * and the member is set.  Every call of a member that may be absent asks this first. */
#define SATCHEL_HAS(t, m) ((t)->size >= offsetof (__typeof__ (*(t)), m) + sizeof ((t)->m) && (t)->m != NULL)

/* Marks a big local variable that the compiler need not set to zero (-ftrivial-auto-var-init=zero), since no
 * part of it is read that was not written before. */
#define SATCHEL_UNSET __attribute__ ((uninitialized))

typedef struct SatchelConfig SatchelConfig;                 /* config.h */
typedef struct SatchelConnection SatchelConnection;         /* connection.h */
typedef struct SatchelStream SatchelStream;                 /* stream.h */
typedef struct SatchelStore SatchelStore;                   /* store.h */
typedef struct SatchelMailbox SatchelMailbox;               /* store.h */
typedef struct SatchelStorageMailbox SatchelStorageMailbox; /* storage.h */
typedef struct SatchelSnapshot SatchelSnapshot;             /* snapshot.h */
typedef struct SatchelTransaction SatchelTransaction;       /* transaction.h */
typedef struct SatchelSession SatchelSession;               /* protocol.h */
typedef struct SatchelGateSession SatchelGateSession;       /* protocol.h */

G_END_DECLS
