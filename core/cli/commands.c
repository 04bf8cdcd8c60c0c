/* SPDX-License-Identifier: MIT
 * The table of satchel's own commands, which parser, --help, completion and satchel(1) follow.
 */
#include "config.h"

#include "core/cli/cli.h"
#include "core/mail/tree/tree.h"

#define JSON { "--json", NULL, "print one JSON object" }
#define PASSDB { "--passdb", "NAME", "use this password database instead of the first that can do it" }
#define STDIN { "--stdin", NULL, "read the password as one line of standard input" }
#define END { NULL, NULL, NULL }

static const SatchelCliOption json_options[] = { JSON, END };
static const SatchelCliOption status_options[] = { { "--counters", NULL, "show the counters instead" },
                                                   JSON,
                                                   END };
static const SatchelCliOption dump_options[] = { { "--origin", NULL, "show where each value was set" },
                                                 JSON,
                                                 END };
static const SatchelCliOption defaults_options[] = {
  { "--template", NULL, "write @state_dir@ and the like in place of directories" },
  { "--manual", NULL, "write mdoc(7), for satchel.conf(5)" },
  END
};
static const SatchelCliOption add_options[] = {
  STDIN,
  { "--no-password", NULL, "allow no login until `satchel user passwd` sets a password" },
  PASSDB,
  JSON,
  END
};
static const SatchelCliOption password_options[] = {
  STDIN,
  { "--lose-mail", NULL, "set it also if the user's mail is sealed and stays locked then" },
  PASSDB,
  JSON,
  END
};
static const SatchelCliOption user_options[] = { PASSDB, JSON, END };

static const SatchelCliOption completion_options[] = {
  { "--modules", NULL, "print only the commands of enabled modules, for the completion script itself" }, END
};

static const SatchelCliOption place_options[] = {
  { "--slot", "N", "move the user to this mail process permanently" },
  { "--profile", "NAME", "move the user to this stack of storage.profiles" },
  { "--volume", "NAME", "move the user to this volume of the driver" },
  { "--new", NULL, "move the user to where storage.rules send a new user" },
  JSON,
  END
};

static const SatchelCliOption test_options[] = {
  { "--service", "NAME",
    "log in to this service, by the name of its protocol (default: none in particular)" },
  { "--from", "ADDRESS", "log in from this address (default: this machine)" },
  { "--mechanism", "NAME", "log in by this SASL mechanism, with a token in place of the password" },
  STDIN,
  JSON,
  END
};
static const SatchelCliOption throttle_list_options[] = {
  { "--all", NULL, "show all failures of the last hour, not only those that are too many" }, JSON, END
};
static const SatchelCliOption throttle_clear_options[] = {
  { "--all", NULL, "forget all failures" },
  { "--networks", NULL, "forget also the networks that the user logged in from" },
  JSON,
  END
};
static const SatchelCliOption devices_end_options[] = {
  { "--all", NULL, "end every grant, app password and session of the user" }, JSON, END
};

static const SatchelCliOption import_options[] = {
  { "--all", NULL, "take over all users of the password databases" },
  { "--dry-run", NULL, "print what would be taken over or imported, and change nothing" },
  { "--quiet", NULL, "print only what went wrong" },
  { "--into", "MAILBOX", "of PATH: import into this mailbox, or below it" },
  { "--format", "NAME", "of PATH: " SATCHEL_FORMAT_WORD " (default: what it looks like)" },
  { "--mbox-variant", "NAME",
    "of PATH: o, rd, cl or cl2 (default: cl2 where Content-Length is right, else rd)" },
  { "--layout", "NAME", "of PATH: ++ or fs (default: what it looks like)" },
  { "--keep-uids", NULL, "of PATH: keep UIDs and UIDVALIDITY, for mailboxes that are empty" },
  { "--again", NULL, "of PATH: import also what was imported before" },
  { "--throttle", "RATE", "of PATH: import at most so many bytes a second, such as 10M" },
  JSON,
  END
};

static const SatchelCliOption export_options[] = {
  { "--format", "NAME", "what to write: " SATCHEL_FORMAT_WORD " (default: " SATCHEL_FORMAT_OF_TREE ")" },
  { "--since", "DAY", "only messages of this day or later, such as 2026-01-31" },
  { "--throttle", "RATE", "export at most so many bytes a second, such as 10M" },
  { "--dry-run", NULL, "print what would be exported, and write nothing" },
  JSON,
  END
};

