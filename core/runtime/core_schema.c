/* SPDX-License-Identifier: MIT
 * The core's own groups of settings.  One row is the only source of parser, default file and manual.
 */
#include "config.h"

#include <satchel/protocol.h>

#include "core/runtime/config_image.h"

#define RELOAD SATCHEL_CONFIG_RELOADABLE

static const SatchelConfigRow server_rows[] = {
  { "hostname", SATCHEL_CONFIG_STRING, NULL, "Name in greetings and Received lines; unset: the machine's",
    .flags = RELOAD },
  { "default_domain", SATCHEL_CONFIG_STRING, "localhost", "Domain of a user who logs in with a bare name" },
  { "lower_case_users", SATCHEL_CONFIG_BOOL, "true", "User names and addresses are compared in lower case" },
  { "mail_root", SATCHEL_CONFIG_PATH, SATCHEL_STATE_DIR "/mail",
    "Directory of all mail: DOMAIN/LOCAL below it" },
  { "state_dir", SATCHEL_CONFIG_PATH, SATCHEL_STATE_DIR, "Directory of the server's own state" },
  { "run_dir", SATCHEL_CONFIG_PATH, SATCHEL_RUN_DIR, "Directory of sockets" },
  { "module_dir", SATCHEL_CONFIG_PATH, SATCHEL_MODULE_DIR, "Directory of modules" },
  { "gate_user", SATCHEL_CONFIG_STRING, "satchel-gate",
    "Account, or number, that gate processes run as when started as root" },
  { "auth_user", SATCHEL_CONFIG_STRING, "satchel-auth", "Account, or number, of the auth process" },
  { "mail_user", SATCHEL_CONFIG_STRING, "satchel-mail", "Account, or number, that owns all mail" },
  { "helper_user", SATCHEL_CONFIG_STRING, "satchel-helper",
    "Account, or number, of the helper processes of modules" },
  { "config_user", SATCHEL_CONFIG_STRING, "satchel", "Account, or number, that reads configuration" },
  { "admin_group", SATCHEL_CONFIG_STRING, "satchel-admin",
    "Group that may use the control socket; a number, or empty for none" },
  { "gate_processes", SATCHEL_CONFIG_INT, "0", "Gate processes; 0: one a core", .min = 0, .max = 64 },
  { "mail_processes", SATCHEL_CONFIG_INT, "0", "Mail processes; 0: one a core", .min = 0, .max = 64 },
  { "sandbox", SATCHEL_CONFIG_ENUM, "best-effort",
    "required: refuse to start where the kernel lacks Landlock or seccomp", "required|best-effort|off" },
  { "hang_time", SATCHEL_CONFIG_DURATION, "20s",
    "A process that answers nothing for this long is told of and started again; a job that gets nowhere for "
    "this long is told of",
    .min = 200, .max = SATCHEL_HOURS (1), .flags = RELOAD },
  { "stuck_time", SATCHEL_CONFIG_DURATION, "5m",
    "A job that gets nowhere for this long ends its process, after a goodbye to its sessions", .min = 200,
    .max = SATCHEL_DAYS (1), .flags = RELOAD },
  { "admin_time", SATCHEL_CONFIG_DURATION, "1h",
    "An admin command of a module that takes longer is cancelled", .min = 100, .max = SATCHEL_DAYS (7),
    .flags = RELOAD },
  { "stop_grace", SATCHEL_CONFIG_DURATION, "10s", "Time for sessions to end at a stop", .min = 0,
    .max = SATCHEL_MINUTES (10), .flags = RELOAD },
  { NULL }
};

static const SatchelConfigRow log_rows[] = {
  { "file", SATCHEL_CONFIG_PATH, NULL,
    "Log file; unset: the journal where there is one, else standard error" },
  { "level", SATCHEL_CONFIG_ENUM, "info", "Least important lines that are written",
    "error|warning|info|debug", .flags = RELOAD },
  { NULL }
};

