/* SPDX-License-Identifier: MIT
 * Calls for the core's own kinds of streams.
 */
#pragma once
#include <satchel/stream.h>

/* Returns the content of a stream over memory, borrowed from it; NULL means that it is a stream of another
 * kind. */
GBytes *satchel_stream_bytes (SatchelStream *stream);
