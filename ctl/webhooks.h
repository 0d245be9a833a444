/* webhooks - commands of golivectl for where events go. */
#ifndef GOLIVED_CTL_WEBHOOKS_H
#define GOLIVED_CTL_WEBHOOKS_H

#include "ctl/console.h"

/* Each returns an exit status. */
int webhooks_ls(struct console *console);
int webhooks_add(struct console *console);
int webhooks_show(struct console *console);
int webhooks_set(struct console *console);
int webhooks_rm(struct console *console);
int webhooks_test(struct console *console);
int webhooks_rotate(struct console *console);

/* Registers one for that target with the settings that were given; the caller says what came. */
int webhooks_register(struct console *console, const char *target,
		      struct json_document **ret_document) MUST_CHECK;

#endif
