/* rows - the text of a bulk live check's answer, in every shape that was seen.
 *
 *   in:   what is true of each creator asked for, and how its row shall be wrong
 *   out:  JSON
 *   not:  deciding either (creators, faults)
 */
#ifndef GOLIVED_SIM_ROWS_H
#define GOLIVED_SIM_ROWS_H

#include "base/strbuf.h"
#include "sim/faults.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sim_shape {
	SIM_SHAPE_ARRAY,   /* the documented one: data is an array of rows */
	SIM_SHAPE_FIELD,   /* the same, with the fields seen in the field: alive_status, … */
	SIM_SHAPE_MAP,     /* data is a map of handle to bool */
	SIM_SHAPE_RESULTS, /* the rows in data.results */
};

/* "array", "field", "map", "results"; false for a name that is none. */
bool sim_shape_find(const char *name, enum sim_shape *ret_shape);

/* How a single row can be wrong, or right. Faults of rows map to these. */
enum sim_row_fault {
	SIM_ROW_RIGHT,
	SIM_ROW_MISSING,
	SIM_ROW_NULL,
	SIM_ROW_UNKNOWN,
	SIM_ROW_BARE,
	SIM_ROW_CHECK_FAILED,
	SIM_ROW_CONTRADICTORY,
	SIM_ROW_WRONG_TYPES,
	SIM_ROW_RECASED,
	SIM_ROW_DUPLICATE,
	SIM_ROW_CONFLICTING,
	SIM_ROW_ROOM_NUMBER,
	SIM_ROW_ROOM_BROKEN,
	SIM_ROW_FAULTS
};

/* "missing", "null", …: the fault's name without its "rows_". */
bool sim_row_fault_find(const char *name, enum sim_row_fault *ret_fault);
/* Of SIM_AT_ROWS faults; SIM_ROW_RIGHT for those that add rows. */
enum sim_row_fault sim_row_fault_of(enum sim_fault_kind kind);

struct sim_row {
	const char *handle; /* as it was asked for; borrowed */
	bool is_live;
	uint64_t room;     /* 0: none */
	const char *title; /* NULL: none */
	int64_t viewers;
	const char *json; /* stands for the whole row where it is given; borrowed */
	enum sim_row_fault fault;
};

/* Appends the value of "data". */
void sim_rows_write(struct strbuf *out, enum sim_shape shape, const struct sim_row *rows,
		    size_t count);

#endif
