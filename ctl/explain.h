/* explain - why a creator is told to be live or not: the answers that mattered, as a story.
 *
 *   in:   the API's explanation
 *   out:  text, oldest answer first
 *   not:  deciding which answers matter (the daemon)
 */
#ifndef GOLIVED_CTL_EXPLAIN_H
#define GOLIVED_CTL_EXPLAIN_H

#include "ctl/console.h"

int explain_creator(struct console *console);

/* Appends the story that an answer of GET /api/creators/{unique_id}/explain tells. */
void explain_add_story(const struct json_value *explanation, bool with_colours, struct strbuf *out);

#endif
