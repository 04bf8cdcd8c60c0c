/* SPDX-License-Identifier: MIT
 * Checks the name of the server, reads its certificates and keys, matches them, and hands over sealed
 * copies, so that the files that were checked are those that are used.
 */
#include "config.h"

#include "core/base/fd.h"
#include "core/daemon/config/config_role.h"
#include "core/runtime/config/core_settings.h"
#include "core/runtime/ipc/sealed.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PEM_MAX (1024 * 1024)

typedef struct Pair
{
  guint index; /* 0: tls.cert and tls.key; otherwise number of the element of tls.certificates, from 1 on */
  SatchelCertificateSettings files; /* the files, and the name that clients ask for */
} Pair;

/* Reads the whole file, of at most PEM_MAX bytes. Free and wipe it with free_pem. NULL means that the problem
 * has been noted. */
static GString *
read_pem (SatchelConfigWork *work, const SatchelConfig *section, const char *key, const char *path)
{
  g_auto (SatchelFd) fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  struct stat st;
  if (fd < 0 || fstat (fd, &st) != 0)
    {
      int saved = errno;
      const char *advice = saved == ENOENT ? "correct the path, or put the file there"
                                           : "make it readable for the user that starts the server";
      satchel_config_work_problem (work, FALSE, section, key, "tls %s: %s cannot be read (%s); %s", key, path,
                                   g_strerror (saved), advice);
      return NULL;
    }
  if (!S_ISREG (st.st_mode) || st.st_size > PEM_MAX)
    {
      satchel_config_work_problem (work, FALSE, section, key,
                                   "tls %s: %s is not a file of at most 1 MiB; name the PEM file itself", key,
                                   path);
      return NULL;
    }
  gboolean is_key = strcmp (key, "key") == 0;
  if ((st.st_mode & 022) != 0 || (is_key && (st.st_mode & 04) != 0))
    satchel_config_work_problem (work, TRUE, section, key, "tls %s: %s can be %s by others; run: chmod %s %s",
                                 key, path, (st.st_mode & 022) != 0 ? "written" : "read",
                                 is_key ? "go-w,o-r" : "go-w", path);
  /* The buffer gets its whole size at once, since growing it would leave copies of a key in memory. */
  GString *pem = g_string_sized_new ((gsize) st.st_size + 1);
  pem->len = (gsize) MAX (satchel_fd_read_all (fd, pem->str, (gsize) st.st_size), 0);
  pem->str[pem->len] = '\0';
  return pem;
}

static void
free_pem (GString *pem)
{
  if (pem == NULL)
    return;
  explicit_bzero (pem->str, pem->allocated_len);
  g_string_free (pem, TRUE);
}

