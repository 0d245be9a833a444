/* progress - how far something long is, drawn on a terminal and nowhere else.
 *
 *   in:   done, total
 *   out:  one line on standard error that is drawn over itself
 *   not:  the result (console)
 */
#ifndef GOLIVED_CTL_PROGRESS_H
#define GOLIVED_CTL_PROGRESS_H

#include "base/strbuf.h"
#include "ctl/console.h"

#include <stddef.h>

/* Appends "[######------]  50 %  5000/10000". */
void progress_render(size_t done, size_t total, struct strbuf *out);

/* Draws it, and ends the line when all is done. */
void progress_draw(struct console *console, size_t done, size_t total);

#endif
