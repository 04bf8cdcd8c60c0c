/* SPDX-License-Identifier: MIT
 * The core's own groups of settings. A row is the only source for parser, default file and manual.
 */
#include "config.h"

#include "core/runtime/config/core_settings.h"

#define RELOAD SATCHEL_CONFIG_RELOADABLE
#define INTO SATCHEL_CONFIG_INTO

static const SatchelConfigRow server_rows[] = {
  { "hostname", INTO (STRING, SatchelServerSettings, hostname), NULL,
    "Name that the server gives itself in greetings and Received lines; unset: the name of the machine",
    .flags = RELOAD },
  { "default_domain", INTO (STRING, SatchelServerSettings, default_domain), "localhost",
    "Domain that is added to a user name without one" },
  { "lower_case_users", INTO (BOOL, SatchelServerSettings, lowers_users), "true",
    "Whether user names and addresses are compared in lower case" },
  { "mail_root", INTO (PATH, SatchelServerSettings, mail_root), SATCHEL_STATE_DIR "/mail",
    "Directory that holds all mail; the mail of a user is in DOMAIN/LOCAL below it" },
  { "state_dir", INTO (PATH, SatchelServerSettings, state_dir), SATCHEL_STATE_DIR,
    "Directory of the server's own state" },
  { "run_dir", INTO (PATH, SatchelServerSettings, run_dir), SATCHEL_RUN_DIR, "Directory of sockets" },
  { "module_dir", INTO (PATH, SatchelServerSettings, module_dir), SATCHEL_MODULE_DIR,
    "Directory of modules" },
  { "gate_user", SATCHEL_CONFIG_STRING, "satchel-gate",
    "Account (name or number) of the gate processes when the server is started as root" },
  { "auth_user", SATCHEL_CONFIG_STRING, "satchel-auth", "Account (name or number) of the auth process" },
  { "mail_user", INTO (STRING, SatchelServerSettings, mail_user), "satchel-mail",
    "Account (name or number) that owns all mail; the mail processes run as it" },
  { "helper_user", SATCHEL_CONFIG_STRING, "satchel-helper",
    "Account (name or number) of the helper processes of modules" },
  { "config_user", SATCHEL_CONFIG_STRING, "satchel",
    "Account (name or number) of the process that reads the configuration" },
  { "admin_group", INTO (STRING, SatchelServerSettings, admin_group), "satchel-admin",
    "Group (name or number) that may use the control socket; empty: none but root and the server" },
  { "gate_processes", INTO (INT, SatchelServerSettings, gate_processes), "0",
    "Number of gate processes; 0: one for each processor core", .min = 0, .max = 64 },
  { "mail_processes", INTO (INT, SatchelServerSettings, mail_processes), "0",
    "Number of mail processes; 0: one for each processor core", .min = 0, .max = 64 },
  { "sandbox", INTO (ENUM, SatchelServerSettings, sandbox), "best-effort",
    "Sandbox of the processes; required: the server does not start where the kernel lacks Landlock or "
    "seccomp",
    "required|best-effort|off" },
  { "wipe_memory", INTO (ENUM, SatchelServerSettings, wipe_memory), "auto",
    "When memory is wiped as it is freed; auto: while a storage layer that hides content is enabled",
    "auto|always|never", .flags = RELOAD },
  { "hang_time", INTO (DURATION, SatchelServerSettings, hang_ms), "20s",
    "A process that does not respond for this long is reported and started again; a job that makes no "
    "progress for this long is reported",
    .min = 200, .max = SATCHEL_HOURS (1), .flags = RELOAD },
  { "stuck_time", INTO (DURATION, SatchelServerSettings, stuck_ms), "5m",
    "A job that makes no progress for this long ends its process, which closes its sessions properly first",
    .min = 200, .max = SATCHEL_DAYS (1), .flags = RELOAD },
  { "admin_time", INTO (DURATION, SatchelServerSettings, admin_ms), "1h",
    "An admin command of a module that takes longer is cancelled", .min = 100, .max = SATCHEL_DAYS (7),
    .flags = RELOAD },
  { "stop_grace", INTO (DURATION, SatchelServerSettings, stop_grace_ms), "10s",
    "How long sessions may take to end when the server stops", .min = 0, .max = SATCHEL_MINUTES (10),
    .flags = RELOAD },
  { NULL }
};

