/* verify - is a captured request signed as golived signs? Needs no daemon. */
#ifndef GOLIVED_CTL_VERIFY_H
#define GOLIVED_CTL_VERIFY_H

#include "ctl/capture.h"
#include "ctl/console.h"

/* Each returns an exit status. */
int verify_request(struct console *console);

/* Says what each signature of a request is. EXIT_STATUS_OK: none is wrong, and there is one. */
int verify_capture(struct console *console, const char *secret, const struct capture *capture);

/* *ret_secret: the first line of --secret-file; the caller wipes and frees it. */
int verify_read_secret(struct console *console, char **ret_secret) MUST_CHECK;

#endif
