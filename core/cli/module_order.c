/* SPDX-License-Identifier: MIT
 * This file prints the order in which enabled modules are asked: by band and then by name
 * (core/runtime/loader/loader.c); layers of storage in the order in which the server stacks them
 * (core/storage/store/stacks.c).
 */
#include "config.h"

#include <stdio.h>

#include "core/cli/module_order.h"
#include "core/runtime/loader/kinds.h"
#include "core/storage/store/stacks.h"

/* The processes of a server with this configuration would know the same. */
typedef struct Order
{
  SatchelLoader *enabled; /* has the enabled modules only */
  GPtrArray *stacks;      /* SatchelStack; NULL: there are none */
  GError *why;            /* why there are no stacks; NULL: none were asked for */
} Order;

static void
add_enabled (Order *order, SatchelCli *cli, const SatchelModuleFile *file)
{
  const SatchelModule *module = satchel_loader_module (cli->loader, file->name, file->is_gate);
  /* A module that cannot be added is in the list of modules, with the reason. */
  if (module != NULL && satchel_config_set_is_enabled (cli->set, file->name))
    (void) satchel_loader_add (order->enabled, module, file->is_gate, NULL);
}

static void
work_out (Order *order, SatchelCli *cli)
{
  *order = (Order) { .enabled = satchel_loader_new (SATCHEL_ROLE_CONFIG, NULL) };
  if (cli->set == NULL)
    return;
  g_autoptr (GPtrArray) files = satchel_loader_list (cli->loader);
  for (guint i = 0; i < files->len; i++)
    add_enabled (order, cli, files->pdata[i]);
  if (satchel_config_set_group (cli->set, "storage") != NULL)
    order->stacks = satchel_stacks_new (order->enabled, cli->set, &order->why);
}

static void
clear_order (Order *order)
{
  g_clear_pointer (&order->stacks, g_ptr_array_unref);
  g_clear_pointer (&order->enabled, satchel_loader_free);
  g_clear_error (&order->why);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Order, clear_order)

/* Lists the layers of @stack (SatchelProvided) from the client down, without the driver. */
static GPtrArray *
layers_of (const Order *order, const SatchelStack *stack)
{
  GPtrArray *layers = g_ptr_array_new ();
  for (guint i = 0; i + 1 < stack->levels->len; i++)
    {
      const SatchelStoreLevel *level = stack->levels->pdata[i];
      g_ptr_array_add (
          layers, (gpointer) satchel_loader_find (order->enabled, SATCHEL_KIND_STORAGE_LAYER, level->name));
    }
  return layers;
}

/* Returns the modules of a kind (SatchelProvided) in the order in which they are asked; for layers, those of
 * the first stack. */
static GPtrArray *
order_of (const Order *order, SatchelKind kind)
{
  if (kind == SATCHEL_KIND_STORAGE_LAYER && order->stacks != NULL)
    return layers_of (order, order->stacks->pdata[0]);
  return satchel_loader_find_all (order->enabled, kind);
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

/* Shows a stack as a line of text, or as an element of @json. */
static void
show_stack (const Order *order, const SatchelStack *stack, SatchelJson *json)
{
  g_autoptr (GPtrArray) layers = layers_of (order, stack);
  const char *driver = satchel_stack_driver (stack)->name;
  if (json == NULL)
    {
      printf ("Stack %s, from the client down: ", stack->name);
      print_names (layers);
      printf ("%s%s\n", layers->len > 0 ? ", " : "", driver);
      return;
    }
  satchel_json_open (json, NULL, '{');
  satchel_json_text (json, "name", stack->name);
  write_names ("layers", layers, json);
  satchel_json_text (json, "driver", driver);
  satchel_json_close (json, '}');
}

void
satchel_module_order_print (SatchelCli *cli)
{
  g_auto (Order) order;
  work_out (&order, cli);
  const SatchelKindRow *row;
  for (guint kind = 1; (row = satchel_kind_row (kind)) != NULL; kind++)
    {
      g_autoptr (GPtrArray) provided = order_of (&order, kind);
      if (row->title == NULL || provided->len == 0)
        continue;
      printf ("%s: ", row->title);
      print_names (provided);
      putchar ('\n');
    }
  for (guint i = 0; order.stacks != NULL && i < order.stacks->len; i++)
    show_stack (&order, order.stacks->pdata[i], NULL);
  if (order.why != NULL)
    printf ("Stacks: none, since %s\n", order.why->message);
}

void
satchel_module_order_write (SatchelCli *cli, SatchelJson *json)
{
  g_auto (Order) order;
  work_out (&order, cli);
  const SatchelKindRow *row;
  satchel_json_open (json, "order", '{');
  for (guint kind = 1; (row = satchel_kind_row (kind)) != NULL; kind++)
    {
      g_autoptr (GPtrArray) provided = order_of (&order, kind);
      if (row->key != NULL)
        write_names (row->key, provided, json);
    }
  satchel_json_close (json, '}');
  satchel_json_open (json, "stacks", '[');
  for (guint i = 0; order.stacks != NULL && i < order.stacks->len; i++)
    show_stack (&order, order.stacks->pdata[i], json);
  satchel_json_close (json, ']');
}
