/* SPDX-License-Identifier: MIT
 * The delivery filter: finds out once a message what a scanner says of it, and decides for each recipient.
 */
#pragma once
#include <satchel/filter.h>

extern const SatchelDeliveryFilterOps spam_filter;
