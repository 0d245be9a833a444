#include "base/clock.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <time.h>

enum { MS_PER_S = 1000, S_PER_DAY = 86400, MS_PER_DAY = S_PER_DAY * MS_PER_S };

/* 0000-01-01T00:00:00.000Z and 9999-12-31T23:59:59.999Z: what four digits of year can say. */
#define CLOCK_FIRST_MS INT64_C(-62167219200000)
#define CLOCK_LAST_MS INT64_C(253402300799999)

static int64_t clock_read_us(clockid_t which)
{
	struct timespec now;
	clock_gettime(which, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t clock_now_ms(void)
{
	return clock_read_us(CLOCK_REALTIME) / 1000;
}

int64_t clock_mono_ms(void)
{
	return clock_mono_us() / 1000;
}

int64_t clock_mono_us(void)
{
	return clock_read_us(CLOCK_BOOTTIME);
}

int64_t clock_step_ms(struct clock_anchor *anchor, int64_t now_ms, int64_t mono_ms)
{
	int64_t ahead_ms = now_ms - mono_ms, step_ms = ahead_ms - anchor->ahead_ms;
	int64_t drift_ms = (mono_ms - anchor->mono_ms) / (1000000 / CLOCK_DRIFT_MAX_PPM);
	int64_t least_ms = drift_ms > CLOCK_STEP_MIN_MS ? drift_ms : CLOCK_STEP_MIN_MS;
	bool is_step = anchor->is_set && (step_ms <= -least_ms || step_ms >= least_ms);
	*anchor = (struct clock_anchor){ true, ahead_ms, mono_ms };
	return is_step ? step_ms : 0;
}

int64_t clock_moved_ms(int64_t time_ms, int64_t by_ms)
{
	return time_ms > 0 ? time_ms + by_ms : time_ms;
}

int64_t clock_utc_day(int64_t unix_ms)
{
	int64_t day = unix_ms / MS_PER_DAY;
	return unix_ms % MS_PER_DAY < 0 ? day - 1 : day;
}

/* A date of the proleptic Gregorian calendar and a time of day, as read or to be written. */
struct civil {
	int year, month, day;
	int hour, minute, second;
};

/* Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms": civil_from_days and its reverse.
 * Years start in March there, so that the leap day is the last; an era is 400 years. */
static void civil_from_day(int64_t unix_day, struct civil *ret_date)
{
	int64_t shifted = unix_day + 719468;
	int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
	int64_t day_of_era = shifted - era * 146097;
	int64_t year_of_era =
		(day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	int64_t day_of_year =
		day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t march_month = (5 * day_of_year + 2) / 153;
	ret_date->day = (int)(day_of_year - (153 * march_month + 2) / 5 + 1);
	ret_date->month = (int)(march_month < 10 ? march_month + 3 : march_month - 9);
	ret_date->year = (int)(year_of_era + era * 400 + (ret_date->month <= 2));
}

static int64_t day_from_civil(const struct civil *date)
{
	int64_t year = date->month <= 2 ? date->year - 1 : date->year;
	int64_t era = (year >= 0 ? year : year - 399) / 400;
	int64_t year_of_era = year - era * 400;
	int64_t march_month = date->month > 2 ? date->month - 3 : date->month + 9;
	int64_t day_of_year = (153 * march_month + 2) / 5 + date->day - 1;
	int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
	return era * 146097 + day_of_era - 719468;
}

static bool civil_is_valid(const struct civil *date)
{
	static const int month_days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	if (date->month < 1 || date->month > 12 || date->day < 1)
		return false;
	bool is_leap = (date->year % 4 == 0 && date->year % 100 != 0) || date->year % 400 == 0;
	int days = month_days[date->month - 1] + (date->month == 2 && is_leap);
	/* A leap second is written as 60, and counted as the first of the next minute. */
	return date->day <= days && date->hour <= 23 && date->minute <= 59 &&
	       date->second <= (date->minute == 59 ? 60 : 59);
}

static int64_t civil_to_unix_s(const struct civil *date)
{
	return day_from_civil(date) * S_PER_DAY + date->hour * 3600 + date->minute * 60 +
	       date->second;
}

static char *put_digits(char *at, int64_t number, int digits)
{
	for (int place = digits - 1; place >= 0; place--, number /= 10)
		at[place] = (char)('0' + number % 10);
	return at + digits;
}

char *clock_format(int64_t unix_ms, char text[CLOCK_TEXT_SIZE])
{
	if (unix_ms < CLOCK_FIRST_MS)
		unix_ms = CLOCK_FIRST_MS;
	if (unix_ms > CLOCK_LAST_MS)
		unix_ms = CLOCK_LAST_MS;
	int64_t day = clock_utc_day(unix_ms);
	int64_t ms_of_day = unix_ms - day * MS_PER_DAY;
	struct civil date;
	civil_from_day(day, &date);

	const struct {
		int64_t number;
		int digits;
		char behind;
	} parts[] = {
		{ date.year, 4, '-' },
		{ date.month, 2, '-' },
		{ date.day, 2, 'T' },
		{ ms_of_day / 3600000, 2, ':' },
		{ ms_of_day / 60000 % 60, 2, ':' },
		{ ms_of_day / 1000 % 60, 2, '.' },
		{ ms_of_day % 1000, 3, 'Z' },
	};
	char *at = text;
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		at = put_digits(at, parts[i].number, parts[i].digits);
		*at++ = parts[i].behind;
	}
	*at = '\0';
	return text;
}

/* Exactly `digits` decimal digits, or false. */
static bool take_number(const char **at, int digits, int *ret_number)
{
	int number = 0;
	for (int i = 0; i < digits; i++) {
		if (!isdigit((unsigned char)(*at)[i]))
			return false;
		number = number * 10 + ((*at)[i] - '0');
	}
	*at += digits;
	*ret_number = number;
	return true;
}

/* One of the names of a list that NULL ends; its index counted from 1. */
static bool take_name(const char **at, const char *const *names, int *ret_index)
{
	for (int i = 0; names[i]; i++) {
		size_t length = strlen(names[i]);
		if (strncmp(*at, names[i], length) == 0) {
			*at += length;
			*ret_index = i + 1;
			return true;
		}
	}
	return false;
}

static const char *const month_names[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul",
					   "Aug", "Sep", "Oct", "Nov", "Dec", NULL };
static const char *const day_names[] = { "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun", NULL };
static const char *const long_day_names[] = { "Monday", "Tuesday",  "Wednesday", "Thursday",
					      "Friday", "Saturday", "Sunday",    NULL };

/* The conversions of take_pattern() below. The name of the day is read and not held against the
 * date: what counts is the date. */
static bool take_conversion(char conversion, const char **at, struct civil *date)
{
	int ignored;
	switch (conversion) {
	case 'Y':
		return take_number(at, 4, &date->year);
	case 'y':
		return take_number(at, 2, &date->year);
	case 'm':
		return take_number(at, 2, &date->month);
	case 'b':
		return take_name(at, month_names, &date->month);
	case 'd':
		return take_number(at, 2, &date->day);
	case 'e': /* as d, but " 6" */
		if (**at == ' ') {
			(*at)++;
			return take_number(at, 1, &date->day);
		}
		return take_number(at, 2, &date->day);
	case 'H':
		return take_number(at, 2, &date->hour);
	case 'M':
		return take_number(at, 2, &date->minute);
	case 'S':
		return take_number(at, 2, &date->second);
	case 'a':
		return take_name(at, day_names, &ignored);
	default: /* 'A' */
		return take_name(at, long_day_names, &ignored);
	}
}

/* As strptime(), which would ask the locale for names and forgive white space. */
static bool take_pattern(const char *pattern, const char **at, struct civil *date)
{
	for (; *pattern; pattern++) {
		if (*pattern == '%') {
			if (!take_conversion(*++pattern, at, date))
				return false;
		} else if (*(*at)++ != *pattern) {
			return false;
		}
	}
	return true;
}

/* ".123456789": whole milliseconds, what is finer is cut off. */
static bool take_decimals(const char **at, int64_t *ret_ms)
{
	int64_t ms = 0;
	int digits = 0;
	*ret_ms = 0;
	if (**at != '.')
		return true;
	for ((*at)++; isdigit((unsigned char)**at); (*at)++, digits++) {
		if (digits < 3)
			ms = ms * 10 + (**at - '0');
	}
	for (int i = digits; i < 3; i++)
		ms *= 10;
	*ret_ms = ms;
	return digits >= 1 && digits <= 9;
}

static bool take_offset(const char **at, int64_t *ret_offset_s)
{
	char sign = *(*at)++;
	*ret_offset_s = 0;
	if (sign == 'Z' || sign == 'z')
		return true;
	struct civil offset = { 0 };
	if ((sign != '+' && sign != '-') || !take_pattern("%H:%M", at, &offset) ||
	    offset.hour > 23 || offset.minute > 59)
		return false;
	int64_t seconds = offset.hour * 3600 + offset.minute * 60;
	*ret_offset_s = sign == '-' ? -seconds : seconds;
	return true;
}

int clock_parse(const char *text, int64_t *ret_unix_ms)
{
	struct civil date = { 0 };
	int64_t ms, offset_s;
	if (!take_pattern("%Y-%m-%d", &text, &date) || (*text != 'T' && *text != 't'))
		return -EINVAL;
	text++;
	if (!take_pattern("%H:%M:%S", &text, &date) || !take_decimals(&text, &ms) ||
	    !take_offset(&text, &offset_s) || *text != '\0' || !civil_is_valid(&date))
		return -EINVAL;
	*ret_unix_ms = (civil_to_unix_s(&date) - offset_s) * MS_PER_S + ms;
	return 0;
}

/* RFC 9110 5.6.7: two digits that would be more than 50 years ahead are the most recent past year
 * with these last two digits. */
static int full_year(int two_digits)
{
	struct civil today;
	civil_from_day(clock_utc_day(clock_now_ms()), &today);
	int year = today.year - today.year % 100 + two_digits;
	return year > today.year + 50 ? year - 100 : year;
}

int clock_parse_http_date(const char *text, int64_t *ret_unix_s)
{
	static const struct {
		const char *pattern;
		bool is_short_year;
	} forms[] = {
		{ "%a, %d %b %Y %H:%M:%S GMT", false },
		{ "%A, %d-%b-%y %H:%M:%S GMT", true },
		{ "%a %b %e %H:%M:%S %Y", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		struct civil date = { 0 };
		const char *at = text;
		if (!take_pattern(forms[i].pattern, &at, &date) || *at != '\0')
			continue;
		if (forms[i].is_short_year)
			date.year = full_year(date.year);
		if (!civil_is_valid(&date))
			return -EINVAL;
		*ret_unix_s = civil_to_unix_s(&date);
		return 0;
	}
	return -EINVAL;
}
