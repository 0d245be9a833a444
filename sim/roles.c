#include "sim/roles.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int sim_role_refuse(const char *role, const char *why)
{
	fprintf(stderr, "golivesim %s: %s (golivesim %s --help explains)\n", role, why, role);
	return 2;
}

int sim_role_serve(const char *listen, sim_handler_fn handler, void *arg)
{
	struct sim_server *server;
	int error = sim_server_create(listen, handler, arg, &server);
	if (error < 0) {
		fprintf(stderr, "golivesim: cannot listen on %s: %s\n", listen, strerror(-error));
		return error == -EINVAL ? 2 : 1;
	}
	printf("listening %s\n", sim_server_url(server));
	fflush(stdout);
	error = sim_server_run(server);
	sim_server_destroy(server);
	if (error < 0)
		fprintf(stderr, "golivesim: cannot go on: %s\n", strerror(-error));
	return error < 0 ? 1 : 0;
}
