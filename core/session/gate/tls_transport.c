/* SPDX-License-Identifier: MIT
 * One TLS session as a transport.  GnuTLS asks for 5 bytes of header and then for the record; one recv into a
 * buffer of the process serves both, and only bytes that are left at the end of a call are kept with the
 * session.
 */
#include "config.h"

#include "core/base/heap.h"
#include "core/session/gate/tls_private.h"
#include <errno.h>
#include <satchel/retry.h>
#include <string.h>
#include <sys/socket.h>

#define SHARED_BYTES 32768u
#define RECORD_BYTES 16384u
#define WARNINGS_MAX 16u

typedef struct TlsTransport
{
  SatchelTransport transport;
  gnutls_session_t session;
  SatchelTlsContext *context;
  guint8 *kept; /* bytes that were read from the socket and that GnuTLS has not taken yet */
  guint32 kept_start, kept_len;
  gboolean is_partial; /* a record waits inside GnuTLS; the caller still has its bytes */
  guint n_warnings;
  gboolean is_alert_next; /* the record that is being read is one in clear text */
  guint8 clear_alert;     /* the alert in that record; 0: there was none */
  /* the end, or an error, came behind bytes that were returned; no event of the socket reports it */
  guint8 is_end_met;
  SatchelTlsAlertFunc alert_func;
  gpointer alert_data;
} TlsTransport;

static guint8 *shared;
static gsize shared_start, shared_len;

/* Looks for an alert in clear text.  Under TLS 1.3 some clients (OpenSSL) refuse a certificate before they
 * have keys for the alert, which GnuTLS takes for a record that it cannot decrypt.  Only the log uses the
 * result, since anybody who can write into the connection can also end it. */
static void
look_for_alert (TlsTransport *self, const guint8 *data, gsize len)
{
  enum
  {
    CONTENT_ALERT = 21,
    LEVEL_FATAL = 2
  }; /* record type alert, version, and its length (RFC 8446 5.1, 6) */
  if (self->is_alert_next && len == 2 && data[0] == LEVEL_FATAL)
    self->clear_alert = data[1];
  self->is_alert_next = len == 5 && data[0] == CONTENT_ALERT && data[3] == 0 && data[4] == 2;
}

static ssize_t
take_bytes (TlsTransport *self, void *buffer, size_t len)
{
  if (self->kept_len > 0)
    {
      gsize n = MIN (len, self->kept_len);
      memcpy (buffer, self->kept + self->kept_start, n);
      self->kept_start += (guint32) n;
      self->kept_len -= (guint32) n;
      if (self->kept_len == 0)
        g_clear_pointer (&self->kept, g_free);
      return (ssize_t) n;
    }
  if (shared_len == 0)
    {
      gssize got = SATCHEL_RETRY (recv (self->transport.fd, shared, SHARED_BYTES, MSG_DONTWAIT));
      if (got <= 0)
        {
          if (got < 0)
            gnutls_transport_set_errno (self->session, errno);
          return got;
        }
      shared_start = 0;
      shared_len = (gsize) got;
    }
  gsize n = MIN (len, shared_len);
  memcpy (buffer, shared + shared_start, n);
  shared_start += n;
  shared_len -= n;
  return (ssize_t) n;
}

static ssize_t
pull (gnutls_transport_ptr_t pointer, void *buffer, size_t len)
{
  ssize_t n = take_bytes (pointer, buffer, len);
  if (n > 0)
    look_for_alert (pointer, buffer, (gsize) n);
  return n;
}

/* Ends a call into GnuTLS: bytes that it has not taken yet are kept with the session. */
static void
keep_rest (TlsTransport *self)
{
  if (shared_len == 0)
    return;
  guint8 *all = g_malloc (self->kept_len + shared_len);
  if (self->kept_len > 0)
    memcpy (all, self->kept + self->kept_start, self->kept_len);
  memcpy (all + self->kept_len, shared + shared_start, shared_len);
  g_free (self->kept);
  self->kept = all;
  self->kept_start = 0;
  self->kept_len += (guint32) shared_len;
  shared_len = 0;
}

/* Says whether to ignore a warning alert, or a client that asks for renegotiation (RFC 5246 7.2.2).  That is
 * done a few times only. */
static gboolean
is_tolerable (TlsTransport *self, gssize result)
{
  if (result != GNUTLS_E_WARNING_ALERT_RECEIVED && result != GNUTLS_E_REHANDSHAKE)
    return FALSE;
  if (result == GNUTLS_E_REHANDSHAKE)
    (void) gnutls_alert_send (self->session, GNUTLS_AL_WARNING, GNUTLS_A_NO_RENEGOTIATION);
  return ++self->n_warnings <= WARNINGS_MAX;
}

static const char *
alert_text (TlsTransport *self)
{
  const char *text = gnutls_alert_get_name (gnutls_alert_get (self->session));
  return text != NULL ? text : "unknown alert";
}

