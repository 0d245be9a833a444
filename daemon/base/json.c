/* cJSON builds the tree; but it loses digits of large numbers, cuts strings at \u0000, passes
 * invalid UTF-8, duplicate keys and trailing garbage, and takes numbers and white space that are
 * not JSON. So the text is read twice:
 *
 *   1. The scanner below accepts exactly RFC 8259 with the restrictions of json.h, and writes a
 * copy in which every number has become a string that begins with the byte 0xFF. That byte is in no
 *      valid UTF-8, hence in no string of the input; cJSON keeps it and never sees a number.
 *   2. cJSON turns the copy, which can only be right now, into the tree.
 *
 * Duplicate keys are looked for in the tree, where escapes are undone ("a" is "\u0061"), by sorting
 * the keys of each object: an object of 100,000 keys is no way to keep us busy.
 */
#include "base/json.h"

#include "base/limits.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "base/utf8.h"

#include <cjson/cJSON.h>
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <string.h>

enum { NUMBER_MARK = 0xFF, KEYS_FEW = 16 };

struct json_document {
	cJSON *tree; /* owned */
};

/* The scanner: one function per production, true if what it stands for came next. */
struct scanner {
	const char *text; /* borrowed; not NUL-terminated */
	size_t length;
	size_t at;
	unsigned depth;
	const char *reason;  /* why a production failed, at `at` */
	struct strbuf *copy; /* with marked numbers; NULL: only looking for a key */
	size_t copied;       /* how much of the text is in the copy */

	/* The n-th key of the text (from 0) is wanted: its place, for a message. */
	size_t keys_seen;
	size_t wanted_key;
	size_t wanted_offset;
};

static bool refuse(struct scanner *scanner, const char *reason)
{
	scanner->reason = reason;
	return false;
}

/* The next byte, or -1 at the end. */
static int peek(const struct scanner *scanner)
{
	return scanner->at < scanner->length ? (unsigned char)scanner->text[scanner->at] : -1;
}

static bool take(struct scanner *scanner, int byte)
{
	if (peek(scanner) != byte)
		return false;
	scanner->at++;
	return true;
}

static void skip_white_space(struct scanner *scanner)
{
	while (take(scanner, ' ') || take(scanner, '\n') || take(scanner, '\t') ||
	       take(scanner, '\r'))
		;
}

static bool scan_hex4(struct scanner *scanner, unsigned *ret_unit)
{
	unsigned unit = 0;
	for (int i = 0; i < 4; i++) {
		int digit = peek(scanner);
		if (digit < 0 || !isxdigit(digit))
			return refuse(scanner, "\\u needs four hexadecimal digits");
		unit = unit * 16 +
		       (unsigned)(isdigit(digit) ? digit - '0' : tolower(digit) - 'a' + 10);
		scanner->at++;
	}
	*ret_unit = unit;
	return true;
}

/* Behind "\u". */
static bool scan_unicode_escape(struct scanner *scanner)
{
	unsigned unit, second;
	if (!scan_hex4(scanner, &unit))
		return false;
	if (unit == 0)
		return refuse(scanner, "\\u0000 is not taken");
	if (unit < 0xD800 || unit > 0xDFFF)
		return true;
	if (unit > 0xDBFF || !take(scanner, '\\') || !take(scanner, 'u'))
		return refuse(scanner, "lone surrogate");
	if (!scan_hex4(scanner, &second))
		return false;
	if (second < 0xDC00 || second > 0xDFFF)
		return refuse(scanner, "lone surrogate");
	return true;
}

static bool scan_escape(struct scanner *scanner)
{
	if (take(scanner, 'u'))
		return scan_unicode_escape(scanner);
	int byte = peek(scanner);
	if (byte <= 0 || !strchr("\"\\/bfnrt", byte))
		return refuse(scanner, "unknown escape");
	scanner->at++;
	return true;
}