static const SatchelConfigRow log_rows[] = {
  { "file", INTO (PATH, SatchelLogSettings, file), NULL,
    "Log file; unset: the journal if there is one, else standard error", .flags = RELOAD },
  { "level", INTO (ENUM, SatchelLogSettings, level), "info", "Lowest severity that is written to the log",
    "error|warning|info|debug", .flags = RELOAD },
  { NULL }
};

static const SatchelConfigRow certificate_rows[] = {
  { "name", INTO (STRING, SatchelCertificateSettings, name), NULL, "Name of this entry",
    .flags = SATCHEL_CONFIG_REQUIRED },
  { "cert", INTO (PATH, SatchelCertificateSettings, cert), NULL, "Certificate chain, PEM, leaf first",
    .flags = SATCHEL_CONFIG_REQUIRED },
  { "key", INTO (PATH, SatchelCertificateSettings, key), NULL, "Private key, PEM",
    .flags = SATCHEL_CONFIG_REQUIRED },
  { NULL }
};
static const SatchelConfigRow tls_rows[] = {
  { "cert", INTO (PATH, SatchelTlsSettings, main.cert), NULL,
    "Certificate chain (PEM, leaf first) for clients that ask for no name, or for one that no other "
    "certificate has",
    .flags = RELOAD },
  { "key", INTO (PATH, SatchelTlsSettings, main.key), NULL, "Private key (PEM) of tls.cert",
    .flags = RELOAD },
  { "certificates", SATCHEL_CONFIG_GROUPS, NULL,
    "Further certificates, chosen by the name that the client asks for (SNI)", .group = certificate_rows,
    .flags = RELOAD },
  { "priority", INTO (STRING, SatchelTlsSettings, priority), NULL,
    "GnuTLS priority string; unset: TLS 1.2 and 1.3 with AEAD only", .flags = RELOAD },
  { NULL }
};

static const SatchelConfigRow listener_rows[] = {
  { "name", INTO (STRING, SatchelListenerSettings, name), NULL, "Name of this listener",
    .flags = SATCHEL_CONFIG_REQUIRED },
  { "protocol", INTO (STRING, SatchelListenerSettings, protocol), NULL,
    "Protocol or service, by the name of its module", .flags = SATCHEL_CONFIG_REQUIRED },
  { "address", INTO (STRING, SatchelListenerSettings, address), NULL,
    "IP address to listen on; \"*\": all addresses of IPv4 and IPv6; leave it out with path" },
  { "port", INTO (INT, SatchelListenerSettings, port), "0", "TCP port; 0: the standard port of the protocol",
    .min = 0, .max = 65535 },
  { "path", INTO (PATH, SatchelListenerSettings, path), NULL, "Unix socket instead of address and port" },
  { "mode", INTO (MODE, SatchelListenerSettings, mode), NULL,
    "Access mode of the unix socket; unset: 0660 for a protocol by which others have passwords checked, else "
    "0666" },
  { "owner", INTO (STRING, SatchelListenerSettings, owner), NULL,
    "Account that owns the unix socket, by name or number; unset: the one that runs the server" },
  { "group", INTO (STRING, SatchelListenerSettings, group), NULL,
    "Group of the unix socket, by name or number; unset: the one that runs the server" },
  { "tls", INTO (BOOL, SatchelListenerSettings, implicit_tls), "false",
    "Whether TLS starts with the first byte, as on ports 993 and 995" },
  { "allow_cleartext", INTO (BOOL, SatchelListenerSettings, allow_cleartext), "false",
    "Whether clients on other machines may send passwords without TLS" },
  { "networks", INTO (STRINGS, SatchelListenerSettings, networks), NULL,
    "Networks whose clients may connect, as ADDRESS/BITS; unset: all, or only loopback for a protocol "
    "without login" },
  { "trusted_proxies", INTO (STRINGS, SatchelListenerSettings, trusted_proxies), NULL,
    "Networks of proxies that send a PROXY protocol v2 header, as ADDRESS/BITS" },
  { "id_networks", INTO (STRINGS, SatchelListenerSettings, id_networks), NULL,
    "Networks of webmail servers that tell the address of their own client in ID (x-originating-ip), as "
    "ADDRESS/BITS" },
  { "mechanisms", INTO (STRINGS, SatchelListenerSettings, mechanisms), NULL,
    "SASL mechanisms that are offered on this listener, of those of auth.mechanisms; unset: all" },
  { "client_certificates", INTO (BOOL, SatchelListenerSettings, asks_certificate), "false",
    "Whether clients are asked for a certificate, for the mechanism EXTERNAL; any is taken, none is needed" },
  { NULL }
};
static const SatchelConfigRow listen_rows[] = {
  { "listeners", SATCHEL_CONFIG_GROUPS, NULL,
    "Addresses to listen on; a protocol that is named here listens on these only", .group = listener_rows },
  { "defaults", SATCHEL_CONFIG_BOOL, "true",
    "Whether an enabled protocol without an entry in listeners listens on its TLS port everywhere and on its "
    "clear-text port on loopback, or on RUN_DIR/NAME if it has no login" },
  { NULL }
};

