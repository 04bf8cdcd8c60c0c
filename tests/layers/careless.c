/* SPDX-License-Identifier: MIT
 * Storage layer `careless`, for tests of the conformance suite: it does one thing that shows only when a
 * system call fails, a process is killed or a file is damaged.  The setting `fault` chooses which.
 */
#include <fcntl.h>
#include <satchel/module.h>
#include <satchel/storage.h>
#include <string.h>
#include <unistd.h>

#define KEY_FILE "careless-key"
#define KEY 0x4b

/* In the order of the setting's choices. */
typedef enum
{
  FAULT_NONE,
  FAULT_SWALLOWS_ERRORS,
  FAULT_TWO_STEPS,
  FAULT_UNCHECKED_FILE
} Fault;

typedef struct Settings
{
  guint fault;
} Settings;
static Settings settings;

/* A file without a checksum says how content is to be read. */
static gboolean
careless_open (SatchelStorage *storage, const SatchelConfig *section, GError **error)
{
  guint8 key = KEY;
  int fd = openat (storage->identity->root_fd, KEY_FILE, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (settings.fault == FAULT_UNCHECKED_FILE && read (fd, &key, 1) != 1)
    (void) !write (fd, &key, 1);
  close (fd);
  storage->self = GUINT_TO_POINTER (key);
  return TRUE;
}

static SatchelStream *
careless_open_message (SatchelStorage *storage, const SatchelAccess *access, SatchelStorageMailbox *mailbox,
                       guint32 uid, GError **error)
{
  const guint8 turned = (guint8) (GPOINTER_TO_UINT (storage->self) ^ KEY);
  g_autoptr (SatchelStream) stream = satchel_storage_open_message (storage, access, mailbox, uid, error);
  gint64 length = stream != NULL && turned != 0 ? satchel_stream_length (stream, NULL) : -1;
  if (length < 0)
    return g_steal_pointer (&stream);
  guint8 *bytes = g_malloc0 ((gsize) length + 1);
  (void) satchel_stream_read_at (stream, 0, bytes, (gsize) length, NULL);
  for (gint64 i = 0; i < length; i++)
    bytes[i] ^= turned;
  g_autoptr (GBytes) content = g_bytes_new_take (bytes, (gsize) length);
  return satchel_stream_new_bytes (content);
}

static gboolean
careless_subscribe (SatchelStorage *storage, const SatchelAccess *access, const char *name,
                    gboolean subscribe, GError **error)
{
  g_autoptr (GError) below = NULL;
  if (satchel_storage_subscribe (storage, access, name, subscribe, &below)
      || settings.fault == FAULT_SWALLOWS_ERRORS)
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&below));
  return FALSE;
}

static gboolean
careless_set_special_use (SatchelStorage *storage, const SatchelAccess *access, const char *name,
                          guint special_use, GError **error)
{
  if (settings.fault == FAULT_TWO_STEPS
      && !satchel_storage_set_special_use (storage, access, name, SATCHEL_USE_TRASH, error))
    return FALSE;
  return satchel_storage_set_special_use (storage, access, name, special_use, error);
}

static const SatchelStorageOps careless_ops = {
  .size = sizeof (SatchelStorageOps),
  .band = 300,
  .classes = SATCHEL_CLASS_CONTENT_OUT | SATCHEL_CLASS_LIST,
  .newest_operation = SATCHEL_OPERATION_MOVE,
  .open = careless_open,
  .subscribe = careless_subscribe,
  .set_special_use = careless_set_special_use,
  .open_message = careless_open_message,
};

static const SatchelConfigRow rows[] = { { "fault", SATCHEL_CONFIG_INTO (ENUM, Settings, fault), "none",
                                           "What the layer does wrong",
                                           .choices = "none|swallows-errors|two-steps|unchecked-file" },
                                         { NULL } };

static gboolean
configure (const SatchelConfig *section, GError **error)
{
  satchel_config_fill (section, rows, &settings);
  return TRUE;
}

const SatchelModule *
satchel_module (void)
{
  static const SatchelProvides provides[] = { { SATCHEL_KIND_STORAGE_LAYER, NULL, &careless_ops }, { 0 } };
  static const SatchelModule module = {
    SATCHEL_MODULE_FACTS,
    .name = "careless",
    .version = "0.1",
    .description = "A storage layer that fails only when something else does, for tests",
    .licence = "MIT",
    .roles = SATCHEL_ROLE_MAIL | SATCHEL_ROLE_CLI,
    .schema = rows,
    .configure = configure,
    .provides = provides,
  };
  return &module;
}
