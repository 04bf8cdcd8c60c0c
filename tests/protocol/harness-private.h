/* SPDX-License-Identifier: MIT
 * Between the two halves of the harness.
 */
#pragma once
#include "harness.h"

#include "core/runtime/connection/connection_private.h"

extern guint harness_n_gates; /* sessions before login */
const SatchelConfig *harness_settings (void);
/* After login: @transport is taken over, @input (may be NULL) was read from it already. */
void harness_begin_session (SatchelTransport *transport, const char *user, const char *key, const char *note,
                            GBytes *input);
HarnessClient *harness_client_new (int *ret_server_fd);

/* harness-deflate.c: what came over the line, as text; text as it goes over the line; the end. */
void harness_client_received (HarnessClient *client, char *data, gsize len);
GString *harness_client_packed (HarnessClient *client, const char *data, gsize len);
void harness_client_end_deflate (HarnessClient *client);
