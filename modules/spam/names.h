/* SPDX-License-Identifier: MIT
 * Names by which others know the module.
 */
#pragma once

#define SPAM_MODULE "spam"
#define SPAM_SPACE "spam" /* of its blobs */
#define SPAM_FIELD "X-Satchel-Spam"
