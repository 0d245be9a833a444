/* tail - events as they happen, over the daemon's stream.
 *
 *   in:   the stream, the filters of the command line
 *   out:  a line an event; with --json its body
 *   not:  taking the stream apart (sse)
 *
 * A connection that breaks is made again, behind the last event that was seen: none is missed.
 */
#ifndef GOLIVED_CTL_TAIL_H
#define GOLIVED_CTL_TAIL_H

#include "ctl/console.h"

int tail_events(struct console *console);

#endif