static const SatchelCliOption convert_options[] = {
  { "--to", "NAME[:VOLUME]", "the profile or driver, and volume, where the mail is to be" },
  { "--all", NULL, "convert all users of the password databases" },
  { "--verify", NULL, "compare every message with its copy before the switch" },
  { "--dry-run", NULL, "say what would be done, and change nothing" },
  { "--throttle", "RATE", "copy at most so many bytes a second, such as 10M; 0: as fast as possible" },
  { "--keep-old", NULL, "keep the old store" },
  { "--replace", NULL, "remove a store of the user that is at the target already" },
  { "--status", NULL, "show whether a conversion has begun, and what is left of one" },
  { "--abort", NULL, "end a conversion that has begun, and remove the copy" },
  { "--json", NULL, "print JSON, an object a line" },
  END
};

static const SatchelCliOption fsck_options[] = {
  { "--all", NULL, "read the mail of all users of the password databases" },
  { "--save", NULL, "save what can be read of a store that cannot be opened" },
  { "--json", NULL, "print JSON, an object a line" },
  END
};

const SatchelCliOption satchel_cli_globals[] = {
  { "--config-dir", "DIR", "directory of satchel.conf and conf.d (default " SATCHEL_CONF_DIR ")" },
  { "--defaults-dir", "DIR", "directory of the packaged defaults (default " SATCHEL_DEFAULTS_DIR ")" },
  { "--module-dir", "DIR", "directory of modules (default: server.module_dir)" },
  { "--set", "GROUP.SETTING=VALUE", "override one setting; may be given several times" },
  { "--help", NULL, "show this help, or that of a command" },
  { "--version", NULL, "show the version" },
  END
};

