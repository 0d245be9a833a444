/* deliveries - commands of golivectl for what was sent, and sending it again. */
#ifndef GOLIVED_CTL_DELIVERIES_H
#define GOLIVED_CTL_DELIVERIES_H

#include "ctl/console.h"

/* Each returns an exit status. */
int deliveries_ls(struct console *console);
int deliveries_show(struct console *console);
int deliveries_replay(struct console *console);
int deliveries_replay_many(struct console *console);
int replays_show(struct console *console);
int replays_cancel(struct console *console);

#endif