static const SatchelConfigRow limits_rows[] = {
  { "connections", INTO (INT, SatchelLimitSettings, connections), "10000",
    "Connections that one gate process accepts", .min = 1, .max = 1000000, .flags = RELOAD },
  { "connections_per_address", INTO (INT, SatchelLimitSettings, connections_per_address), "1000",
    "Connections from one address (IPv6: from one /64)", .min = 1, .max = 1000000, .flags = RELOAD },
  { "connections_per_user", SATCHEL_CONFIG_INT, "200", "Logged-in connections of one user", .min = 1,
    .max = 1000000, .flags = RELOAD },
  { "handshake_timeout", INTO (DURATION, SatchelLimitSettings, handshake_ms), "10s",
    "How long a TLS handshake may take", .min = SATCHEL_SECONDS (1), .max = SATCHEL_MINUTES (10),
    .flags = RELOAD },
  { "login_timeout", INTO (DURATION, SatchelLimitSettings, login_ms), "3m",
    "How long a client may take from connecting to being logged in", .min = SATCHEL_SECONDS (1),
    .max = SATCHEL_MINUTES (10), .flags = RELOAD },
  { "write_timeout", INTO (DURATION, SatchelLimitSettings, write_ms), "5m",
    "A client that reads nothing for this long while the server has something to send is disconnected",
    .min = SATCHEL_SECONDS (1), .max = SATCHEL_HOURS (1), .flags = RELOAD },
  { "bad_commands", INTO (INT, SatchelLimitSettings, bad_commands), "3",
    "Number of bad commands before login after which the connection is closed", .min = 1, .max = 100,
    .flags = RELOAD },
  { "prelogin_line", INTO (SIZE, SatchelLimitSettings, of_protocols.prelogin_line), "8K",
    "Longest line or literal before login", .min = 512, .max = SATCHEL_KIB (64) },
  { "output_buffer", INTO (SIZE, SatchelLimitSettings, output_buffer), "256K",
    "Output that one connection may have waiting; a command that produces more pauses until the client reads",
    .min = 1, .max = SATCHEL_MIB (16) },
  { "threads", INTO (INT, SatchelLimitSettings, threads), "32",
    "Threads of each mail process for work that may block", .min = 1, .max = 256 },
  { "threads_per_user", INTO (INT, SatchelLimitSettings, threads_per_user), "8",
    "Number of these threads that one user may occupy", .min = 1, .max = 256 },
  { "message_size", INTO (SIZE, SatchelLimitSettings, of_protocols.message_size), "50M",
    "Largest message that the server accepts", .min = SATCHEL_KIB (1), .max = SATCHEL_GIB (4) - 1,
    .flags = RELOAD },
  { "hash_memory", SATCHEL_CONFIG_SIZE, "160M", "Memory that password hashes may use at one time",
    .min = SATCHEL_MIB (1), .max = SATCHEL_GIB (64) },
  { "login_failures", SATCHEL_CONFIG_INT, "100",
    "Failed logins of one account in an hour before all further ones are refused; a quarter of them is kept "
    "for networks from which the user logged in before, and ten times as many may come from one address, "
    "whatever the account",
    .min = 1, .max = 100000, .flags = RELOAD },
  { "keywords", INTO (INT, SatchelLimitSettings, keywords), "1000",
    "Number of different keywords (tags) that the messages of one mailbox may have; a keyword that no "
    "message "
    "has any more makes room.  A message with more is accepted without those that have no room",
    .min = 26, .max = 1024, .flags = RELOAD },
  { "mailboxes", INTO (INT, SatchelLimitSettings, mailboxes), "10000",
    "Number of mailboxes that one user may have", .min = 10, .max = 1000000, .flags = RELOAD },
  { "change_log", INTO (SIZE, SatchelLimitSettings, change_log), "8M",
    "Size of a user's log of changes, which is kept for listeners that ask for it; a listener that is "
    "further "
    "behind has to look at everything again",
    .min = SATCHEL_KIB (64), .max = SATCHEL_GIB (1), .flags = RELOAD },
  { "change_log_age", INTO (DURATION, SatchelLimitSettings, change_log_age_ms), "7d",
    "How far back a user's log of changes goes", .min = SATCHEL_MINUTES (1), .max = SATCHEL_DAYS (365),
    .flags = RELOAD },
  { "store_idle", INTO (DURATION, SatchelLimitSettings, store_idle_ms), "60s",
    "How long the store of a user without sessions stays in memory", .min = 0, .max = SATCHEL_DAYS (1),
    .flags = RELOAD },
  { NULL }
};