static gssize
io_result (gssize result)
{
  switch (result)
    {
    case GNUTLS_E_AGAIN:
    case GNUTLS_E_INTERRUPTED:
      return SATCHEL_IO_AGAIN;
    case GNUTLS_E_PULL_ERROR:
    case GNUTLS_E_PUSH_ERROR:
      return SATCHEL_IO_RESET;
    default:
      /* After GNUTLS_E_PREMATURE_TERMINATION, bad records or too many key updates nothing can be trusted. */
      return SATCHEL_IO_CUT;
    }
}

static gssize
tls_read (SatchelTransport *transport, void *buffer, gsize len)
{
  TlsTransport *self = (TlsTransport *) transport;
  gsize done = 0;
  gssize result = 0;
  self->is_end_met = FALSE;
  while (done < len)
    {
      result = gnutls_record_recv (self->session, (guint8 *) buffer + done, len - done);
      if (result < 0 && is_tolerable (self, result))
        continue;
      if (result <= 0)
        break;
      done += (gsize) result;
      /* Makes another system call only if some input is known to be there. */
      if (shared_len == 0 && self->kept_len == 0 && gnutls_record_check_pending (self->session) == 0)
        break;
    }
  keep_rest (self);
  if (done > 0)
    {
      /* GnuTLS answers the next call in the same way, and then the end is reported. */
      self->is_end_met = result <= 0 && result != GNUTLS_E_AGAIN && result != GNUTLS_E_INTERRUPTED;
      return (gssize) done;
    }
  if (result == 0)
    return SATCHEL_IO_END; /* close_notify */
  if (result == GNUTLS_E_FATAL_ALERT_RECEIVED && self->alert_func != NULL)
    self->alert_func (alert_text (self), self->alert_data);
  else if (result < 0 && gnutls_error_is_fatal ((int) result))
    (void) gnutls_alert_send_appropriate (self->session, (int) result);
  return io_result (result);
}

static guint8 record[RECORD_BYTES]; /* where small parts of the output are joined */

/* Gathers up to a record of the output from part @index, byte @offset on; small parts are joined. */
static gsize
gather (const struct iovec *parts, int n_parts, int index, gsize offset, const guint8 **ret_data)
{
  gsize first = parts[index].iov_len - offset;
  *ret_data = (const guint8 *) parts[index].iov_base + offset;
  if (first >= RECORD_BYTES || index + 1 == n_parts)
    return MIN (first, RECORD_BYTES);
  gsize len = 0;
  while (index < n_parts && len < RECORD_BYTES)
    {
      gsize n = MIN (parts[index].iov_len - offset, RECORD_BYTES - len);
      memcpy (record + len, (const guint8 *) parts[index].iov_base + offset, n);
      len += n;
      offset += n;
      if (offset == parts[index].iov_len)
        {
          index++;
          offset = 0;
        }
    }
  *ret_data = record;
  return len;
}

static gssize
tls_write (SatchelTransport *transport, const struct iovec *parts, int n_parts)
{
  TlsTransport *self = (TlsTransport *) transport;
  gsize done = 0, offset = 0;
  int index = 0;
  for (;;)
    {
      while (index < n_parts && offset >= parts[index].iov_len)
        {
          offset -= parts[index].iov_len;
          index++;
        }
      if (index >= n_parts && !self->is_partial)
        return (gssize) done;
      const guint8 *data = NULL;
      gsize len = 0;
      if (!self->is_partial)
        len = gather (parts, n_parts, index, offset, &data);
      /* After AGAIN GnuTLS holds the whole record; NULL sends the rest of it, and the result is its length.
       */
      gssize result = gnutls_record_send (self->session, data, len);
      if (data == record)
        satchel_heap_wipe (record, len);
      if (result == GNUTLS_E_AGAIN || result == GNUTLS_E_INTERRUPTED)
        {
          self->is_partial = TRUE;
          return done > 0 ? (gssize) done : SATCHEL_IO_AGAIN;
        }
      self->is_partial = FALSE;
      if (result < 0)
        return io_result (result);
      done += (gsize) result;
      offset += (gsize) result;
    }
}

static void
tls_end_output (SatchelTransport *transport)
{
  (void) gnutls_bye (((TlsTransport *) transport)->session, GNUTLS_SHUT_WR);
  shutdown (transport->fd, SHUT_WR);
}

static gboolean
tls_has_buffered (SatchelTransport *transport)
{
  TlsTransport *self = (TlsTransport *) transport;
  return self->is_end_met || self->kept_len > 0 || gnutls_record_check_pending (self->session) > 0;
}

static void
tls_free (SatchelTransport *transport)
{
  TlsTransport *self = (TlsTransport *) transport;
  gnutls_deinit (self->session);
  satchel_tls_context_unref (self->context);
  g_free (self->kept);
  g_free (self);
}

static const SatchelTransportOps tls_ops = {
  .read = tls_read,
  .write = tls_write,
  .end_output = tls_end_output,
  .has_buffered = tls_has_buffered,
  .free = tls_free,
};

