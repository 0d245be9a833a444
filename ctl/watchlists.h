/* watchlists - commands of golivectl for named lists of creators. */
#ifndef GOLIVED_CTL_WATCHLISTS_H
#define GOLIVED_CTL_WATCHLISTS_H

#include "ctl/console.h"

/* Each returns an exit status. */
int watchlists_ls(struct console *console);
int watchlists_show(struct console *console);
int watchlists_put(struct console *console);
int watchlists_add(struct console *console);
int watchlists_drop(struct console *console);
int watchlists_rm(struct console *console);
int watchlists_import(struct console *console);

#endif
