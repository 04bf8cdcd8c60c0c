/* SPDX-License-Identifier: MIT
 * What the core knows of its own streams.
 */
#pragma once
#include <satchel/stream.h>

/* All of a stream over memory, borrowed from it; NULL if it is another one. */
GBytes *satchel_stream_bytes (SatchelStream *stream);