/* Plain ASCII, which most text is, in one go. */
static void skip_plain(struct scanner *scanner)
{
	const char *text = scanner->text;
	size_t at = scanner->at;
	while (at < scanner->length && (unsigned char)text[at] >= 0x20 &&
	       (unsigned char)text[at] < 0x80 && text[at] != '"' && text[at] != '\\')
		at++;
	scanner->at = at;
}

static bool scan_string(struct scanner *scanner)
{
	if (!take(scanner, '"'))
		return refuse(scanner, "a string is missing");
	for (;;) {
		skip_plain(scanner);
		int byte = peek(scanner);
		if (byte < 0)
			return refuse(scanner, "unterminated string");
		if (byte < 0x20)
			return refuse(scanner, "control character in a string");
		if (take(scanner, '"'))
			return true;
		if (take(scanner, '\\')) {
			if (!scan_escape(scanner))
				return false;
			continue;
		}
		size_t bytes =
			utf8_sequence(scanner->text + scanner->at, scanner->length - scanner->at);
		if (bytes == 0)
			return refuse(scanner, "invalid UTF-8");
		scanner->at += bytes;
	}
}

static bool scan_digits(struct scanner *scanner)
{
	if (!isdigit(peek(scanner)))
		return refuse(scanner, "a digit is missing");
	while (isdigit(peek(scanner)))
		scanner->at++;
	return true;
}

/* Copies what stands between the last number and here. */
static void copy_text(struct scanner *scanner)
{
	strbuf_add(scanner->copy, scanner->text + scanner->copied, scanner->at - scanner->copied);
	scanner->copied = scanner->at;
}

static void copy_number(struct scanner *scanner, size_t start)
{
	if (!scanner->copy)
		return;
	size_t end = scanner->at;
	scanner->at = start;
	copy_text(scanner);
	scanner->at = end;
	strbuf_add(scanner->copy, (const char[]){ '"', (char)NUMBER_MARK }, 2);
	copy_text(scanner);
	strbuf_add_char(scanner->copy, '"');
}

static bool scan_number(struct scanner *scanner)
{
	size_t start = scanner->at;
	take(scanner, '-');
	if (take(scanner, '0')) {
		if (isdigit(peek(scanner)))
			return refuse(scanner, "a number begins with 0");
	} else if (!scan_digits(scanner)) {
		return false;
	}
	if (take(scanner, '.') && !scan_digits(scanner))
		return false;
	if (take(scanner, 'e') || take(scanner, 'E')) {
		if (!take(scanner, '+'))
			take(scanner, '-');
		if (!scan_digits(scanner))
			return false;
	}
	copy_number(scanner, start);
	return true;
}

static bool scan_word(struct scanner *scanner, const char *word)
{
	size_t length = strlen(word);
	if (scanner->length - scanner->at < length ||
	    memcmp(scanner->text + scanner->at, word, length) != 0)
		return refuse(scanner, "unknown word");
	scanner->at += length;
	return true;
}

static bool scan_value(struct scanner *scanner);

static bool scan_member(struct scanner *scanner)
{
	if (peek(scanner) != '"')
		return refuse(scanner, "a key is missing");
	if (scanner->keys_seen++ == scanner->wanted_key)
		scanner->wanted_offset = scanner->at;
	if (!scan_string(scanner))
		return false;
	skip_white_space(scanner);
	if (!take(scanner, ':'))
		return refuse(scanner, "':' is missing");
	skip_white_space(scanner);
	return scan_value(scanner);
}

/* An array or an object, from its first bracket to its last. */
static bool scan_container(struct scanner *scanner, char closing,
			   bool (*scan_item)(struct scanner *))
{
	if (scanner->depth == LIMIT_JSON_DEPTH)
		return refuse(scanner, "nested too deep");
	scanner->depth++;
	scanner->at++;
	skip_white_space(scanner);
	bool is_first = true;
	while (!take(scanner, closing)) {
		if (!is_first && !take(scanner, ','))
			return refuse(scanner, closing == ']' ? "',' or ']' is missing"
							      : "',' or '}' is missing");
		skip_white_space(scanner);
		if (!scan_item(scanner))
			return false;
		skip_white_space(scanner);
		is_first = false;
	}
	scanner->depth--;
	return true;
}

