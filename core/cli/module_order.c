/* SPDX-License-Identifier: MIT
 * The order in which enabled modules are asked: by band and then by name (core/runtime/loader/loader.c);
 * layers of storage as the stacks of the configuration have them.
 */
#include "config.h"

#include <stdio.h>

#include "core/cli/module_order.h"
#include "core/storage/store/place.h"

/* The kinds of which several can be enabled, and which the server asks one after the other. */
static const struct
{
  SatchelKind kind;
  const char *title, *json;
} orders[] = {
  { SATCHEL_KIND_STORAGE_LAYER, "Storage layers, nearest to the client first", "layers" },
  { SATCHEL_KIND_DELIVERY_FILTER, "Delivery filters", "filters" },
  { SATCHEL_KIND_MAILBOX_LISTENER, "Mailbox listeners", "listeners" },
  { SATCHEL_KIND_PASSDB, "Passdbs", "passdbs" },
  { SATCHEL_KIND_USERDB, "Userdbs", "userdbs" },
  { SATCHEL_KIND_FACTOR, "Factors", "factors" },
  { SATCHEL_KIND_SASL, "SASL mechanisms", "mechanisms" },
  { SATCHEL_KIND_KEYRING, "Keyrings", "keyrings" },
};

static const SatchelConfig *
storage_group (const SatchelCli *cli)
{
  return cli->set != NULL ? satchel_config_set_group (cli->set, "storage") : NULL;
}

/* Lists the enabled members of a kind (SatchelProvided), in the order of their bands. */
static GPtrArray *
find_enabled (SatchelCli *cli, SatchelKind kind)
{
  GPtrArray *found = satchel_loader_find_all (cli->loader, kind);
  for (guint i = found->len; i > 0; i--)
    {
      const SatchelProvided *provided = found->pdata[i - 1];
      if (cli->set == NULL || !satchel_config_set_is_enabled (cli->set, provided->module->name))
        g_ptr_array_remove_index (found, i - 1);
    }
  return found;
}

/* Does the configuration say which layers the first stack has? */
static gboolean
is_named (const SatchelCli *cli)
{
  return satchel_config_is_set (storage_group (cli), "layers");
}

/* Lists the layers of @stack from the client down: those that it names; if it may leave
 * them to their bands, @otherwise. */
static GPtrArray *
layers_of (SatchelCli *cli, const SatchelStackSettings *stack, GPtrArray *otherwise)
{
  GPtrArray *layers = g_ptr_array_new ();
  for (const char *const *name = stack->layers; *name != NULL; name++)
    {
      const SatchelProvided *layer = satchel_loader_find (cli->loader, SATCHEL_KIND_STORAGE_LAYER, *name);
      if (layer != NULL)
        g_ptr_array_add (layers, (gpointer) layer);
    }
  gboolean has_own = layers->len > 0;
  for (guint i = 0; !has_own && otherwise != NULL && i < otherwise->len; i++)
    g_ptr_array_add (layers, otherwise->pdata[i]);
  return layers;
}

static GPtrArray *
order_of (SatchelCli *cli, SatchelKind kind)
{
  g_autoptr (GPtrArray) enabled = find_enabled (cli, kind);
  if (kind != SATCHEL_KIND_STORAGE_LAYER || storage_group (cli) == NULL)
    return g_steal_pointer (&enabled);
  SatchelStackSettings first;
  satchel_stack_settings_read (storage_group (cli), &first);
  return layers_of (cli, &first, is_named (cli) ? NULL : enabled);
}

/* NULL: nothing stores mail, or it is not clear what does. */
static const char *
driver_of (SatchelCli *cli, const SatchelStackSettings *stack)
{
  g_autoptr (GPtrArray) drivers = find_enabled (cli, SATCHEL_KIND_STORAGE_DRIVER);
  const char *only = drivers->len == 1 ? ((const SatchelProvided *) drivers->pdata[0])->name : NULL;
  return stack->driver != NULL ? stack->driver : only;
}

static void
print_names (const GPtrArray *provided)
{
  for (guint i = 0; i < provided->len; i++)
    {
      const SatchelProvided *one = provided->pdata[i];
      printf ("%s%s", i == 0 ? "" : ", ", one->name);
      if (one->band != 0)
        printf (" (%u)", one->band);
    }
}

static void
write_names (const char *key, const GPtrArray *provided, SatchelJson *json)
{
  satchel_json_open (json, key, '[');
  for (guint i = 0; i < provided->len; i++)
    satchel_json_text (json, NULL, ((const SatchelProvided *) provided->pdata[i])->name);
  satchel_json_close (json, ']');
}

/* A stack as a line of text, or as an element of @json. */
static void
show_stack (SatchelCli *cli, const SatchelStackSettings *stack, GPtrArray *otherwise, SatchelJson *json)
{
  g_autoptr (GPtrArray) layers = layers_of (cli, stack, otherwise);
  const char *driver = driver_of (cli, stack);
  if (json == NULL)
    {
      printf ("Stack %s, from the client down: ", stack->name);
      print_names (layers);
      printf ("%s%s\n", layers->len > 0 ? ", " : "", driver != NULL ? driver : "(no driver)");
      return;
    }
  satchel_json_open (json, NULL, '{');
  satchel_json_text (json, "name", stack->name);
  write_names ("layers", layers, json);
  satchel_json_text (json, "driver", driver);
  satchel_json_close (json, '}');
}

/* The stack of storage.driver, and those of storage.profiles. */
static void
show_stacks (SatchelCli *cli, SatchelJson *json)
{
  const SatchelConfig *storage = storage_group (cli);
  if (storage == NULL)
    return;
  SatchelStackSettings stack;
  g_autoptr (GPtrArray) enabled = find_enabled (cli, SATCHEL_KIND_STORAGE_LAYER);
  satchel_stack_settings_read (storage, &stack);
  stack.name = SATCHEL_DEFAULT_PROFILE;
  if (json != NULL || driver_of (cli, &stack) != NULL)
    show_stack (cli, &stack, is_named (cli) ? NULL : enabled, json);
  for (guint i = 0; i < satchel_config_n_groups (storage, "profiles"); i++)
    {
      satchel_profile_settings_read (satchel_config_group (storage, "profiles", i), &stack);
      show_stack (cli, &stack, NULL, json);
    }
}

void
satchel_module_order_print (SatchelCli *cli)
{
  for (gsize i = 0; i < G_N_ELEMENTS (orders); i++)
    {
      g_autoptr (GPtrArray) provided = order_of (cli, orders[i].kind);
      if (provided->len == 0)
        continue;
      printf ("%s: ", orders[i].title);
      print_names (provided);
      putchar ('\n');
    }
  show_stacks (cli, NULL);
}

void
satchel_module_order_write (SatchelCli *cli, SatchelJson *json)
{
  satchel_json_open (json, "order", '{');
  for (gsize i = 0; i < G_N_ELEMENTS (orders); i++)
    {
      g_autoptr (GPtrArray) provided = order_of (cli, orders[i].kind);
      write_names (orders[i].json, provided, json);
    }
  satchel_json_close (json, '}');
  satchel_json_open (json, "stacks", '[');
  show_stacks (cli, json);
  satchel_json_close (json, ']');
}
