/* keys - commands of golivectl for who may use the API, and what they did. */
#ifndef GOLIVED_CTL_KEYS_H
#define GOLIVED_CTL_KEYS_H

#include "ctl/console.h"

/* Each returns an exit status. */
int keys_ls(struct console *console);
int keys_add(struct console *console);
int keys_rm(struct console *console);
int audit_ls(struct console *console);

#endif