static const SatchelConfigRow certificate_rows[] = {
  { "name", SATCHEL_CONFIG_STRING, NULL, "Name of this entry", .flags = SATCHEL_CONFIG_REQUIRED },
  { "cert", SATCHEL_CONFIG_PATH, NULL, "Certificate chain, PEM, leaf first",
    .flags = SATCHEL_CONFIG_REQUIRED },
  { "key", SATCHEL_CONFIG_PATH, NULL, "Private key, PEM", .flags = SATCHEL_CONFIG_REQUIRED },
  { NULL }
};
static const SatchelConfigRow tls_rows[] = {
  { "cert", SATCHEL_CONFIG_PATH, NULL,
    "Certificate chain, PEM, leaf first; used when no other matches the name asked for", .flags = RELOAD },
  { "key", SATCHEL_CONFIG_PATH, NULL, "Its private key, PEM", .flags = RELOAD },
  { "certificates", SATCHEL_CONFIG_GROUPS, NULL, "Further certificates, chosen by server name (SNI)",
    .group = certificate_rows, .flags = RELOAD },
  { "priority", SATCHEL_CONFIG_STRING, NULL, "GnuTLS priority string; unset: TLS 1.2 and 1.3 with AEAD only",
    .flags = RELOAD },
  { NULL }
};

static const SatchelConfigRow listener_rows[] = {
  { "name", SATCHEL_CONFIG_STRING, NULL, "Name of this listener", .flags = SATCHEL_CONFIG_REQUIRED },
  { "protocol", SATCHEL_CONFIG_STRING, NULL, "Protocol or service, by the name of its module",
    .flags = SATCHEL_CONFIG_REQUIRED },
  { "address", SATCHEL_CONFIG_STRING, NULL, "IP address; \"*\": all of IPv4 and IPv6; unset with path" },
  { "port", SATCHEL_CONFIG_INT, "0", "TCP port; 0: the protocol's own", .min = 0, .max = 65535 },
  { "path", SATCHEL_CONFIG_PATH, NULL, "Unix socket instead of address and port" },
  { "mode", SATCHEL_CONFIG_MODE, "0666", "Rights of the unix socket" },
  { "tls", SATCHEL_CONFIG_BOOL, "false", "TLS from the first byte (993, 995)" },
  { "allow_cleartext", SATCHEL_CONFIG_BOOL, "false", "Passwords without TLS from other than loopback" },
  { "networks", SATCHEL_CONFIG_STRINGS, NULL,
    "Peers that may connect, as ADDRESS/BITS; unset: all, but only loopback for a protocol without login" },
  { "trusted_proxies", SATCHEL_CONFIG_STRINGS, NULL, "Peers that send a PROXY protocol v2 header" },
  { NULL }
};
static const SatchelConfigRow listen_rows[] = {
  { "listeners", SATCHEL_CONFIG_GROUPS, NULL,
    "Addresses to listen on; a protocol that is named here listens at these only", .group = listener_rows },
  { "defaults", SATCHEL_CONFIG_BOOL, "true",
    "An enabled protocol without an entry in listeners has its TLS port everywhere and its clear port on "
    "loopback, or RUN_DIR/NAME if it has no login" },
  { NULL }
};

