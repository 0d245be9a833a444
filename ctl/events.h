/* events - commands of golivectl for what was detected. */
#ifndef GOLIVED_CTL_EVENTS_H
#define GOLIVED_CTL_EVENTS_H

#include "ctl/console.h"

/* Each returns an exit status. */
int events_ls(struct console *console);
int events_show(struct console *console);
int events_trigger(struct console *console);

#endif
