#include "ctl/progress.h"

#include <unistd.h>

enum { BAR_WIDTH = 40, LINE_MAX_BYTES = 256 };

void progress_render(size_t done, size_t total, struct strbuf *out)
{
	size_t filled = total > 0 ? done * BAR_WIDTH / total : BAR_WIDTH;

	strbuf_add_char(out, '[');
	for (size_t i = 0; i < BAR_WIDTH; i++)
		strbuf_add_char(out, i < filled ? '#' : '-');
	strbuf_addf(out, "] %3zu %%  %zu/%zu", total > 0 ? done * 100 / total : 100, done, total);
}

void progress_draw(struct console *console, size_t done, size_t total)
{
	struct strbuf line CLEANUP(strbuf_finish);

	strbuf_init(&line, LINE_MAX_BYTES);
	if (console->is_json || !isatty(fileno(console->errors)))
		return;
	progress_render(done, total, &line);
	(void)fprintf(console->errors, "\r%s%s", line.data, done == total ? "\n" : "");
	(void)fflush(console->errors);
}