const SatchelConfigRow satchel_limits_rows[] = {
  { "connections", SATCHEL_CONFIG_INT, "10000", "Connections a gate process", .min = 1, .max = 1000000,
    .flags = RELOAD },
  { "connections_per_address", SATCHEL_CONFIG_INT, "1000", "Connections of one address (IPv6: a /64)",
    .min = 1, .max = 1000000, .flags = RELOAD },
  { "connections_per_user", SATCHEL_CONFIG_INT, "200", "Logged-in connections of one user", .min = 1,
    .max = 1000000, .flags = RELOAD },
  { "handshake_timeout", SATCHEL_CONFIG_DURATION, "10s", "Time for a TLS handshake",
    .min = SATCHEL_SECONDS (1), .max = SATCHEL_MINUTES (10), .flags = RELOAD },
  { "login_timeout", SATCHEL_CONFIG_DURATION, "3m", "Time from connecting to being logged in",
    .min = SATCHEL_SECONDS (1), .max = SATCHEL_MINUTES (10), .flags = RELOAD },
  { "write_timeout", SATCHEL_CONFIG_DURATION, "5m", "A client that reads nothing for this long is dropped",
    .min = SATCHEL_SECONDS (1), .max = SATCHEL_HOURS (1), .flags = RELOAD },
  { "bad_commands", SATCHEL_CONFIG_INT, "3", "Bad commands before login; the last one closes", .min = 1,
    .max = 100, .flags = RELOAD },
  { "prelogin_line", SATCHEL_CONFIG_INTO (SIZE, SatchelLimits, prelogin_line), "8K",
    "Longest line or literal before login", .min = 512, .max = SATCHEL_KIB (64) },
  { "output_buffer", SATCHEL_CONFIG_SIZE, "256K", "High-water mark of a connection's output", .min = 1,
    .max = SATCHEL_MIB (16) },
  { "threads", SATCHEL_CONFIG_INT, "32", "Threads for blocking work, each mail process", .min = 1,
    .max = 256 },
  { "threads_per_user", SATCHEL_CONFIG_INT, "8", "Of these, at most for one user", .min = 1, .max = 256 },
  { "message_size", SATCHEL_CONFIG_INTO (SIZE, SatchelLimits, message_size), "50M",
    "Largest message taken in", .min = SATCHEL_KIB (1), .max = SATCHEL_GIB (4) - 1, .flags = RELOAD },
  { "hash_memory", SATCHEL_CONFIG_SIZE, "160M", "Memory of password hashes running at a time",
    .min = SATCHEL_MIB (1), .max = SATCHEL_GIB (64) },
  { "login_failures", SATCHEL_CONFIG_INT, "100",
    "Failed logins of one account an hour, from places that never logged in", .min = 1, .max = 100000,
    .flags = RELOAD },
  { "keywords", SATCHEL_CONFIG_INT, "1000",
    "Keywords (tags) that the messages of a mailbox have between them; what no message has makes room.  Mail "
    "is never refused for more: it comes in without them",
    .min = 26, .max = 1024, .flags = RELOAD },
  { "mailboxes", SATCHEL_CONFIG_INT, "10000", "Mailboxes of one user", .min = 10, .max = 1000000,
    .flags = RELOAD },
  { "change_log", SATCHEL_CONFIG_SIZE, "8M",
    "Size of a user's log of changes, which is kept for listeners that ask for it; one that is further "
    "behind is told to look at everything",
    .min = SATCHEL_KIB (64), .max = SATCHEL_GIB (1), .flags = RELOAD },
  { "change_log_age", SATCHEL_CONFIG_DURATION, "7d", "How far back that log goes", .min = SATCHEL_MINUTES (1),
    .max = SATCHEL_DAYS (365), .flags = RELOAD },
  { "store_idle", SATCHEL_CONFIG_DURATION, "60s", "How long an unused user's store stays in memory", .min = 0,
    .max = SATCHEL_DAYS (1), .flags = RELOAD },
  { NULL }
};

static const SatchelConfigRow helpers_rows[] = {
  { "queue", SATCHEL_CONFIG_INT, "64",
    "Calls of one process that one helper has not answered; further ones fail at once", .min = 1,
    .max = 1024 },
  { "content", SATCHEL_CONFIG_SIZE, "256M", "Memory of the mail in these calls, each process and helper",
    .min = SATCHEL_MIB (1), .max = SATCHEL_GIB (64) },
  { "overdue", SATCHEL_CONFIG_DURATION, "10s",
    "A helper that has not answered a call this long after its caller gave up is started again", .min = 200,
    .max = SATCHEL_HOURS (1) },
  { "memory", SATCHEL_CONFIG_SIZE, "1G", "Memory of a helper, stacks of its threads included",
    .min = SATCHEL_MIB (64), .max = SATCHEL_TIB (1) },
  { "files", SATCHEL_CONFIG_INT, "256",
    "Files and connections that a helper may have open, beside what its calls bring", .min = 32,
    .max = 65536 },
  { NULL }
};

static const SatchelConfigRow janitor_rows[] = {
  { "interval", SATCHEL_CONFIG_DURATION, "1d",
    "Each user's mail is looked after once in this time, spread over it; 0: never", .min = 0,
    .max = SATCHEL_DAYS (365), .flags = RELOAD },
  { "slice", SATCHEL_CONFIG_DURATION, "200ms", "It works for this long at a stretch, and then rests",
    .min = 1, .max = SATCHEL_MINUTES (1), .flags = RELOAD },
  { "clock_bound", SATCHEL_CONFIG_DURATION, "1d",
    "A clock that goes forward by more than this beside the time that passes is not believed",
    .min = SATCHEL_SECONDS (1), .max = SATCHEL_DAYS (365), .flags = RELOAD },
  { "clock_settle", SATCHEL_CONFIG_DURATION, "7d", "Until it has stood so for this long",
    .min = SATCHEL_SECONDS (1), .max = SATCHEL_DAYS (365), .flags = RELOAD },
  { NULL }
};

