#include "config.h"
#include "core/cli/cli.h"
int
satchel_cli_server (SatchelCli *cli)
{
  return satchel_cli_fail (SATCHEL_EXIT_UNAVAILABLE, "the server is not running");
}