SatchelTransport *
satchel_tls_transport_new (SatchelTlsContext *context, int fd, const char *alpn)
{
  gnutls_session_t session;
  if (gnutls_init (&session, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL) < 0)
    return NULL;
  if (shared == NULL)
    shared = g_malloc (SHARED_BYTES);
  TlsTransport *self = g_new0 (TlsTransport, 1);
  self->transport.ops = &tls_ops;
  self->transport.fd = fd;
  self->session = session;
  self->context = satchel_tls_context_ref (context);
  gnutls_priority_set (session, context->priority);
  gnutls_credentials_set (session, GNUTLS_CRD_CERTIFICATE, context->credentials);
  gnutls_certificate_server_set_request (session, GNUTLS_CERT_IGNORE);
  if (context->has_tickets)
    {
      gnutls_datum_t key = { context->ticket_key, sizeof context->ticket_key };
      (void) gnutls_session_ticket_enable_server (session, &key);
    }
  if (alpn != NULL)
    {
      /* A protocol that is offered but not ours ends in a fatal no_application_protocol (RFC 7301 3.2),
       * against cross-protocol attacks. */
      gnutls_datum_t protocol = { (void *) alpn, (unsigned) strlen (alpn) };
      (void) gnutls_alpn_set_protocols (session, &protocol, 1, GNUTLS_ALPN_MANDATORY);
    }
  gnutls_handshake_set_max_packet_length (session, 16384);
  gnutls_transport_set_ptr2 (session, self, GINT_TO_POINTER (fd));
  gnutls_transport_set_pull_function (session, pull);
  return &self->transport;
}

SatchelHandshake
satchel_tls_handshake (SatchelTransport *transport, const char **ret_why)
{
  TlsTransport *self = (TlsTransport *) transport;
  int result;
  do
    result = gnutls_handshake (self->session);
  while (result < 0 && is_tolerable (self, result));
  keep_rest (self);
  if (result == GNUTLS_E_SUCCESS)
    return SATCHEL_HANDSHAKE_DONE;
  if (result == GNUTLS_E_AGAIN || result == GNUTLS_E_INTERRUPTED)
    return gnutls_record_get_direction (self->session) == 1 ? SATCHEL_HANDSHAKE_WRITE
                                                            : SATCHEL_HANDSHAKE_READ;
  const char *clear = self->clear_alert != 0 ? gnutls_alert_get_name (self->clear_alert) : NULL;
  if (result != GNUTLS_E_FATAL_ALERT_RECEIVED)
    (void) gnutls_alert_send_appropriate (self->session, result);
  *ret_why = result == GNUTLS_E_FATAL_ALERT_RECEIVED ? alert_text (self)
             : clear != NULL                         ? clear
                                                     : gnutls_strerror (result);
  return SATCHEL_HANDSHAKE_FAILED;
}

void
satchel_tls_set_alert_func (SatchelTransport *transport, SatchelTlsAlertFunc func, gpointer data)
{
  TlsTransport *self = (TlsTransport *) transport;
  self->alert_func = func;
  self->alert_data = data;
}

char *
satchel_tls_info (SatchelTransport *transport)
{
  gnutls_session_t session = ((TlsTransport *) transport)->session;
  const char *version = gnutls_protocol_get_name (gnutls_protocol_get_version (session));
  const char *suite = gnutls_ciphersuite_get (session);
  return g_strdup_printf ("%s %s", version != NULL ? version : "TLS", suite != NULL ? suite : "");
}

gboolean
satchel_tls_can_bind (SatchelTransport *transport)
{
  return gnutls_protocol_get_version (((TlsTransport *) transport)->session) >= GNUTLS_TLS1_3;
}

static GBytes *
get_binding (SatchelTransport *transport, gnutls_channel_binding_t type)
{
  gnutls_datum_t binding = { NULL, 0 };
  if (!satchel_tls_can_bind (transport)
      || gnutls_session_channel_binding (((TlsTransport *) transport)->session, type, &binding) < 0)
    return NULL;
  GBytes *bytes = g_bytes_new (binding.data, binding.size);
  gnutls_free (binding.data);
  return bytes;
}

GBytes *
satchel_tls_exporter (SatchelTransport *transport)
{
  return get_binding (transport, GNUTLS_CB_TLS_EXPORTER);
}

GBytes *
satchel_tls_server_end_point (SatchelTransport *transport)
{
  return get_binding (transport, GNUTLS_CB_TLS_SERVER_END_POINT);
}

static const gnutls_datum_t *
peer_certificate (SatchelTransport *transport)
{
  unsigned n = 0;
  const gnutls_datum_t *all = gnutls_certificate_get_peers (((TlsTransport *) transport)->session, &n);
  return n > 0 ? all : NULL;
}

gboolean
satchel_tls_has_peer_certificate (SatchelTransport *transport)
{
  return peer_certificate (transport) != NULL;
}

GBytes *
satchel_tls_peer_certificate (SatchelTransport *transport)
{
  const gnutls_datum_t *leaf = peer_certificate (transport);
  return leaf != NULL ? g_bytes_new (leaf->data, leaf->size) : NULL;
}

void
satchel_tls_ask_certificate (SatchelTransport *transport)
{
  gnutls_certificate_server_set_request (((TlsTransport *) transport)->session, GNUTLS_CERT_REQUEST);
}
