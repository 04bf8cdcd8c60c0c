/* SPDX-License-Identifier: MIT
 * Clients of the rig, in clear text and with TLS.
 */
#include "config.h"

#include "tests/lib/session_rig.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

void
client_connect (Client *client, const char *from, const SatchelGateListenerOptions *options)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  socklen_t len = sizeof address;
  int listener = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  memset (client, 0, sizeof *client);
  g_assert_cmpint (bind (listener, (struct sockaddr *) &address, len), ==, 0);
  g_assert_cmpint (listen (listener, 1), ==, 0);
  getsockname (listener, (struct sockaddr *) &address, &len);
  client->fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_assert_cmpint (connect (client->fd, (struct sockaddr *) &address, len), ==, 0);
  int far = accept4 (listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  g_assert_cmpint (far, >=, 0);
  close (listener);
  fcntl (client->fd, F_SETFL, O_NONBLOCK);
  client->got = g_string_new ("");
  struct sockaddr_storage peer = { 0 };
  if (g_str_equal (from, "local"))
    peer.ss_family = AF_UNIX;
  else
    {
      peer.ss_family = AF_INET;
      inet_pton (AF_INET, from, &((struct sockaddr_in *) &peer)->sin_addr);
    }
  satchel_gate_take (far, &peer, options);
}

void
client_send (Client *client, const char *text, gsize len)
{
  while (len > 0)
    {
      gssize n = client->tls != NULL ? gnutls_record_send (client->tls, text, len)
                                     : send (client->fd, text, len, MSG_NOSIGNAL);
      if (n > 0)
        {
          text += n;
          len -= (gsize) n;
        }
      else if (client->tls != NULL ? n != GNUTLS_E_AGAIN : errno != EAGAIN)
        return;
      else
        g_main_context_iteration (NULL, FALSE);
    }
}

void
client_say (Client *client, const char *text)
{
  client_send (client, text, strlen (text));
}

void
client_read (Client *client)
{
  char buffer[65536];
  for (;;)
    {
      gssize n = client->tls != NULL ? gnutls_record_recv (client->tls, buffer, sizeof buffer)
                                     : recv (client->fd, buffer, sizeof buffer, 0);
      if (n > 0)
        {
          g_string_append_len (client->got, buffer, n);
          continue;
        }
      if (client->tls != NULL && n < 0 && (n == GNUTLS_E_AGAIN || !gnutls_error_is_fatal ((int) n)))
        return;
      if (client->tls == NULL && n < 0 && errno == EAGAIN)
        return;
      client->has_ended = TRUE;
      client->error = (int) n;
      return;
    }
}

gboolean
client_has (Client *client, const char *text)
{
  client_read (client);
  return strstr (client->got->str, text) != NULL;
}

gboolean
client_ended (Client *client)
{
  client_read (client);
  return client->has_ended;
}

void
client_drop (Client *client)
{
  if (client->tls != NULL)
    gnutls_deinit (client->tls);
  if (client->credentials != NULL)
    gnutls_certificate_free_credentials (client->credentials);
  if (client->fd >= 0)
    close (client->fd);
  g_string_free (client->got, TRUE);
  memset (client, 0, sizeof *client);
  client->fd = -1;
}

void
client_prepare_tls (Client *client, const char *name, const char *alpn)
{
  gnutls_init (&client->tls, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL);
  gnutls_set_default_priority (client->tls);
  gnutls_certificate_allocate_credentials (&client->credentials);
  gnutls_credentials_set (client->tls, GNUTLS_CRD_CERTIFICATE, client->credentials);
  if (name != NULL)
    gnutls_server_name_set (client->tls, GNUTLS_NAME_DNS, name, strlen (name));
  if (alpn != NULL)
    {
      gnutls_datum_t protocol = { (void *) alpn, (unsigned) strlen (alpn) };
      gnutls_alpn_set_protocols (client->tls, &protocol, 1, 0);
    }
  gnutls_transport_set_int (client->tls, client->fd);
}

int
client_handshake (Client *client)
{
  int result;
  gint64 end = g_get_monotonic_time () + 60 * G_USEC_PER_SEC;
  while ((result = gnutls_handshake (client->tls)) < 0 && !gnutls_error_is_fatal (result))
    {
      g_assert_cmpint (g_get_monotonic_time (), <, end);
      g_main_context_iteration (NULL, FALSE);
    }
  return result;
}