static const SatchelConfigRow program_rows[] = {
  { "module", INTO (STRING, SatchelProgramSettings, module), NULL, "Name of the module",
    .flags = SATCHEL_CONFIG_REQUIRED },
  { "group", INTO (STRING, SatchelProgramSettings, group), NULL,
    "A group that its helper has beside that of its account, such as \"shadow\"; name or number" },
  { NULL }
};

static const SatchelConfigRow helpers_rows[] = {
  { "queue", INTO (INT, SatchelHelperSettings, queue), "64",
    "Number of unanswered calls that one process may have with one helper; further calls fail at once",
    .min = 1, .max = 1024 },
  { "content", INTO (SIZE, SatchelHelperSettings, content), "256M",
    "Memory that mail in unanswered calls may use, for each process and helper", .min = SATCHEL_MIB (1),
    .max = SATCHEL_GIB (64) },
  { "overdue", INTO (DURATION, SatchelHelperSettings, overdue_ms), "10s",
    "A helper that has not answered a call this long after the caller gave up is started again", .min = 200,
    .max = SATCHEL_HOURS (1) },
  { "memory", INTO (SIZE, SatchelHelperSettings, memory), "1G",
    "Memory that a helper may use, with the stacks of its threads", .min = SATCHEL_MIB (64),
    .max = SATCHEL_TIB (1) },
  { "files", INTO (INT, SatchelHelperSettings, files), "256",
    "Files and connections that a helper may have open, apart from those that come with calls", .min = 32,
    .max = 65536 },
  { "programs", SATCHEL_CONFIG_GROUPS, NULL,
    "Modules whose helpers may load libraries and start programs, as { module = \"NAME\"; group = "
    "\"shadow\"; }",
    .group = program_rows },
  { NULL }
};

static const SatchelConfigRow janitor_rows[] = {
  { "interval", INTO (DURATION, SatchelJanitorSettings, interval_ms), "1d",
    "Every user's mail is visited once in this time for upkeep, evenly spread; 0: never", .min = 0,
    .max = SATCHEL_DAYS (365), .flags = RELOAD },
  { "slice", INTO (DURATION, SatchelJanitorSettings, slice_ms), "200ms",
    "How long the upkeep works at a stretch before it pauses", .min = 1, .max = SATCHEL_MINUTES (1),
    .flags = RELOAD },
  { "clock_bound", INTO (DURATION, SatchelJanitorSettings, clock_bound_ms), "1d",
    "A clock that jumps forward by more than this is not trusted, so that no mail is removed too early",
    .min = SATCHEL_SECONDS (1), .max = SATCHEL_DAYS (365), .flags = RELOAD },
  { "clock_settle", INTO (DURATION, SatchelJanitorSettings, clock_settle_ms), "7d",
    "How long a clock must run without a jump until it is trusted again", .min = SATCHEL_SECONDS (1),
    .max = SATCHEL_DAYS (365), .flags = RELOAD },
  { NULL }
};

