/* SPDX-License-Identifier: MIT
 * A durable listener for tests: writes what it hears to a file, a line of JSON a change.  Beside the file,
 * `fail` makes its calls fail and `hang` holds them up while they are there; `crash-USER` ends the process
 * when it works for that user.
 */
#include <fcntl.h>
#include <satchel/listener.h>
#include <satchel/module.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *path;

static const SatchelConfigRow schema[] = {
  { "path", SATCHEL_CONFIG_PATH, "/nowhere/heard", "Where to write" }, { NULL }
};

static gboolean
is_told (const char *what)
{
  g_autofree char *dir = g_path_get_dirname (path);
  g_autofree char *file = g_build_filename (dir, what, NULL);
  return access (file, F_OK) == 0;
}

static void
add_set (GString *line, guint32 flags, const char *const *keywords)
{
  static const char letters[] = "SAFTD";
  g_string_append_c (line, '"');
  for (guint i = 0; i < 5; i++)
    if ((flags >> i & 1) != 0)
      g_string_append_c (line, letters[i]);
  for (; *keywords != NULL; keywords++)
    g_string_append_printf (line, " %s", *keywords);
  g_string_append_c (line, '"');
}

static void
add_messages (GString *line, const SatchelChange *change)
{
  g_string_append (line, ", \"messages\": [");
  for (guint i = 0; i < change->n_messages; i++)
    {
      const SatchelChangedMessage *message = &change->messages[i];
      g_string_append_printf (line, "%s[%u, %u, ", i > 0 ? ", " : "", message->uid, message->new_uid);
      if (message->has_before)
        add_set (line, message->flags_before, message->keywords_before);
      else
        g_string_append (line, "null");
      g_string_append (line, ", ");
      add_set (line, message->flags, message->keywords);
      g_string_append_c (line, ']');
    }
  g_string_append_c (line, ']');
}

static gboolean
heard (SatchelStore *store, const SatchelChange *change, GError **error)
{
  while (is_told ("hang"))
    g_usleep (10000);
  if (is_told ("fail"))
    return satchel_error_set (error, SATCHEL_ERROR_FAILED, "told to \"fail\"");
  const SatchelAccess *who = change->access;
  g_autoptr (GString) line = g_string_new (NULL);
  /* A line that a kill cut off ends here. */
  g_string_append_printf (line,
                          "\n{\"user\": \"%s\", \"seq\": %" G_GUINT64_FORMAT
                          ", \"kind\": \"%s\", \"mailbox\": \"%s\", \"destination\": \"%s\"",
                          who->owner, change->sequence, satchel_change_kind_name (change->kind),
                          change->mailbox.name, change->destination.name);
  g_string_append_printf (line,
                          ", \"use\": %u, \"uidvalidity\": %u, \"cause\": \"%s\", \"by\": \"%s\", "
                          "\"service\": \"%s\", \"session\": \"%s\"",
                          change->mailbox.special_use, change->mailbox.uidvalidity,
                          satchel_cause_name (who->cause), who->user, who->service, who->session_id);
  add_messages (line, change);
  g_string_append (line, "}\n");
  int fd = open (path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  gboolean ok = fd >= 0 && write (fd, line->str, line->len) == (ssize_t) line->len;
  if (fd >= 0)
    close (fd);
  return ok || satchel_error_set (error, SATCHEL_ERROR_IO, "%s cannot be written", path);
}

static SatchelMaintained
work (SatchelStore *store, GError **error)
{
  g_autofree char *crash = g_strconcat ("crash-", satchel_store_user (store), NULL);
  if (is_told (crash))
    abort ();
  return SATCHEL_MAINTAIN_DONE;
}

static gboolean
configure (const SatchelConfig *section, GError **error)
{
  g_free (path);
  path = g_strdup (satchel_config_path (section, "path"));
  return TRUE;
}

static const SatchelMailboxListenerOps ops = { .size = sizeof (SatchelMailboxListenerOps),
                                               .heard = heard,
                                               .work = work };

const SatchelModule *
satchel_module (void)
{
  static const SatchelProvides provides[] = { { SATCHEL_KIND_MAILBOX_LISTENER, NULL, &ops }, { 0 } };
  static const SatchelModule module = {
    SATCHEL_MODULE_FACTS, /* ABI, pointer size and GLib of this build */
    .name = "hears",
    .version = "0.1",
    .description = "A listener that writes down what it hears, for tests",
    .licence = "MIT",
    .roles = SATCHEL_ROLE_MAIL,
    .schema = schema,
    .configure = configure,
    .provides = provides,
  };
  return &module;
}
