/* SPDX-License-Identifier: MIT
 * Basic shapes shared by every public header.  ABI 0.
 */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

G_BEGIN_DECLS

/* Marks a symbol of the public ABI (version node SATCHEL_0). */
#define SATCHEL_API __attribute__ ((visibility ("default")))

/* How a structure may grow within one SATCHEL_ABI; tools/abi-layout holds them to it.
 *   With `size` first: at its end.  Who made one says how much there is of it, and readers look
 * (SATCHEL_HAS). With SATCHEL_RESERVED: into that room; its size stays.  What is not used is zero: set
 * structures to { 0 } first. With SATCHEL_MADE_BY_CORE: at its end; modules have pointers to what the core
 * made, never one of their own. All others stay as they are. */
#define SATCHEL_RESERVED(n_pointers) gpointer reserved[n_pointers]
#define SATCHEL_MADE_BY_CORE

/* True if the table `t` (a struct that starts with `size_t size`) is long enough to hold member
 * `m` and the member is set: every optional call is guarded by it. */
#define SATCHEL_HAS(t, m) ((t)->size >= offsetof (__typeof__ (*(t)), m) + sizeof ((t)->m) && (t)->m != NULL)

typedef struct SatchelConfig SatchelConfig;                 /* config.h */
typedef struct SatchelConnection SatchelConnection;         /* connection.h */
typedef struct SatchelStream SatchelStream;                 /* stream.h */
typedef struct SatchelStore SatchelStore;                   /* storage.h */
typedef struct SatchelMailbox SatchelMailbox;               /* storage.h */
typedef struct SatchelStorageMailbox SatchelStorageMailbox; /* storage.h */
typedef struct SatchelSnapshot SatchelSnapshot;             /* snapshot.h */
typedef struct SatchelTransaction SatchelTransaction;       /* transaction.h */
typedef struct SatchelSession SatchelSession;               /* protocol.h */
typedef struct SatchelGateSession SatchelGateSession;       /* protocol.h */

G_END_DECLS
