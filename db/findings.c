#include "db/findings.h"

#include "db/store_private.h"

static const char add[] =
	"INSERT INTO findings (creator_key, answered_at_ms, previous_at_ms, is_live, room, effect,"
	" flags, told_at_ms, evidence_count, evidence_wanted, evidence_since_ms, evidence_span_ms,"
	" tally, event_id)"
	" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
/* There are never more than one too many: the index is read no further. */
static const char drop_oldest[] =
	"DELETE FROM findings WHERE key IN (SELECT key FROM findings WHERE creator_key = ?1"
	" ORDER BY key DESC LIMIT -1 OFFSET ?2)";
static const char list[] =
	"SELECT f.answered_at_ms, f.previous_at_ms, f.is_live, f.room, f.effect, f.flags,"
	" f.told_at_ms, f.evidence_count, f.evidence_wanted, f.evidence_since_ms,"
	" f.evidence_span_ms, f.tally, f.event_id, g.reason, g.began_at_ms, g.ended_at_ms"
	" FROM findings f LEFT JOIN gaps g ON g.key = (SELECT max(key) FROM gaps"
	"  WHERE f.previous_at_ms > 0 AND ended_at_ms > f.previous_at_ms"
	"  AND began_at_ms < f.answered_at_ms)"
	" WHERE f.creator_key = (SELECT key FROM creators WHERE handle = ?1)"
	" ORDER BY f.key DESC LIMIT ?2";

int store_finding_add(struct store *store, struct creator_key key, const struct finding *finding,
		      const char *event_id)
{
	RETURN_IF_ERROR(sql_execute(
		store->sql, add, SQL_INT(key.value), SQL_INT(finding->answered_at_ms),
		SQL_INT(finding->previous_at_ms), SQL_INT(finding->is_live), SQL_INT(finding->room),
		SQL_INT(finding->effect), SQL_INT(finding->flags), SQL_INT(finding->told_at_ms),
		SQL_INT(finding->evidence_count), SQL_INT(finding->evidence_wanted),
		SQL_INT(finding->evidence_since_ms), SQL_INT(finding->evidence_span_ms),
		SQL_INT(tally_pack(finding->tally)),
		SQL_TEXT(event_id && *event_id ? event_id : NULL)));
	return sql_execute(store->sql, drop_oldest, SQL_INT(key.value), SQL_INT(FINDINGS_KEPT));
}

static struct finding read_finding(struct sql_rows *rows)
{
	return (struct finding){
		.answered_at_ms = sql_integer(rows, 0),
		.previous_at_ms = sql_integer(rows, 1),
		.is_live = (uint8_t)sql_integer(rows, 2),
		.room = (uint64_t)sql_integer(rows, 3),
		.effect = (uint8_t)sql_integer(rows, 4),
		.flags = (uint8_t)sql_integer(rows, 5),
		.told_at_ms = sql_integer(rows, 6),
		.evidence_count = (uint32_t)sql_integer(rows, 7),
		.evidence_wanted = (uint32_t)sql_integer(rows, 8),
		.evidence_since_ms = sql_integer(rows, 9),
		.evidence_span_ms = sql_integer(rows, 10),
		.tally = tally_unpack(sql_integer(rows, 11)),
	};
}

int store_finding_list(struct store *store, const char *handle, finding_visit_fn visit, void *arg)
{
	struct sql_rows *rows =
		sql_query(store->sql, list, SQL_TEXT(handle), SQL_INT(FINDINGS_KEPT));
	int r;
	while ((r = sql_next(rows)) > 0) {
		struct finding finding = read_finding(rows);
		struct gap gap = {
			.reason = (enum gap_reason)sql_integer(rows, 13),
			.began_at_ms = sql_integer(rows, 14),
			.ended_at_ms = sql_integer(rows, 15),
		};
		visit(arg, &finding, sql_text(rows, 12), gap.began_at_ms > 0 ? &gap : NULL);
	}
	return r;
}