static bool scan_value(struct scanner *scanner)
{
	switch (peek(scanner)) {
	case '{':
		return scan_container(scanner, '}', scan_member);
	case '[':
		return scan_container(scanner, ']', scan_value);
	case '"':
		return scan_string(scanner);
	case 't':
		return scan_word(scanner, "true");
	case 'f':
		return scan_word(scanner, "false");
	case 'n':
		return scan_word(scanner, "null");
	case '-':
	case '0' ... '9':
		return scan_number(scanner);
	default:
		return refuse(scanner, "a value is missing");
	}
}

static bool scan_text(struct scanner *scanner)
{
	if (scanner->length >= 3 && memcmp(scanner->text, "\xEF\xBB\xBF", 3) == 0)
		return refuse(scanner, "byte order mark");
	skip_white_space(scanner);
	if (!scan_value(scanner))
		return false;
	skip_white_space(scanner);
	if (scanner->at < scanner->length)
		return refuse(scanner, "something follows the value");
	return true;
}

/* The offset of the n-th key of a text that has been scanned without a mistake. */
static size_t key_offset(const char *text, size_t length, size_t wanted_key)
{
	struct scanner scanner = { .text = text, .length = length, .wanted_key = wanted_key };
	bool is_json = scan_text(&scanner);
	return is_json ? scanner.wanted_offset : 0;
}

struct numbered_key {
	const char *key; /* borrowed from the tree */
	size_t number;   /* its place in the order of the text */
};

static int compare_keys(const void *a, const void *b)
{
	const struct numbered_key *left = a, *right = b;
	int order = strcmp(left->key, right->key);
	return order ? order : (left->number > right->number) - (left->number < right->number);
}

/* Of a few keys each is compared with all before it: that is less than sorting them. */
static bool few_have_duplicate(const struct numbered_key *keys, size_t count, size_t *ret_number)
{
	for (size_t i = 1; i < count; i++) {
		for (size_t j = 0; j < i; j++) {
			if (keys[i].key[0] == keys[j].key[0] &&
			    strcmp(keys[i].key, keys[j].key) == 0) {
				*ret_number = keys[i].number;
				return true;
			}
		}
	}
	return false;
}

/* Is there a key twice among the members of one object? Which one: its number. */
static bool has_duplicate(struct numbered_key *keys, size_t count, size_t *ret_number)
{
	if (count <= KEYS_FEW)
		return few_have_duplicate(keys, count, ret_number);
	qsort(keys, count, sizeof(*keys), compare_keys);
	for (size_t i = 1; i < count; i++) {
		if (strcmp(keys[i - 1].key, keys[i].key) == 0) {
			*ret_number = keys[i].number;
			return true;
		}
	}
	return false;
}

/* Looks through a value and all below it. *number counts the keys in the order of the text. The
 * recursion is no deeper than the scanner's was. */
static bool find_duplicate(const cJSON *value, size_t *number, size_t *ret_number)
{
	struct numbered_key few[KEYS_FEW];
	size_t count = cJSON_IsObject(value) ? (size_t)cJSON_GetArraySize(value) : 0;
	CLEANUP(cleanup_free)
	struct numbered_key *many =
		count > ARRAY_SIZE(few) ? memory_zeroed(count, sizeof(*many)) : NULL;
	struct numbered_key *keys = many ? many : few;
	size_t filled = 0;

	for (const cJSON *item = value->child; item; item = item->next) {
		if (count > 0)
			keys[filled++] = (struct numbered_key){ item->string, (*number)++ };
		if (item->child && find_duplicate(item, number, ret_number))
			return true;
	}
	return has_duplicate(keys, filled, ret_number);
}

static int parse_failed(struct json_error *ret_error, const char *reason, size_t offset)
{
	if (ret_error)
		*ret_error = (struct json_error){ reason, offset };
	return -EINVAL;
}

