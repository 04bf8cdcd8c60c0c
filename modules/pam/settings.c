/* SPDX-License-Identifier: MIT
 * Lists the settings of module pam.
 */
#include "settings.h"

#include <string.h>

#define INTO(TYPE, member) SATCHEL_CONFIG_INTO (TYPE, PamSettings, member)

static const SatchelConfigRow server_rows[] = { { "server", SATCHEL_CONFIG_ENDPOINT, NULL,
                                                  "Where it listens, as \"kdc.example.org:88\"",
                                                  .flags = SATCHEL_CONFIG_REQUIRED },
                                                { NULL } };

const SatchelConfigRow pam_schema[] = {
  { "service", INTO (STRING, service), "satchel",
    "Name of the service, and of its file in /etc/pam.d; without a file of that name nobody gets in" },
  { "domain", INTO (STRING, domain), NULL,
    "Domain of the users, whom PAM knows by the part before the @ alone; who has another domain is unknown. "
    "Unset: PAM is given whole names, local@domain" },
  { "accounts", INTO (BOOL, wants_account), "true",
    "Users are accounts of this system, and who has none is unknown, also as a recipient. false: PAM alone "
    "decides, and recipients are found elsewhere" },
  { "first_uid", INTO (INT, first_uid), "1000", "Accounts with a lower number, such as root's, are no users",
    .min = 0, .max = 2147483647 },
  { "processes", INTO (INT, processes), "32",
    "Checks at a time, each in a process of its own; more wait, within helpers.queue", .min = 1, .max = 256 },
  { "servers", SATCHEL_CONFIG_GROUPS, NULL,
    "Servers to which PAM's modules connect by TCP, as { server = \"kdc.example.org:88\"; }: their ports are "
    "opened",
    .group = server_rows },
  { NULL }
};

gboolean
pam_settings_check (const PamSettings *settings, GError **error)
{
  const char *service = settings->service;
  gsize len = strspn (service, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");
  if (len == 0 || service[len] != '\0')
    return satchel_error_set (
        error, SATCHEL_ERROR_INVALID,
        "service: the name of a file in /etc/pam.d has letters, digits, \"-\" and \"_\"");
  if (settings->domain != NULL && (*settings->domain == '\0' || strchr (settings->domain, '@') != NULL))
    return satchel_error_set (error, SATCHEL_ERROR_INVALID, "domain: write it like \"example.org\"");
  if (settings->wants_account && settings->domain == NULL)
    return satchel_error_set (
        error, SATCHEL_ERROR_INVALID,
        "domain: accounts of a system have none: say to which domain they belong, or set "
        "accounts = false");
  return TRUE;
}
