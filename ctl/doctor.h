/* doctor - looks at everything that an installation needs: each with a verdict, a finding and a
 * remedy.
 *
 *   in:   the configuration, this machine, the running daemon
 *   out:  a table; exit status 1 if something is bad
 *   not:  changing anything
 *
 * It works without a daemon: then that is one of the findings.
 */
#ifndef GOLIVED_CTL_DOCTOR_H
#define GOLIVED_CTL_DOCTOR_H

#include "ctl/console.h"

int doctor_examine(struct console *console);

#endif
