/* Says what receiver.c thinks of the message in VERIFY_..., at VERIFY_NOW. */
#define main receiver_main
#include "receiver.c"
#undef main

int main(void)
{
	const char *body = getenv("VERIFY_BODY");
	bool good = verify(getenv("VERIFY_SECRETS"), getenv("VERIFY_ID"),
			   getenv("VERIFY_TIMESTAMP"), getenv("VERIFY_SIGNATURES"), body,
			   strlen(body), (time_t)strtoll(getenv("VERIFY_NOW"), NULL, 10));
	puts(good ? "good" : "refused");
}
