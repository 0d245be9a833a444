/* verify - is a captured request signed as golived signs? Needs no daemon. */
#ifndef GOLIVED_CTL_VERIFY_H
#define GOLIVED_CTL_VERIFY_H

#include "ctl/console.h"

/* Each returns an exit status. */
int verify_request(struct console *console);

#endif
