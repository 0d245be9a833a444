/* service - commands of golivectl for the daemon itself. */
#ifndef GOLIVED_CTL_SERVICE_H
#define GOLIVED_CTL_SERVICE_H

#include "ctl/console.h"

/* Each returns an exit status. */
int service_status(struct console *console);
int service_backup(struct console *console);
int service_version(struct console *console);

#endif