const SatchelCliCommand satchel_cli_commands[] = {
  { "config", "check", "", 0, 0, "Check the configuration",
    "The check reads all files, loads every module that they name, looks at certificates, accounts and "
    "ports,\n"
    "and shows every mistake with file and line.\n"
    "Exit status 0: the configuration is good.  78: it has mistakes.\n"
    "With --json: config_dir, valid, and problems, each with severity (error or warning), file, line, "
    "setting\n"
    "(null if there is none) and text.",
    json_options, satchel_cli_config_check },
  { "config", "dump", "[GROUP]", 0, 1, "Show all settings in force",
    "The output can be used as a configuration file.  Secrets that stand in clear text are not shown.",
    dump_options, satchel_cli_config_dump },
  { "config", "defaults", "[GROUP]", 0, 1, "Show all settings with help and defaults", NULL, defaults_options,
    satchel_cli_config_defaults },
  { "module", "list", "", 0, 0, "List installed modules, what they provide and why one cannot be used", NULL,
    json_options, satchel_cli_module_list },
  { "module", "info", "NAME", 1, 1, "Show one module", NULL, json_options, satchel_cli_module_info },
  { "module", "manual", "NAME", 1, 1, "Print the manual page of a module: its commands and settings",
    "The page is mdoc(7): satchel module manual NAME | man -l -", NULL, satchel_cli_module_manual },
  { "user", "add", "USER", 1, 1, "Add a user",
    "USER is LOCAL@DOMAIN; a bare name gets server.default_domain.  What keyrings show of the new user, such "
    "as\n"
    "a recovery key of sealed mail, is shown this once (with --json: more).",
    add_options, satchel_cli_user_add },
  { "user", "passwd", "USER", 1, 1, "Set a user's password",
    "The new password counts at once, also for logins that the server remembers.\n"
    "If a keyring has the key of the user's mail, the present password is asked for as well, with --stdin on "
    "a\n"
    "second line: the new one opens the mail then.  Without it nothing is changed, unless --lose-mail is "
    "given:\n"
    "then the user gets another key for new mail, and the mail so far is locked until something that opened\n"
    "it before is shown to its keyring.",
    password_options, satchel_cli_user_passwd },
  { "user", "del", "USER", 1, 1, "Remove a user; the mail stays", NULL, user_options, satchel_cli_user_del },
  { "user", "list", "", 0, 0, "List users", NULL, user_options, satchel_cli_user_list },
  { "user", "show", "USER", 1, 1, "Show one user", NULL, user_options, satchel_cli_user_show },
  { "user", "lock", "USER", 1, 1, "Refuse a user's logins; mail still arrives", NULL, user_options,
    satchel_cli_user_lock },
  { "user", "unlock", "USER", 1, 1, "Allow a locked user's logins again", NULL, user_options,
    satchel_cli_user_unlock },
  { "user", "place", "USER", 1, 1, "Show where a user's mail is, or move the user",
    "The command asks the running server.  With an option it ends the user's sessions; the next ones begin "
    "at the\n"
    "new place.  Mail that comes in meanwhile is deferred: its sender tries again.\n"
    "A user who has mail can move to another mail process at any time, but to another profile or volume only "
    "if the\n"
    "mail need not be copied.  Otherwise nothing changes (exit status 1), and the answer says what is in the "
    "way.\n"
    "With --json: user, profile, driver, volume, node, slot, pinned (by --slot or `satchel adopt`), epoch, "
    "state,\n"
    "and recorded (false: the place follows from the rules, and is not recorded).",
    place_options, satchel_cli_user_place },
  { "auth", "test", "USER", 1, 1, "Show how a login would end, and why",
    "The command asks for the password, or for what else the client would send, such as password and code.  "
    "The running\n"
    "server then takes each step of a login: password databases, limits, second factors, keys of the mail.  "
    "The test counts as\n"
    "no attempt, uses up no code and opens no session.\n"
    "Exit status 0: the login would succeed.  77: it would be refused.  75: it cannot be checked now.\n"
    "With --json: user, service, from, succeeds, reason (as in the log), credential, and steps, each with "
    "step, source (the\n"
    "module that was asked) and found.",
    test_options, satchel_cli_auth_test },
  { "auth throttle", "list", "[USER]", 0, 1, "Show failed logins of the last hour that are too many",
    "A user's list has all failures of the last hour, and the networks that the user logged in from, which "
    "keep a share\n"
    "of the attempts.\n"
    "With --json: entries, each with kind (account, pair, address, network, wide-network, known), user, "
    "network, failures,\n"
    "limit, refused, and forgotten_in_s (seconds until it is forgotten).",
    throttle_list_options, satchel_cli_auth_throttle },
  { "auth throttle", "clear", "[NAME]", 0, 1, "Forget failed logins of a user or an address",
    "Logins that were refused because of too many failures are possible again at once.\n"
    "With --json: failures and networks, how many of them were forgotten.",
    throttle_clear_options, satchel_cli_auth_throttle },
  { NULL, "import", "[USER...] [PATH]", 0, 10000,
    "Import mail from files, or take over what another server left",
    "With PATH, a word that has a '/': the running server imports the mail of an mbox file, of a directory "
    "of\n"
    "mbox files, or of a tree of Maildirs, while the user works.  PATH \"-\" is an mbox file on standard "
    "input, which\n"
    "goes to INBOX or where --into says.  `satchel` opens the files, so the one who "
    "runs it\n"
    "must be able to read them; they are not changed.  Mailboxes are made as needed.  What an earlier import "
    "of\n"
    "the user brought is left out: a run that was interrupted, however it was, goes on when it is repeated.\n"
    "With --json: progress, problems (problem, file, offset), for each mailbox: mailbox, from, messages, "
    "done,\n"
    "known, failed; at the end: user, state, mailboxes, messages, done, known, failed, bytes, problems, "
    "seconds.\n"
    "\n"
    "Without PATH: mail is taken over where the storage driver finds it.  For each user the command prints\n"
    "what was found and kept: UIDs, keywords, subscriptions, unique ids of messages; and what could not be "
    "kept,\n"
    "with what to do about it.  Opening a mailbox takes it over as well; this command does it for whole "
    "users,\n"
    "before they log in.  It may be run again.\n"
    "If the server runs, it releases each user for the time of the work, and adopts the user afterwards.  "
    "Otherwise\n"
    "the command holds the lock of the mail root.\n"
    "Exit status 0: all went well.  1: something is left to do.",
    import_options, satchel_cli_import },
  { NULL, "export", "USER PATH [NAME...]", 2, 1000, "Export a user's mail to files",
    "The running server writes the mailboxes, or those that are named, below the directory PATH: a tree of "
    "Maildirs\n"
    "with lists of UIDs, keywords and subscriptions as other servers have them, or a file for each mailbox "
    "(mboxrd).\n"
    "`satchel` makes the files, readable for the one who runs it alone.  PATH must be new, empty, or an "
    "earlier run of the\n"
    "same export, which then goes on; nothing else is overwritten.  With PATH \"-\" the one mailbox NAME is "
    "written to\n"
    "standard output as an mbox file, and everything else that is said to standard error.\n"
    "With --json: progress, problems (problem, file), for each mailbox: mailbox, messages, done, known, "
    "failed; at the\n"
    "end: user, state, mailboxes, messages, done, known, failed, bytes, problems, seconds.",
    export_options, satchel_cli_export },
  { NULL, "convert", "[USER...]", 0, 10000, "Convert users' mail to another store while they work",
    "The running server copies the mail with everything that a client could notice, follows what changes\n"
    "meanwhile, and then switches: for at most a moment nothing can be changed, sessions end, and the next "
    "ones\n"
    "find everything as it was.  Then the old store is removed.\n"
    "A conversion that was interrupted, however it was, goes on with the same command; --abort takes it "
    "back.\n"
    "What is left of the old store if the removal is interrupted is removed by the next command for the\n"
    "user, or by the upkeep (janitor.interval) where modules have some.\n"
    "With --json: progress, and for each user: user, state, from, to, messages, bytes, verified, held_ms,\n"
    "seconds; with --status: user, at, state (none, copying, not cleaned up, left, being taken back), "
    "other,\n"
    "began, keeps_old, at_work.\n"
    "Exit status 0: done.  75: a conversion of the user is at work.  130: interrupted.  Of several users "
    "the\n"
    "worst status counts.",
    convert_options, satchel_cli_convert },
  { NULL, "fsck", "[USER...]", 0, 10000, "Read users' mail, and say what is damaged",
    "The running server reads every message from its beginning to its end, and names those that cannot be "
    "read.\n"
    "Nothing is changed, and users go on working.\n"
    "If the mail cannot be opened at all, --save has the storage driver save what it can read into a new "
    "place,\n"
    "and says how that is used.  It concerns all users of the damaged volume.\n"
    "With --json: progress, for each damaged message: damaged (its mailbox), uid, problem; for each "
    "mailbox:\n"
    "mailbox, messages, damaged; at the end: user, messages, damaged, locked (by encryption: not read).\n"
    "Exit status 0: everything can be read.  1: something is damaged.",
    fsck_options, satchel_cli_fsck },
  { NULL, "status", "", 0, 0, "Show the running server's processes",
    "With --json: lines (about the server, its processes, and what is wrong), released (users), and "
    "counters,\n"
    "each with name, kind (counter, gauge or histogram), labels, and value; a histogram has count, sum and\n"
    "cumulative buckets instead.\n"
    "A counter goes on when a single process starts again, and begins at 0 when the server starts.",
    status_options, satchel_cli_server },
  { NULL, "who", "", 0, 0, "List sessions", NULL, json_options, satchel_cli_server },
  { NULL, "kick", "USER [CREDENTIAL]", 1, 2, "End the sessions of a user",
    "With a credential the command ends only the sessions that it opened: \"password\", or the id of an app\n"
    "password, which `satchel who --json` shows.",
    json_options, satchel_cli_server },
  { "devices", "end", "USER [ID]", 1, 2, "End one of a user's devices, or all",
    "The id is one that `satchel devices` shows.  A grant or app password is revoked, and its sessions end; "
    "of\n"
    "the password (\"password\") only the sessions end; a session ends alone.",
    devices_end_options, satchel_cli_server },
  { NULL, "devices", "USER", 1, 1, "Show what a user's devices log in with, and their sessions",
    "With --json: lines, each a credential (id, label, network, client, service, address) or a session, "
    "with\n"
    "seconds since it was made (since_s), since its last use (used_s) and until it ends (expires_s).",
    json_options, satchel_cli_server },
  { NULL, "reload", "", 0, 0, "Apply changed configuration and certificates",
    "If the configuration has a mistake, nothing is applied, and the mistake is shown with file and line.",
    NULL, satchel_cli_server },
  { NULL, "log-reopen", "", 0, 0, "Open the log file again after it was rotated", NULL, NULL,
    satchel_cli_server },
  { NULL, "release", "USER", 1, 1,
    "End a user's sessions and hold deliveries, so that the files can be worked on", NULL, NULL,
    satchel_cli_server },
  { NULL, "adopt", "USER [SLOT]", 1, 2, "Give a released user back to a mail process", NULL, NULL,
    satchel_cli_server },
  { NULL, "stop", "", 0, 0, "Stop the server", NULL, NULL, satchel_cli_server },
  { NULL, "completion", "SHELL", 1, 1, "Print completion for a shell: bash",
    "The script asks satchel for the commands of modules when it first needs them.", completion_options,
    satchel_cli_completion },
  { NULL, NULL }
};