int json_parse(const char *text, size_t length, struct json_document **ret_document,
	       struct json_error *ret_error)
{
	CLEANUP(strbuf_finish) struct strbuf copy;
	/* The worst is a number of one digit: three more bytes. */
	strbuf_init(&copy, length * 4);
	struct scanner scanner = {
		.text = text, .length = length, .copy = &copy, .wanted_key = SIZE_MAX
	};
	if (!scan_text(&scanner))
		return parse_failed(ret_error, scanner.reason, scanner.at);
	copy_text(&scanner);

	CLEANUP(json_cleanup) struct json_document *document = memory_zeroed(1, sizeof(*document));
	document->tree = cJSON_ParseWithLength(copy.data, copy.length);
	if (!document->tree)
		return parse_failed(ret_error, "too large for the memory that is left", 0);

	size_t number = 0, duplicate;
	if (find_duplicate(document->tree, &number, &duplicate))
		return parse_failed(ret_error, "duplicate key",
				    key_offset(text, length, duplicate));
	*ret_document = TAKE(document);
	return 0;
}

void json_destroy(struct json_document *document)
{
	if (!document)
		return;
	cJSON_Delete(document->tree);
	free(document);
}

void json_cleanup(struct json_document **document)
{
	json_destroy(*document);
}

/* A json_value is a node of cJSON's under another name. */
static const cJSON *node_of(const struct json_value *value)
{
	return (const cJSON *)(const void *)value;
}

static const struct json_value *value_of(const cJSON *node)
{
	return (const struct json_value *)(const void *)node;
}

const struct json_value *json_root(const struct json_document *document)
{
	return value_of(document->tree);
}

enum json_type json_type(const struct json_value *value)
{
	const cJSON *node = node_of(value);
	switch (node ? node->type & 0xFF : cJSON_Invalid) {
	case cJSON_NULL:
		return JSON_NULL;
	case cJSON_True:
	case cJSON_False:
		return JSON_BOOL;
	case cJSON_String:
		return (unsigned char)node->valuestring[0] == NUMBER_MARK ? JSON_NUMBER
									  : JSON_STRING;
	case cJSON_Array:
		return JSON_ARRAY;
	case cJSON_Object:
		return JSON_OBJECT;
	default:
		return JSON_ABSENT;
	}
}

const struct json_value *json_member(const struct json_value *object, const char *key)
{
	if (json_type(object) != JSON_OBJECT)
		return NULL;
	for (const cJSON *member = node_of(object)->child; member; member = member->next) {
		if (strcmp(member->string, key) == 0)
			return value_of(member);
	}
	return NULL;
}

const struct json_value *json_first(const struct json_value *container)
{
	return container ? value_of(node_of(container)->child) : NULL;
}

const struct json_value *json_next(const struct json_value *item)
{
	return item ? value_of(node_of(item)->next) : NULL;
}

const char *json_key(const struct json_value *member)
{
	return member ? node_of(member)->string : NULL;
}

size_t json_count(const struct json_value *container)
{
	size_t count = 0;
	for (const struct json_value *item = json_first(container); item; item = json_next(item))
		count++;
	return count;
}

const char *json_string(const struct json_value *value)
{
	return json_type(value) == JSON_STRING ? node_of(value)->valuestring : NULL;
}

const char *json_number_text(const struct json_value *value)
{
	return json_type(value) == JSON_NUMBER ? node_of(value)->valuestring + 1 : NULL;
}

bool json_bool(const struct json_value *value, bool *ret_flag)
{
	if (json_type(value) != JSON_BOOL)
		return false;
	*ret_flag = cJSON_IsTrue(node_of(value));
	return true;
}

bool json_integer(const struct json_value *value, int64_t *ret_number)
{
	const char *text = json_number_text(value);
	if (!text || strpbrk(text, ".eE"))
		return false;
	errno = 0;
	long long number = strtoll(text, NULL, 10);
	if (errno != 0)
		return false;
	*ret_number = number;
	return true;
}

bool json_real(const struct json_value *value, double *ret_number)
{
	const char *text = json_number_text(value);
	double number = text ? strtod(text, NULL) : (double)INFINITY;
	if (!isfinite(number))
		return false;
	*ret_number = number;
	return true;
}
