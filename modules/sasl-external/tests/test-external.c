/* SPDX-License-Identifier: MIT
 * EXTERNAL: whose a certificate is.
 */
#include "core/base/user.h"
#include "core/daemon/auth/exchange/auth_sasl.h"
#include "external.h"

#include <string.h>

static SatchelSaslResult
log_in (const char *certificate, const char *response, const char *user)
{
  g_autoptr (GBytes) bytes = certificate != NULL ? g_bytes_new (certificate, strlen (certificate)) : NULL;
  const SatchelLogin login = { .size = sizeof login, .mechanism = "EXTERNAL", .client_certificate = bytes };
  g_autoptr (SatchelSasl) sasl = satchel_sasl_new (&external_ops, &login);
  const SatchelCredential credential = { .size = sizeof credential };
  SatchelSaslResult result = SATCHEL_SASL_CHALLENGE;
  if (response == NULL)
    result = satchel_sasl_step (sasl, NULL, 0);
  g_assert_cmpint (result, ==, SATCHEL_SASL_CHALLENGE);
  result = satchel_sasl_step (sasl, (const guint8 *) (response != NULL ? response : ""),
                              response != NULL ? strlen (response) : 0);
  if (result != SATCHEL_SASL_LOOK_UP)
    return result;
  g_assert_cmpstr (sasl->turn.user, ==, user);
  if (response != NULL && *response != '\0')
    g_assert_cmpstr (sasl->turn.authorisation, ==, response);
  return satchel_sasl_found (sasl, user, &credential);
}

static void
test_map (void)
{
  g_autofree char *anna = g_compute_checksum_for_string (G_CHECKSUM_SHA256, "anna's", -1);
  g_autofree char *upper = g_ascii_strup (anna, -1);
  g_autofree char *row = g_strdup_printf ("%.2s:%s anna@x.org", upper, upper + 2);
  const char *const rows[] = { row, NULL }, *const twice[] = { row, row, NULL };
  external_set_map (external_map_new (rows, NULL));
  g_assert_cmpint (log_in ("anna's", "", "anna@x.org"), ==, SATCHEL_SASL_RIGHT);
  g_assert_cmpint (log_in ("anna's", NULL, "anna@x.org"), ==, SATCHEL_SASL_RIGHT);
  g_assert_cmpint (log_in ("anna's", "otto@x.org", "anna@x.org"), ==,
                   SATCHEL_SASL_RIGHT); /* the core refuses */
  g_assert_cmpint (log_in ("otto's", "anna@x.org", "anna@x.org"), ==, SATCHEL_SASL_MALFORMED);
  g_assert_cmpint (log_in (NULL, "anna@x.org", "anna@x.org"), ==, SATCHEL_SASL_MALFORMED);
  g_autoptr (GError) error = NULL;
  g_assert_null (external_map_new (twice, &error));
  static const char *const bad[] = { "", "anna@x.org", "12 anna@x.org" };
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      const char *const one[] = { bad[i], NULL };
      g_assert_null (external_map_new (one, NULL));
    }
  external_set_map (NULL);
  g_assert_cmpint (log_in ("anna's", "", "anna@x.org"), ==, SATCHEL_SASL_MALFORMED);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/external/map", test_map);
  return g_test_run ();
}