static const SatchelConfigRow filter_rows[] = {
  { "filter", SATCHEL_CONFIG_STRING, NULL, "Module of the filter", .flags = SATCHEL_CONFIG_REQUIRED },
  { "deadline", SATCHEL_CONFIG_DURATION, "30s", "As filters.deadline", .min = 100,
    .max = SATCHEL_MINUTES (5) },
  { "concurrent", SATCHEL_CONFIG_INT, "8", "As filters.concurrent", .min = 1, .max = 64 },
  { "failure", SATCHEL_CONFIG_ENUM, "module",
    "When it fails or is late: pass it by, defer the mail, or what the module says", "module|pass|defer" },
  { NULL }
};
static const SatchelConfigRow filters_rows[] = {
  { "deadline", SATCHEL_CONFIG_DURATION, "30s",
    "How long a delivery filter has for one message or recipient, waiting for its turn included", .min = 100,
    .max = SATCHEL_MINUTES (5), .flags = RELOAD },
  { "concurrent", SATCHEL_CONFIG_INT, "8",
    "Messages and recipients that one filter has at a time, each mail process", .min = 1, .max = 64,
    .flags = RELOAD },
  { "rules", SATCHEL_CONFIG_GROUPS, NULL, "Filters with settings of their own", .group = filter_rows,
    .flags = RELOAD },
  { NULL }
};

static const SatchelConfigRow profile_rows[] = {
  { "name", SATCHEL_CONFIG_STRING, NULL,
    "Name of this stack: letters, digits, - and _; \"default\" is that of storage.driver",
    .flags = SATCHEL_CONFIG_REQUIRED },
  { "driver", SATCHEL_CONFIG_STRING, NULL, "Storage driver", .flags = SATCHEL_CONFIG_REQUIRED },
  { "layers", SATCHEL_CONFIG_STRINGS, NULL, "Layers over it, nearest to the client first; unset: none" },
  { "slot_by", SATCHEL_CONFIG_ENUM, NULL, "How its users go to mail processes; unset: storage.slot_by",
    "user|domain|volume" },
  { NULL }
};
static const SatchelConfigRow rule_rows[] = {
  { "name", SATCHEL_CONFIG_STRING, NULL, "Name of this rule", .flags = SATCHEL_CONFIG_REQUIRED },
  { "users", SATCHEL_CONFIG_STRINGS, NULL, "New users whom it fits, as LOCAL@DOMAIN with * and ?" },
  { "domains", SATCHEL_CONFIG_STRINGS, NULL,
    "Domains whose new users it fits, with * and ?; neither users nor domains: all" },
  { "profile", SATCHEL_CONFIG_STRING, "default", "Their stack, of storage.profiles" },
  { "volume", SATCHEL_CONFIG_STRING, NULL, "Their volume, where the driver has several" },
  { NULL }
};
static const SatchelConfigRow storage_rows[] = {
  { "driver", SATCHEL_CONFIG_STRING, NULL,
    "Storage driver of all users that no rule sends elsewhere; unset: the one whose module is enabled" },
  { "layers", SATCHEL_CONFIG_STRINGS, NULL,
    "Layers over it, nearest to the client first: all that are enabled and in no profile; unset: all that "
    "are enabled, by band" },
  { "profiles", SATCHEL_CONFIG_GROUPS, NULL, "Further stacks of a driver and layers; each user has one",
    .group = profile_rows },
  { "rules", SATCHEL_CONFIG_GROUPS, NULL,
    "Where new users go: the first that fits counts, and is written down", .group = rule_rows },
  { "slot_by", SATCHEL_CONFIG_ENUM, "user",
    "How users go to mail processes: by name, all of a domain to one, or all of a volume to one",
    "user|domain|volume" },
  { NULL }
};

static const SatchelConfigRow namespace_rows[] = {
  { "prefix", SATCHEL_CONFIG_STRING, "", "Before every mailbox name but INBOX, e.g. \"INBOX.\"" },
  { "separator", SATCHEL_CONFIG_ENUM, "/", "Between levels of a mailbox name, as clients see it", "/|." },
  { NULL }
};