/* Returns the DNS names of the certificate for a message; "" if it has none. */
static char *
names_of (gnutls_x509_crt_t certificate)
{
  g_autoptr (GString) names = g_string_new (NULL);
  for (unsigned i = 0; i < 8; i++)
    {
      char name[256];
      size_t len = sizeof name - 1;
      int type = gnutls_x509_crt_get_subject_alt_name (certificate, i, name, &len, NULL);
      if (type == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
        break;
      if (type != GNUTLS_SAN_DNSNAME)
        continue;
      name[MIN (len, sizeof name - 1)] = '\0';
      g_string_append_printf (names, "%s%s", names->len > 0 ? ", " : "", name);
    }
  return g_string_free (g_steal_pointer (&names), FALSE);
}

/* Warns of a certificate for another name, since clients refuse one that is not for the name they connect to
 * (RFC 9525). */
static void
check_name (SatchelConfigWork *work, const SatchelConfig *section, const Pair *pair,
            gnutls_x509_crt_t certificate)
{
  const char *name = pair->files.name;
  if (name == NULL || gnutls_x509_crt_check_hostname (certificate, name))
    return;
  g_autofree char *names = names_of (certificate);
  satchel_config_work_problem (
      work, TRUE, section, "cert",
      "tls cert: %s is not for %s (%s), so clients that connect to that name refuse it; %s", pair->files.cert,
      name, *names != '\0' ? names : "it has no DNS name",
      pair->index == 0 ? "get one for it, or correct server.hostname"
                       : "get one for it, or correct the name");
}

/* Checks dates and names of the certificate that clients look at. */
static void
check_leaf (SatchelConfigWork *work, const SatchelConfig *section, const Pair *pair,
            const gnutls_datum_t *chain)
{
  gnutls_x509_crt_t certificate;
  if (gnutls_x509_crt_init (&certificate) != 0)
    return;
  if (gnutls_x509_crt_import (certificate, chain, GNUTLS_X509_FMT_PEM) == 0)
    {
      time_t expires = gnutls_x509_crt_get_expiration_time (certificate), now = time (NULL);
      time_t begins = gnutls_x509_crt_get_activation_time (certificate);
      check_name (work, section, pair, certificate);
      if (begins != (time_t) -1 && begins > now)
        satchel_config_work_problem (work, TRUE, section, "cert",
                                     "tls cert: %s is not valid yet; set this machine's clock, or wait",
                                     pair->files.cert);
      if (expires != (time_t) -1 && expires < now)
        satchel_config_work_problem (work, TRUE, section, "cert", "tls cert: %s has expired; renew it",
                                     pair->files.cert);
      else if (expires != (time_t) -1 && expires < now + 7 * 86400)
        satchel_config_work_problem (work, TRUE, section, "cert",
                                     "tls cert: %s expires within a week; renew it", pair->files.cert);
    }
  gnutls_x509_crt_deinit (certificate);
}

/* Checks certificate and key as a pair, in the way in which GnuTLS will use them. */
static gboolean
check_pair (SatchelConfigWork *work, const SatchelConfig *section, const Pair *pair, const GString *chain,
            const GString *key)
{
  gnutls_datum_t chain_pem = { (unsigned char *) chain->str, (unsigned) chain->len };
  gnutls_datum_t key_pem = { (unsigned char *) key->str, (unsigned) key->len };
  gnutls_x509_crt_t *list = NULL;
  unsigned n = 0;
  int rc = gnutls_x509_crt_list_import2 (&list, &n, &chain_pem, GNUTLS_X509_FMT_PEM, 0);
  for (unsigned i = 0; rc >= 0 && i < n; i++)
    gnutls_x509_crt_deinit (list[i]);
  gnutls_free (list);
  if (rc < 0)
    {
      satchel_config_work_problem (
          work, FALSE, section, "cert",
          "tls cert: %s holds no usable certificate (%s); it must be PEM, the server's own first",
          pair->files.cert, gnutls_strerror (rc));
      return FALSE;
    }
  gnutls_certificate_credentials_t credentials;
  if (gnutls_certificate_allocate_credentials (&credentials) != 0)
    return FALSE;
  rc = gnutls_certificate_set_x509_key_mem (credentials, &chain_pem, &key_pem, GNUTLS_X509_FMT_PEM);
  gnutls_certificate_free_credentials (credentials);
  if (rc == GNUTLS_E_CERTIFICATE_KEY_MISMATCH)
    satchel_config_work_problem (
        work, FALSE, section, "key",
        "tls key: %s does not match the certificate %s; name the key that it was made with", pair->files.key,
        pair->files.cert);
  else if (rc < 0)
    satchel_config_work_problem (
        work, FALSE, section, "key",
        "tls key: %s holds no usable private key (%s); it must be PEM without a password", pair->files.key,
        gnutls_strerror (rc));
  else
    check_leaf (work, section, pair, &chain_pem);
  return rc >= 0;
}

static void
take_pair (SatchelConfigWork *work, const SatchelConfig *section, const Pair *pair)
{
  GString *chain = read_pem (work, section, "cert", pair->files.cert),
          *key = read_pem (work, section, "key", pair->files.key);
  if (chain != NULL && key != NULL && check_pair (work, section, pair, chain, key))
    {
      SatchelPlanTls tls = { pair->index, satchel_sealed_new ("tls-chain", chain->str, chain->len, NULL),
                             satchel_sealed_new ("tls-key", key->str, key->len, NULL) };
      g_array_append_val (work->plan->tls, tls);
      if (tls.chain_fd < 0 || tls.key_fd < 0)
        satchel_config_work_problem (work, FALSE, section, "cert",
                                     "tls: no file in memory can be made for certificates (%s)",
                                     g_strerror (errno));
    }
  free_pem (chain);
  free_pem (key);
}

/* Reports an empty hostname, since the packaged configuration leaves it to the administrator. */
static void
check_hostname (SatchelConfigWork *work, const SatchelConfig *server, const char *hostname)
{
  if (hostname != NULL && *hostname == '\0')
    satchel_config_work_problem (work, FALSE, server, "hostname",
                                 "server.hostname is empty; set the name that clients connect to, or remove "
                                 "the line to use the machine's");
}

void
satchel_config_work_tls (SatchelConfigWork *work)
{
  const SatchelConfig *server_group = satchel_config_set_group (work->set, "server"),
                      *tls = satchel_config_set_group (work->set, "tls");
  SatchelServerSettings server;
  SatchelTlsSettings settings;
  satchel_server_settings_read (server_group, &server);
  satchel_tls_settings_read (tls, &settings);
  check_hostname (work, server_group, server.hostname);
  Pair first = { 0, settings.main };
  first.files.name = server.hostname;
  const char *cert = first.files.cert, *key = first.files.key;
  if (cert != NULL && key != NULL)
    take_pair (work, tls, &first);
  else if (cert != NULL || key != NULL)
    satchel_config_work_problem (work, FALSE, tls, cert != NULL ? "cert" : "key",
                                 "tls: cert and key belong together, and %s is not set; set both",
                                 cert != NULL ? "key" : "cert");
  guint n = satchel_config_n_groups (tls, "certificates");
  for (guint i = 0; i < n; i++)
    {
      const SatchelConfig *entry = satchel_config_group (tls, "certificates", i);
      Pair pair = { .index = i + 1 };
      satchel_certificate_settings_read (entry, &pair.files);
      if (pair.files.cert != NULL && pair.files.key != NULL)
        take_pair (work, entry, &pair);
    }
  const char *priority = settings.priority, *bad = NULL;
  gnutls_priority_t parsed;
  if (priority == NULL)
    return;
  if (gnutls_priority_init2 (&parsed, priority, &bad, 0) == 0)
    gnutls_priority_deinit (parsed);
  else
    satchel_config_work_problem (work, FALSE, tls, "priority",
                                 "tls.priority: GnuTLS does not understand it from \"%.40s\" on; see "
                                 "`gnutls-cli --list`, or remove it",
                                 bad != NULL ? bad : priority);
}
