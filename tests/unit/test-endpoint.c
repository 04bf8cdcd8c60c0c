/* SPDX-License-Identifier: MIT
 * Endpoints of servers elsewhere: the texts that name one, and where a process may not connect to it.
 */
#include "config.h"

#include "core/runtime/config/config_image.h"
#include "core/runtime/ipc/endpoint.h"

#include <string.h>

static void
test_text (void)
{
  static const struct
  {
    const char *text, *host, *path;
    guint port;
  } good[] = {
    { "localhost:389", "localhost", NULL, 389 },
    { "192.0.2.1:1", "192.0.2.1", NULL, 1 },
    { "[2001:db8::1]:65535", "2001:db8::1", NULL, 65535 },
    { "a-b.example:80", "a-b.example", NULL, 80 },
    { "[::1]:53", "::1", NULL, 53 },
    { "unix:/run/x y:1", NULL, "/run/x y:1", 0 },
  };
  static const char *const bad[] = {
    "",
    ":",
    "host",
    "host:",
    ":80",
    "host:0",
    "host:65536",
    "host:1x",
    "host:-1",
    "host: 80",
    "host:+80",
    "host:000080",
    "2001:db8::1",
    "[2001:db8::1]",
    "[]:1",
    "[x]:1",
    "[192.0.2.1]:1",
    "2001:db8::1:389",
    "unix:",
    "unix:run",
    "unix",
    "a b:1",
    "a/b:1",
    "a..b:1",
    "-a:1",
    ".a:1",
    "1.2:3",
    "300.1.1.1:1",
    "[::1:80",
  };
  for (guint i = 0; i < G_N_ELEMENTS (good); i++)
    {
      g_autofree char *why = NULL;
      g_autoptr (SatchelEndpoint) endpoint = satchel_endpoint_parse (good[i].text, &why);
      g_assert_null (why);
      g_assert_cmpstr (endpoint->host, ==, good[i].host);
      g_assert_cmpstr (endpoint->path, ==, good[i].path);
      g_assert_cmpuint (endpoint->port, ==, good[i].port);
    }
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autofree char *why = NULL;
      g_assert_null (satchel_endpoint_parse (bad[i], &why));
      g_assert_nonnull (why);
    }
  g_autofree char *long_path = g_strnfill (107, 'a'), *why = NULL;
  long_path[0] = '/';
  g_autofree char *fits = g_strconcat ("unix:", long_path, NULL), *long_text = g_strconcat (fits, "a", NULL);
  g_autoptr (SatchelEndpoint) endpoint = satchel_endpoint_parse (fits, &why);
  g_assert_nonnull (endpoint);
  g_assert_null (satchel_endpoint_parse (long_text, &why));
}

static void
test_nowhere (void)
{
  static const SatchelConfigRow rows[] = { { "door", SATCHEL_CONFIG_ENDPOINT, NULL, "Door" },
                                           { "other", SATCHEL_CONFIG_ENDPOINT, NULL, "Other" },
                                           { NULL } };
  g_autoptr (GError) error = NULL;
  g_autoptr (SatchelConfigSet) set =
      satchel_config_set_from_text ("probe", rows, "door = \"localhost:1\";", &error);
  g_assert_no_error (error);
  const SatchelConfig *section = satchel_config_set_group (set, "probe");
  g_autoptr (GPtrArray) texts = g_ptr_array_new_with_free_func (g_free);
  satchel_endpoint_collect (section, rows, texts);
  g_assert_cmpuint (texts->len, ==, 1);
  g_assert_cmpint (satchel_endpoint_connect (section, "door", 100, &error), ==, -1); /* no helper */
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_NOPERM);
  g_clear_error (&error);
  g_assert_null (satchel_endpoint_resolve (section, "other", 100, &error));
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_NONEXISTENT);
  g_clear_error (&error);
  g_assert_null (satchel_config_set_from_text ("probe", rows, "door = \"localhost\";", &error));
  g_assert_error (error, SATCHEL_ERROR, SATCHEL_ERROR_INVALID);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/endpoint/text", test_text);
  g_test_add_func ("/endpoint/nowhere", test_nowhere);
  return g_test_run ();
}
