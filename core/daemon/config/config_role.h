/* SPDX-License-Identifier: MIT
 * Declares what is shared by the files of the config process; README.md says what each file does.
 */
#pragma once
#include "core/daemon/plan.h"
#include "core/runtime/config/config_image.h"
#include "core/runtime/loader/loader.h"

typedef struct SatchelConfigWork
{
  SatchelConfigSet *set; /* may have errors: wrong settings have their default values */
  SatchelLoader *loader; /* has both halves of all enabled modules */
  SatchelPlan *plan;
  GPtrArray *problems;  /* SatchelConfigProblem */
  gboolean is_root;     /* master runs as root, so that accounts matter */
  GString *without_tls; /* names of protocols that would have a TLS port if a certificate were set */
} SatchelConfigWork;

void satchel_config_work_problem (SatchelConfigWork *work, gboolean is_warning, const SatchelConfig *section,
                                  const char *key, const char *format, ...) G_GNUC_PRINTF (5, 6);
void satchel_config_work_tls (SatchelConfigWork *work);
void satchel_config_work_listeners (SatchelConfigWork *work);
void satchel_config_work_ids (SatchelConfigWork *work);
/* Finds the group @name, which @key of @section has; nothing unless this server is root's. */
void satchel_config_work_group (SatchelConfigWork *work, const SatchelConfig *section, const char *key,
                                const char *name, guint32 *ret_gid);
/* Finds account and group of a file, which @section has as `owner` and `group`; each may be NULL, and its
 * number is SATCHEL_PLAN_NO_ID then. */
void satchel_config_work_owner (SatchelConfigWork *work, const SatchelConfig *section, const char *owner,
                                const char *group, guint32 *ret_uid, guint32 *ret_gid);
void satchel_config_work_names (SatchelConfigWork *work);
void satchel_config_work_main_password (SatchelConfigWork *work);
void satchel_config_work_storage (SatchelConfigWork *work);
/* Looks up aliases. Called last, and only if nothing else found an error. */
void satchel_config_work_addresses (SatchelConfigWork *work);
