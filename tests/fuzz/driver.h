/* SPDX-License-Identifier: MIT
 * What a fuzz target brings along for the plain driver, beside LLVMFuzzerTestOneInput.
 */
#pragma once
#include <glib.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);
extern const char *const fuzz_seeds[];  /* NULL-ended */
extern const char *const fuzz_tokens[]; /* NULL-ended: what mutations put in */
extern const gboolean fuzz_wants_mail;  /* real mail is a seed, too */
