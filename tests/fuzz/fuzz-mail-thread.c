/* SPDX-License-Identifier: MIT
 * Any bytes as the headers of several messages: base subjects are stable, keys are bounded, and threads are a
 * tree in which each message is found once.
 */
#include "core/mail/attributes/blob_read.h"
#include "core/mail/header/fields.h"
#include <satchel/keys.h>
#include <satchel/message.h>
#include <string.h>

#include "tests/fuzz/driver.h"

#define MESSAGES_MAX 64u

const gboolean fuzz_wants_mail = TRUE;
const char *const fuzz_seeds[] = {
  "Message-ID: <a@b>\nSubject: Re: [x] fwd: y (fwd)\n\n\x1eMessage-ID: <c@d>\nReferences: <a@b> "
  "<e@f>\nSubject: [fwd: y]\n\n\x1e"
  "In-Reply-To: <c@d>\nFrom: \"A\" <a@b>\nTo: x: ;\nDate: 1 Jan 2020 00:00 +0000\n\n",
  "Message-ID: <a@b>\nReferences: <c@d>\n\n\x1eMessage-ID: <c@d>\nReferences: <a@b>\n\n\x1eMessage-ID: "
  "<c@d>\n\n",
  NULL
};
const char *const fuzz_tokens[] = { "\x1e",
                                    "\n\x1e",
                                    "<a@b>",
                                    "<c@d>",
                                    "<e@f>",
                                    "References: ",
                                    "In-Reply-To: ",
                                    "Message-ID: ",
                                    "Subject: ",
                                    "Re:",
                                    "[fwd:",
                                    "(fwd)",
                                    "[x]",
                                    "]",
                                    "\nDate: 2 Feb 2020 01:01 +0000\n",
                                    "=?utf-8?q?Re:?=",
                                    "\xc3\xa9",
                                    "\"",
                                    NULL };

static void
check_subject (const char *text, gsize len)
{
  gsize base_len, again_len;
  gboolean is_reply, again_is_reply;
  g_autofree char *base = satchel_base_subject (text, len, &base_len, &is_reply);
  g_assert_true (g_utf8_validate_len (base, base_len, NULL));
  if (g_strstr_len (base, (gssize) base_len, "=?") != NULL)
    return; /* it would be decoded once more */
  g_autofree char *again = satchel_base_subject (base, base_len, &again_len, &again_is_reply);
  g_assert_true (again_len == base_len && memcmp (base, again, base_len) == 0 && !again_is_reply);
}

/* Each message once, parents and lists agree. */
static void
check_tree (const SatchelThreads *threads, guint n)
{
  gboolean is_seen[MESSAGES_MAX] = { FALSE };
  guint n_seen = 0;
  for (guint32 node = threads->first; node != SATCHEL_THREAD_NONE;)
    {
      const SatchelThreadNode *at = &threads->nodes[node];
      if (node < n)
        {
          g_assert_false (is_seen[node]);
          is_seen[node] = TRUE;
          n_seen++;
        }
      else
        g_assert_true (at->parent == SATCHEL_THREAD_NONE && at->first_child != SATCHEL_THREAD_NONE
                       && threads->nodes[at->first_child].next != SATCHEL_THREAD_NONE);
      if (at->first_child != SATCHEL_THREAD_NONE)
        {
          g_assert_cmpuint (threads->nodes[at->first_child].parent, ==, node);
          node = at->first_child;
          continue;
        }
      while (node != SATCHEL_THREAD_NONE && threads->nodes[node].next == SATCHEL_THREAD_NONE)
        node = threads->nodes[node].parent;
      if (node != SATCHEL_THREAD_NONE)
        node = threads->nodes[node].next;
    }
  g_assert_cmpuint (n_seen, ==, n);
}

static GBytes *
scan (const char *text, gsize len)
{
  g_autoptr (GBytes) bytes = g_bytes_new (text, len);
  g_autoptr (SatchelStream) content = satchel_stream_new_bytes (bytes);
  return satchel_scan_stream (content, NULL);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  SatchelThreadMessage messages[MESSAGES_MAX];
  static guint64 references[MESSAGES_MAX][SATCHEL_KEY_REFERENCES];
  const char *at = (const char *) data, *end = at + size;
  guint n = 0;
  check_subject (at, MIN (size, 8192));
  g_autoptr (GByteArray) key = g_byte_array_new ();
  for (; at < end && n < MESSAGES_MAX; n++)
    {
      const char *mark = memchr (at, 0x1e, (gsize) (end - at)), *last = mark != NULL ? mark : end;
      g_autoptr (GBytes) attributes = scan (at, (gsize) (last - at));
      for (guint kind = 0; kind < SATCHEL_N_KEYS; kind++)
        {
          g_byte_array_set_size (key, 0);
          satchel_key_append (attributes, (SatchelKeyKind) kind, key);
          g_assert_cmpuint (key->len, <=, 1100);
          messages[n] = (SatchelThreadMessage) { .sent = n, .arrived = n };
          satchel_key_thread (key->data, key->len, &messages[n], references[n]); /* any bytes are safe */
        }
      g_byte_array_set_size (key, 0);
      satchel_key_append (attributes, SATCHEL_KEY_THREAD, key);
      messages[n] = (SatchelThreadMessage) { .sent = n, .arrived = n };
      satchel_key_thread (key->data, key->len, &messages[n], references[n]);
      at = mark != NULL ? mark + 1 : end;
    }
  for (guint algorithm = 0; algorithm <= SATCHEL_THREAD_REFS; algorithm++)
    {
      g_autoptr (SatchelThreader) threader = satchel_threader_new ((SatchelThreadAlgorithm) algorithm, n);
      for (guint i = 0; i < n; i++)
        satchel_threader_add (threader, &messages[i]);
      g_autoptr (SatchelThreads) threads = satchel_threader_finish (threader);
      check_tree (threads, n);
    }
  return 0;
}
