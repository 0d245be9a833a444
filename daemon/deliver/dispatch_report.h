/* dispatch_report - what the log and the metrics say of attempts: one line each, and one where a
 * webhook's health turns. */
#ifndef GOLIVED_DELIVER_DISPATCH_REPORT_H
#define GOLIVED_DELIVER_DISPATCH_REPORT_H

#include "deliver/flight.h"

/* Of an attempt that was made and is over, once. */
void dispatch_report_attempt(const struct flight *flight, int64_t now_ms);

/* Of one that trouble of our own kept from being made. */
void dispatch_report_not_made(const struct flight *flight);

/* Of an attempt whose outcome is stored. */
void dispatch_report_settled(const struct flight *flight);

#endif