static const SatchelConfigRow filter_rows[] = {
  { "filter", INTO (STRING, SatchelFilterSettings, filter), NULL, "Module of the filter",
    .flags = SATCHEL_CONFIG_REQUIRED },
  { "deadline", INTO (DURATION, SatchelFilterSettings, deadline_ms), "30s",
    "Takes the place of filters.deadline for this filter", .min = 100, .max = SATCHEL_MINUTES (5) },
  { "concurrent", INTO (INT, SatchelFilterSettings, concurrent), "8",
    "Takes the place of filters.concurrent for this filter", .min = 1, .max = 64 },
  { "failure", INTO (ENUM, SatchelFilterSettings, failure), "module",
    "What happens when the filter fails or is late: the mail goes on without it (pass), is deferred (defer), "
    "or as the module says (module)",
    "module|pass|defer" },
  { NULL }
};
static const SatchelConfigRow filters_rows[] = {
  { "deadline", INTO (DURATION, SatchelFilterSettings, deadline_ms), "30s",
    "How long a delivery filter may take for one message or recipient, its time in the queue included",
    .min = 100, .max = SATCHEL_MINUTES (5), .flags = RELOAD },
  { "concurrent", INTO (INT, SatchelFilterSettings, concurrent), "8",
    "Number of messages and recipients that one filter works on at a time in each mail process", .min = 1,
    .max = 64, .flags = RELOAD },
  { "rules", SATCHEL_CONFIG_GROUPS, NULL, "Settings for single filters", .group = filter_rows,
    .flags = RELOAD },
  { NULL }
};

static const SatchelConfigRow profile_rows[] = {
  { "name", INTO (STRING, SatchelStackSettings, name), NULL,
    "Name of this stack: letters, digits, - and _; \"default\" is the stack of storage.driver",
    .flags = SATCHEL_CONFIG_REQUIRED },
  { "driver", INTO (STRING, SatchelStackSettings, driver), NULL, "Storage driver",
    .flags = SATCHEL_CONFIG_REQUIRED },
  { "layers", INTO (STRINGS, SatchelStackSettings, layers), NULL,
    "Layers above the driver, the one nearest to the client first; unset: none" },
  { "slot_by", SATCHEL_CONFIG_ENUM, NULL,
    "How users of this stack are spread over mail processes; unset: as the driver needs it, else "
    "storage.slot_by",
    "user|domain|volume" },
  { NULL }
};
static const SatchelConfigRow rule_rows[] = {
  { "name", INTO (STRING, SatchelRuleSettings, name), NULL, "Name of this rule",
    .flags = SATCHEL_CONFIG_REQUIRED },
  { "users", INTO (STRINGS, SatchelRuleSettings, users), NULL,
    "New users to whom this rule applies, as LOCAL@DOMAIN with * and ?" },
  { "domains", INTO (STRINGS, SatchelRuleSettings, domains), NULL,
    "Domains to whose new users this rule applies, with * and ?; neither users nor domains: all users" },
  { "profile", INTO (STRING, SatchelRuleSettings, profile), "default",
    "Stack of these users, a name of storage.profiles" },
  { "volume", INTO (STRING, SatchelRuleSettings, volume), NULL,
    "Volume of these users, if the driver has several" },
  { NULL }
};
static const SatchelConfigRow storage_rows[] = {
  { "driver", INTO (STRING, SatchelStackSettings, driver), NULL,
    "Storage driver of all users to whom no rule applies; unset: the one whose module is enabled" },
  { "layers", INTO (STRINGS, SatchelStackSettings, layers), NULL,
    "Layers above the driver, the one nearest to the client first; it must name all that are enabled and in "
    "no profile.  Unset: all that are enabled, in the order of their bands" },
  { "profiles", SATCHEL_CONFIG_GROUPS, NULL,
    "Further stacks of a driver and layers; each user is in one stack", .group = profile_rows },
  { "rules", SATCHEL_CONFIG_GROUPS, NULL,
    "Stacks of new users; the first rule that applies counts, and the result is recorded for the user",
    .group = rule_rows },
  { "slot_by", SATCHEL_CONFIG_ENUM, NULL,
    "How users are spread over mail processes: by name, all users of a domain to one, or all of a volume to "
    "one; unset: as the driver needs it, else by name",
    "user|domain|volume" },
  { NULL }
};

static const SatchelConfigRow namespace_rows[] = {
  { "prefix", INTO (STRING, SatchelNamespaceSettings, prefix), "",
    "Text before every mailbox name except INBOX, such as \"INBOX.\"" },
  { "separator", INTO (ENUM, SatchelNamespaceSettings, separator), "/",
    "Separator between the levels of a mailbox name, as clients see it", "/|." },
  { NULL }
};

