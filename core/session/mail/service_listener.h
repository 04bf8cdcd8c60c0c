/* SPDX-License-Identifier: MIT
 * Declares listeners of services in role mail; those of services in gate are served by its sessions.
 */
#pragma once
#include <satchel/service.h>

typedef const SatchelConfig *(*SatchelServiceSectionFunc) (const char *group);
/* Accepts connections at @fd, which is listening and non-blocking, and is borrowed for good.  @group is
 * borrowed; its section is asked for at each connection. */
void satchel_service_listen (int fd, const SatchelServiceOps *ops, const char *group,
                             SatchelServiceSectionFunc section);
/* Ends all listening: there will be no new connections. */
void satchel_services_stop (void);
