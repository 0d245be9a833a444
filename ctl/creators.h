/* creators - commands of golivectl for who is watched. */
#ifndef GOLIVED_CTL_CREATORS_H
#define GOLIVED_CTL_CREATORS_H

#include "ctl/console.h"

/* Each returns an exit status. */
int creators_ls(struct console *console);
int creators_show(struct console *console);

#endif
