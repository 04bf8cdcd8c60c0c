/* SPDX-License-Identifier: MIT
 * The server's side of SCRAM, as tables for the core.
 */
#pragma once
#include <satchel/sasl.h>

extern const SatchelSaslOps scram_sha_256, scram_sha_256_plus, scram_sha_1, scram_sha_1_plus;
/* The module's settings are kept here. */
extern gboolean scram_has_sha_1;
extern guint scram_made_up_iterations;
/* Tests set the server's part of nonces; NULL means a random one. */
extern const char *scram_test_nonce;