static const SatchelConfigRow mailboxes_rows[] = {
  { "drafts", SATCHEL_CONFIG_STRING, "Drafts", "Made at first login and marked \\Drafts; empty: none" },
  { "sent", SATCHEL_CONFIG_STRING, "Sent", "The same for \\Sent" },
  { "junk", SATCHEL_CONFIG_STRING, "Junk", "The same for \\Junk" },
  { "trash", SATCHEL_CONFIG_STRING, "Trash", "The same for \\Trash" },
  { "archive", SATCHEL_CONFIG_STRING, "Archive", "The same for \\Archive" },
  { "drafts_names", SATCHEL_CONFIG_STRINGS, "( \"Drafts\", \"Draft\", \"INBOX/Drafts\", \"INBOX/Draft\" )",
    "Existing names adopted as \\Drafts" },
  { "sent_names", SATCHEL_CONFIG_STRINGS,
    "( \"Sent\", \"Sent Items\", \"Sent Messages\", \"Sent Mail\", \"INBOX/Sent\", \"INBOX/Sent Items\", "
    "\"INBOX/Sent Messages\" )",
    "Existing names adopted as \\Sent" },
  { "junk_names", SATCHEL_CONFIG_STRINGS,
    "( \"Junk\", \"Spam\", \"Junk E-mail\", \"Junk Email\", \"Bulk Mail\", \"INBOX/Junk\", \"INBOX/Spam\" )",
    "Existing names adopted as \\Junk" },
  { "trash_names", SATCHEL_CONFIG_STRINGS,
    "( \"Trash\", \"Deleted Items\", \"Deleted Messages\", \"Bin\", \"INBOX/Trash\", \"INBOX/Deleted Items\" "
    ")",
    "Existing names adopted as \\Trash" },
  { "archive_names", SATCHEL_CONFIG_STRINGS,
    "( \"Archive\", \"Archives\", \"All Mail\", \"INBOX/Archive\", \"INBOX/Archives\" )",
    "Existing names adopted as \\Archive" },
  { NULL }
};

static const SatchelConfigRow auth_rows[] = {
  { "mechanisms", SATCHEL_CONFIG_STRINGS, "( \"PLAIN\", \"LOGIN\" )", "SASL mechanisms offered" },
  { "cache_time", SATCHEL_CONFIG_DURATION, "1h",
    "How long a verified login is remembered (a change of password counts at once); 0: never", .min = 0,
    .max = SATCHEL_DAYS (1), .flags = RELOAD },
  { "failure_delay", SATCHEL_CONFIG_DURATION, "2s", "Delay before a failed login is answered", .min = 0,
    .max = SATCHEL_MINUTES (1), .flags = RELOAD },
  { "explain", SATCHEL_CONFIG_ENUM, "always",
    "Whether a client with the right password is told that a code is missing", "always|known-networks|never",
    .flags = RELOAD },
  { "domains", SATCHEL_CONFIG_STRINGS, NULL,
    "Further domains that mail is taken for, beside those of users and aliases", .flags = RELOAD },
  { "detail_separators", SATCHEL_CONFIG_STRING, "+",
    "Characters that start the detail of an address (user+detail@domain); empty: none", .flags = RELOAD },
  { NULL }
};

const SatchelConfigSchema satchel_core_schemas[] = {
  { "server", server_rows, "Names, directories, accounts and processes of the server" },
  { "log", log_rows, "Where log lines go, and which" },
  { "tls", tls_rows, "Certificates; TLS is needed by everything that takes passwords from other machines" },
  { "listen", listen_rows, "Addresses and ports" },
  { "limits", satchel_limits_rows, "Bounds on what clients may use" },
  { "helpers", helpers_rows, "Processes of their own for modules that ask for one" },
  { "filters", filters_rows, "Modules that see mail before it is stored" },
  { "auth", auth_rows, "Logins and whose mail is taken" },
  { "storage", storage_rows, "Where mail is kept" },
  { "janitor", janitor_rows, "What modules do for each user now and then, whether the user comes or not" },
  { "namespace", namespace_rows, "How clients see the names of mailboxes" },
  { "mailboxes", mailboxes_rows, "Mailboxes that every user has, and their special uses (RFC 6154)" },
  { NULL }
};