static const SatchelConfigRow mailboxes_rows[] = {
  { "drafts", INTO (STRING, SatchelMailboxesSettings, names[SATCHEL_MAILBOX_DRAFTS]), "Drafts",
    "Mailbox that is made at the first login and marked \\Drafts; empty: none" },
  { "sent", INTO (STRING, SatchelMailboxesSettings, names[SATCHEL_MAILBOX_SENT]), "Sent",
    "Mailbox that is made at the first login and marked \\Sent; empty: none" },
  { "junk", INTO (STRING, SatchelMailboxesSettings, names[SATCHEL_MAILBOX_JUNK]), "Junk",
    "Mailbox that is made at the first login and marked \\Junk; empty: none" },
  { "trash", INTO (STRING, SatchelMailboxesSettings, names[SATCHEL_MAILBOX_TRASH]), "Trash",
    "Mailbox that is made at the first login and marked \\Trash; empty: none" },
  { "archive", INTO (STRING, SatchelMailboxesSettings, names[SATCHEL_MAILBOX_ARCHIVE]), "Archive",
    "Mailbox that is made at the first login and marked \\Archive; empty: none" },
  { "drafts_names", INTO (STRINGS, SatchelMailboxesSettings, known[SATCHEL_MAILBOX_DRAFTS]),
    "( \"Drafts\", \"Draft\", \"INBOX/Drafts\", \"INBOX/Draft\" )",
    "Names of existing mailboxes that are marked \\Drafts instead of making one" },
  { "sent_names", INTO (STRINGS, SatchelMailboxesSettings, known[SATCHEL_MAILBOX_SENT]),
    "( \"Sent\", \"Sent Items\", \"Sent Messages\", \"Sent Mail\", \"INBOX/Sent\", \"INBOX/Sent Items\", "
    "\"INBOX/Sent Messages\" )",
    "Names of existing mailboxes that are marked \\Sent instead of making one" },
  { "junk_names", INTO (STRINGS, SatchelMailboxesSettings, known[SATCHEL_MAILBOX_JUNK]),
    "( \"Junk\", \"Spam\", \"Junk E-mail\", \"Junk Email\", \"Bulk Mail\", \"INBOX/Junk\", \"INBOX/Spam\" )",
    "Names of existing mailboxes that are marked \\Junk instead of making one" },
  { "trash_names", INTO (STRINGS, SatchelMailboxesSettings, known[SATCHEL_MAILBOX_TRASH]),
    "( \"Trash\", \"Deleted Items\", \"Deleted Messages\", \"Bin\", \"INBOX/Trash\", \"INBOX/Deleted Items\" "
    ")",
    "Names of existing mailboxes that are marked \\Trash instead of making one" },
  { "archive_names", INTO (STRINGS, SatchelMailboxesSettings, known[SATCHEL_MAILBOX_ARCHIVE]),
    "( \"Archive\", \"Archives\", \"All Mail\", \"INBOX/Archive\", \"INBOX/Archives\" )",
    "Names of existing mailboxes that are marked \\Archive instead of making one" },
  { NULL }
};

#define MAIN_PASSWORD "everywhere|submission-and-web|nowhere"
const SatchelConfigRow satchel_main_password_rows[] = {
  { "name", INTO (STRING, SatchelUserChoice, name), NULL, "Domain, or user with the domain",
    .flags = SATCHEL_CONFIG_REQUIRED },
  { "use", INTO (ENUM, SatchelUserChoice, choice), NULL, "As `main_password`", .choices = MAIN_PASSWORD,
    .flags = SATCHEL_CONFIG_REQUIRED },
  { NULL }
};

