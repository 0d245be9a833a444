#include "base/utf8.h"

#include "base/attrs.h"

#include <stdbool.h>
#include <stdint.h>

/* The table of RFC 3629, section 4: which second byte may follow which first; what follows that is
 * always 80..BF. */
static const struct {
	uint8_t first_low, first_high, second_low, second_high, length;
} forms[] = {
	{ 0xC2, 0xDF, 0x80, 0xBF, 2 }, { 0xE0, 0xE0, 0xA0, 0xBF, 3 }, { 0xE1, 0xEC, 0x80, 0xBF, 3 },
	{ 0xED, 0xED, 0x80, 0x9F, 3 }, { 0xEE, 0xEF, 0x80, 0xBF, 3 }, { 0xF0, 0xF0, 0x90, 0xBF, 4 },
	{ 0xF1, 0xF3, 0x80, 0xBF, 4 }, { 0xF4, 0xF4, 0x80, 0x8F, 4 },
};

size_t utf8_sequence(const char *bytes, size_t length)
{
	const uint8_t *at = (const uint8_t *)bytes;
	if (length == 0)
		return 0;
	if (at[0] < 0x80)
		return 1;
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		if (at[0] < forms[i].first_low || at[0] > forms[i].first_high)
			continue;
		if (length < forms[i].length || at[1] < forms[i].second_low ||
		    at[1] > forms[i].second_high)
			return 0;
		for (size_t j = 2; j < forms[i].length; j++) {
			if (at[j] < 0x80 || at[j] > 0xBF)
				return 0;
		}
		return forms[i].length;
	}
	return 0;
}
