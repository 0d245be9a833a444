/* What http.h says about addresses. */
#include "base/http.h"

#include <arpa/inet.h>
#include <string.h>

char *http_address_format(const struct http_address *address, char text[HTTP_ADDRESS_TEXT_SIZE])
{
	if (!inet_ntop(address->family, &address->v6, text, HTTP_ADDRESS_TEXT_SIZE))
		text[0] = '\0';
	return text;
}

bool http_address_parse(const char *text, struct http_address *ret_address)
{
	struct http_address address = { 0 };

	address.family = strchr(text, ':') ? AF_INET6 : AF_INET;
	if (inet_pton(address.family, text, &address.v6) != 1)
		return false;
	*ret_address = address;
	return true;
}

bool http_address_is_equal(const struct http_address *one, const struct http_address *other)
{
	if (one->family != other->family)
		return false;
	return one->family == AF_INET ? one->v4.s_addr == other->v4.s_addr
				      : memcmp(&one->v6, &other->v6, sizeof one->v6) == 0;
}
