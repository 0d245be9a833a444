/* listen - a receiver for the terminal: verifies what arrives, shows it, and answers.
 *
 *   in:   deliveries (inbox), the webhook's secret: from a file, or of a webhook that it registers
 *         for as long as it runs
 *   out:  a line an event, what its signatures say, its body; 200, or 401 for a wrong signature
 *   not:  keeping anything
 */
#ifndef GOLIVED_CTL_LISTEN_H
#define GOLIVED_CTL_LISTEN_H

#include "ctl/console.h"

int listen_for_deliveries(struct console *console);

#endif
