/* SPDX-License-Identifier: MIT
 * The client's side of a compressed connection (RFC 4978).
 */
#include "config.h"

#include "harness-private.h"

#ifdef HAVE_ZLIB
#include <zlib.h>

struct HarnessDeflate
{
  z_stream in, out;
};

gboolean
harness_client_compress (HarnessClient *client)
{
  client->deflate = g_new0 (struct HarnessDeflate, 1);
  if (inflateInit2 (&client->deflate->in, -15) != Z_OK
      || deflateInit2 (&client->deflate->out, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) != Z_OK)
    g_error ("zlib");
  return TRUE;
}

void
harness_client_received (HarnessClient *client, char *data, gsize len)
{
  if (client->deflate == NULL)
    {
      g_string_append_len (client->received, data, (gssize) len);
      return;
    }
  z_stream *in = &client->deflate->in;
  in->next_in = (guint8 *) data;
  in->avail_in = (uInt) len;
  do
    {
      guint8 block[65536];
      in->next_out = block;
      in->avail_out = sizeof block;
      int result = inflate (in, Z_SYNC_FLUSH);
      if (result != Z_OK && result != Z_BUF_ERROR)
        g_error ("the server's compressed data is damaged: %d", result);
      g_string_append_len (client->received, (char *) block, (gssize) (sizeof block - in->avail_out));
    }
  while (in->avail_out == 0);
}

/* What goes over the line for @data. */
GString *
harness_client_packed (HarnessClient *client, const char *data, gsize len)
{
  GString *packed =
      g_string_new_len (client->deflate == NULL ? data : NULL, client->deflate == NULL ? (gssize) len : 0);
  z_stream *out = client->deflate != NULL ? &client->deflate->out : NULL;
  if (out == NULL || len == 0)
    return packed;
  out->next_in = (guint8 *) data;
  out->avail_in = (uInt) len;
  do
    {
      guint8 block[65536];
      out->next_out = block;
      out->avail_out = sizeof block;
      deflate (out, Z_SYNC_FLUSH);
      g_string_append_len (packed, (char *) block, (gssize) (sizeof block - out->avail_out));
    }
  while (out->avail_out == 0);
  return packed;
}

void
harness_client_end_deflate (HarnessClient *client)
{
  if (client->deflate == NULL)
    return;
  inflateEnd (&client->deflate->in);
  deflateEnd (&client->deflate->out);
  g_free (client->deflate);
}
#else
gboolean
harness_client_compress (HarnessClient *client)
{
  return FALSE;
}

void
harness_client_received (HarnessClient *client, char *data, gsize len)
{
  g_string_append_len (client->received, data, (gssize) len);
}

GString *
harness_client_packed (HarnessClient *client, const char *data, gsize len)
{
  return g_string_new_len (data, (gssize) len);
}

void
harness_client_end_deflate (HarnessClient *client)
{
}
#endif
