/* SPDX-License-Identifier: MIT
 * Any bytes as a message: the blob is valid, the same for every split, and its texts fit RFC 3501's grammar.
 */
#include "core/mail/charset/charset_reader.h"
#include <satchel/charset.h>

#include "tests/fuzz/driver.h"
#include "tests/lib/scan_check.h"

const gboolean fuzz_wants_mail = TRUE;
const char *const fuzz_seeds[] = {
  "Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: "
  "message/rfc822\r\n\r\nTo: a\r\n\r\nx\r\n--b--\r\n",
  "", NULL
};
const char *const fuzz_tokens[] = { "\r\n",
                                    "\n",
                                    "\r",
                                    "--",
                                    "--b\r\n",
                                    "--b--\r\n",
                                    "\r\n\r\n",
                                    "Content-Type: multipart/digest; boundary=b\r\n\r\n",
                                    "Content-Type: message/rfc822\r\n\r\n",
                                    "From: ",
                                    "\r\n To: ",
                                    "<",
                                    ">",
                                    "\"",
                                    "(",
                                    ",",
                                    ":;",
                                    "\\",
                                    "=?utf-8?q?=C3?=",
                                    "\xc3\xa9",
                                    "\xff",
                                    "; a*0*=",
                                    "Content-Transfer-Encoding: base64\r\n",
                                    "Content-Type: text/html\r\n",
                                    NULL };

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  satchel_charset_preload ();
  g_autoptr (GBytes) blob = scan_checked ((const char *) data, size, (guint32) size * 2654435761u);
  g_assert_nonnull (blob);
  return 0;
}