static const SatchelConfigRow auth_rows[] = {
  { "mechanisms", SATCHEL_CONFIG_STRINGS, NULL,
    "SASL mechanisms that are offered to clients, where the connection allows them; unset: all that there "
    "are",
    .flags = RELOAD },
  { "cache_time", SATCHEL_CONFIG_DURATION, "1h",
    "How long a verified login is remembered, so that its password is not hashed again (a changed password "
    "counts at once); 0: never",
    .min = 0, .max = SATCHEL_DAYS (1), .flags = RELOAD },
  { "source_timeout", SATCHEL_CONFIG_DURATION, "10s",
    "A module that has not said by then what it knows of a user counts as unavailable for this login",
    .min = 100, .max = SATCHEL_SECONDS (18), .flags = RELOAD },
  { "failure_delay", SATCHEL_CONFIG_DURATION, "2s", "Delay of the answer to a failed login", .min = 0,
    .max = SATCHEL_MINUTES (1), .flags = RELOAD },
  { "explain", SATCHEL_CONFIG_ENUM, "known-networks",
    "Whether a client that gave the right password is told that a second factor is missing",
    "always|known-networks|never", .flags = RELOAD },
  { "main_password", INTO (ENUM, SatchelMainPasswordSettings, main_password), "everywhere",
    "Where the users' own passwords are good; with submission-and-web and nowhere, a mail program needs an "
    "app "
    "password",
    .choices = MAIN_PASSWORD, .flags = RELOAD },
  { "main_passwords", SATCHEL_CONFIG_GROUPS, NULL,
    "Another main_password for a domain or a user, as { name = \"example.org\"; use = \"nowhere\"; }",
    .group = satchel_main_password_rows, .flags = RELOAD },
  { "webmail_networks", SATCHEL_CONFIG_STRINGS, NULL,
    "Networks, ADDRESS/BITS, of webmail programs and of proxies that only they use: each login from there, "
    "or whose "
    "address was told from there, counts as web in submission-and-web",
    .flags = RELOAD },
  { "domains", SATCHEL_CONFIG_STRINGS, NULL,
    "Further domains for which mail is accepted, beside those of users and aliases", .flags = RELOAD },
  { "detail_separators", SATCHEL_CONFIG_STRING, "+",
    "Characters that start the detail of an address (user+detail@domain); empty: none", .flags = RELOAD },
  { NULL }
};

const SatchelConfigSchema satchel_core_schemas[] = {
  { "server", server_rows, "Names, directories, accounts and processes of the server" },
  { "log", log_rows, "Where log lines go, and which" },
  { "tls", tls_rows, "Certificates; TLS is needed by everything that takes passwords from other machines" },
  { "listen", listen_rows, "Addresses and ports on which clients connect" },
  { "limits", limits_rows, "Limits on what clients may use" },
  { "helpers", helpers_rows, "Processes of their own for modules that need one" },
  { "filters", filters_rows, "Modules that see mail before it is stored" },
  { "auth", auth_rows, "Logins, and the addresses for which mail is accepted" },
  { "storage", storage_rows, "Where mail is kept" },
  { "janitor", janitor_rows, "Regular upkeep of each user's mail by modules" },
  { "namespace", namespace_rows, "How clients see the names of mailboxes" },
  { "mailboxes", mailboxes_rows, "Mailboxes that every user has, and their special uses (RFC 6154)" },
  { NULL }
};

/* The struct changes at once, since threads may be reading what a reload leaves as it is. */
#define READ(group, rows, Struct)                                                                            \
  void satchel_##group##_settings_read (const SatchelConfig *section, Struct *ret_settings)                  \
  {                                                                                                          \
    Struct settings = { 0 };                                                                                 \
    satchel_config_fill (section, rows, &settings);                                                          \
    *ret_settings = settings;                                                                                \
  }
READ (server, server_rows, SatchelServerSettings)
READ (log, log_rows, SatchelLogSettings)
READ (tls, tls_rows, SatchelTlsSettings)
READ (certificate, certificate_rows, SatchelCertificateSettings)
READ (listener, listener_rows, SatchelListenerSettings)
READ (limit, limits_rows, SatchelLimitSettings)
READ (helper, helpers_rows, SatchelHelperSettings)
READ (program, program_rows, SatchelProgramSettings)
READ (filters, filters_rows, SatchelFilterSettings)
READ (filter_rule, filter_rows, SatchelFilterSettings)
READ (main_password, auth_rows, SatchelMainPasswordSettings)
READ (stack, storage_rows, SatchelStackSettings)
READ (profile, profile_rows, SatchelStackSettings)
READ (placing_rule, rule_rows, SatchelRuleSettings)
READ (janitor, janitor_rows, SatchelJanitorSettings)
READ (namespace, namespace_rows, SatchelNamespaceSettings)
READ (mailboxes, mailboxes_rows, SatchelMailboxesSettings)
