/* SPDX-License-Identifier: MIT
 * Any bytes as an IMAP URL: what is taken has a UID, text that is valid UTF-8, and a length that was bounded.
 */
#include "modules/imap/grammar/url.h"
#include <string.h>

#include "tests/fuzz/driver.h"

const gboolean fuzz_wants_mail = FALSE;
const char *const fuzz_seeds[] = { "/Drafts;UIDVALIDITY=385759045/;UID=20/;section=HEADER",
                                   ";UID=1/;SECTION=1.2/;PARTIAL=0.1024",
                                   "/a%20b/%E6%97%A5/;UID=4294967295/;PARTIAL=7",
                                   "imap://a@b/INBOX/;UID=1;URLAUTH=x", NULL };
const char *const fuzz_tokens[] = { "/",          ";",          "%",     "%00",
                                    "%ff",        "%c3%a9",     ";UID=", ";UIDVALIDITY=",
                                    "/;SECTION=", "/;PARTIAL=", "0",     "9999999999",
                                    ".",          "\xc3\xa9",   "]",     NULL };

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autofree char *text = g_strndup ((const char *) data, size);
  g_auto (ImapUrl) url = { 0 };
  if (!imap_url_parse (text, &url))
    return 0;
  g_assert_cmpuint (url.uid, >, 0);
  g_assert_cmpuint (url.count, >, 0);
  g_assert_cmpuint (strlen (text), <=, IMAP_URL_BYTES_MAX);
  g_assert_true (g_utf8_validate (url.section, -1, NULL));
  g_assert_true (url.mailbox == NULL
                     ? text[0] == ';'
                     : text[0] == '/' && *url.mailbox != '\0' && g_utf8_validate (url.mailbox, -1, NULL));
  return 0;
}
