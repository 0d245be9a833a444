/* roles - what golivesim can be, as commands: options, help, and the run until a signal. */
#ifndef GOLIVED_SIM_ROLES_H
#define GOLIVED_SIM_ROLES_H

#include "sim/server.h"

/* argv holds what stands behind the role's name. The result is the exit status: 0 after a signal, 1
 * if it could not be started, 2 for a wrong command line. */
int sim_run_upstream(int argc, char **argv);
int sim_run_receiver(int argc, char **argv);

/* Shared by the roles: says why on stderr (an exit status of 2); prints the URL on stdout, which is
 * what scripts wait for, and serves until a signal. */
int sim_role_refuse(const char *role, const char *why);
int sim_role_serve(const char *listen, sim_handler_fn handler, void *arg);

#endif
