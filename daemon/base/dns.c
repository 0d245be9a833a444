/* The wiring between c-ares and the loop, and the memory of what was answered.
 *
 * The happy path: dns_resolve() finds no entry for the name, makes one and asks; c-ares sends two
 * queries (A and AAAA) and calls on_answer() when both are through; the lookups that wait at the
 * entry become ready, and the next turn calls them back.
 *
 * c-ares cannot take back one query. One whose time is over is cut off from its entry, and its
 * answer, whenever it comes, goes to nobody.
 */
#include "base/dns.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/metrics.h"

#include <ares.h>
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
	/* c-ares doubles its patience with each try: a quarter and a half of the time that a lookup
	 * has, so that one kind of address that a server does not answer for leaves time for the
	 * other kind to be given out. */
	TRIES = 2,
	FIRST_TRY_SHARE = 4,
	/* Answers up to this come in one datagram (dnsflagday.net/2020), longer ones by TCP. */
	DATAGRAM_BYTES = 1232,
};

#define SYSTEM_RESOLV_CONF "/etc/resolv.conf"

/* What is given out: shared by an entry and the lookups that are ready. */
struct dns_answer {
	unsigned references;
	int status;
	size_t count;
	struct http_address addresses[LIMIT_DNS_ADDRESSES];
};

struct dns_lookup {
	struct dns *dns; /* borrowed */
	TAILQ_ENTRY(dns_lookup) link;
	struct dns_entry *entry;   /* borrowed; waits here, */
	struct dns_answer *answer; /* or is ready with this (a reference) */
	const char *result;        /* the metric's label; NULL: none */
	dns_done_fn done;
	void *arg;
};

TAILQ_HEAD(dns_lookups, dns_lookup);

/* A name: being asked for, or remembered. */
struct dns_entry {
	char *name; /* owned, lower case */
	LIST_ENTRY(dns_entry) bucket;
	TAILQ_ENTRY(dns_entry) age; /* while remembered */
	struct dns_query *query;    /* borrowed; NULL: not being asked for */
	struct dns_answer *answer;  /* a reference; NULL: being asked for */
	int64_t expires_mono_ms;
	struct dns_lookups waiting;
};

LIST_HEAD(dns_bucket, dns_entry);
TAILQ_HEAD(dns_entries, dns_entry);

/* What c-ares has in its hands. */
struct dns_query {
	struct dns *dns; /* borrowed */
	TAILQ_ENTRY(dns_query) link;
	struct dns_entry *entry; /* borrowed; NULL: nobody wants the answer any more */
	struct loop_timer *deadline;
};

TAILQ_HEAD(dns_queries, dns_query);

struct dns_socket {
	struct dns *dns; /* borrowed */
	LIST_ENTRY(dns_socket) link;
	int fd; /* c-ares' */
	struct loop_watch *watch;
};

struct dns {
	struct loop *loop; /* borrowed */
	struct dns_options options;
	char *servers, *resolv_conf; /* owned */
	ares_channel channel;        /* NULL: could not be opened */
	struct stat resolv_conf_seen;
	int socket_errno; /* why the last socket could not be opened; 0: it could */
	bool is_reopening;
	LIST_HEAD(dns_sockets, dns_socket) sockets;
	struct loop_timer *timer; /* c-ares' next timeout */
	struct dns_queries queries;
	struct dns_bucket *buckets; /* owned, bucket_count of them: a power of two */
	size_t bucket_count;
	struct dns_entries remembered; /* least recently used first */
	size_t remembered_count;
	struct dns_lookups ready;
	size_t ready_count;
	struct loop_turn *turn;
	unsigned holds; /* who is still at work and needs the memory after dns_destroy() */
	bool is_destroyed;
};

/* ---- Answers ---- */

static struct dns_answer *answer_create(int status)
{
	struct dns_answer *answer = memory_zeroed(1, sizeof *answer);

	answer->references = 1;
	answer->status = status;
	return answer;
}

static struct dns_answer *answer_share(struct dns_answer *answer)
{
	answer->references++;
	return answer;
}

static void answer_release(struct dns_answer *answer)
{
	if (answer && --answer->references == 0)
		free(answer);
}

static bool read_node(const struct ares_addrinfo_node *node, struct http_address *ret_address)
{
	struct http_address address = { .family = (sa_family_t)node->ai_family };

	if (node->ai_family == AF_INET)
		address.v4 = ((const struct sockaddr_in *)(const void *)node->ai_addr)->sin_addr;
	else if (node->ai_family == AF_INET6)
		address.v6 = ((const struct sockaddr_in6 *)(const void *)node->ai_addr)->sin6_addr;
	else
		return false;
	*ret_address = address;
	return true;
}

/* Takes the addresses of one family, at most `most` of them; returns how many there are. */
static size_t add_family(struct dns_answer *answer, const struct ares_addrinfo *info, int family,
			 size_t most)
{
	size_t found = 0;

	for (const struct ares_addrinfo_node *node = info->nodes; node; node = node->ai_next) {
		struct http_address address;
		if (node->ai_family != family || !read_node(node, &address))
			continue;
		if (found++ < most)
			answer->addresses[answer->count++] = address;
	}
	return found;
}

/* Is there a route? Nothing is sent. */
static bool has_route(const struct ares_addrinfo *info, int family)
{
	const struct ares_addrinfo_node *node = info->nodes;

	while (node && node->ai_family != family)
		node = node->ai_next;
	if (!node)
		return false;
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	bool is_reachable = connect(fd, node->ai_addr, node->ai_addrlen) == 0;
	close(fd);
	return is_reachable;
}

/* IPv6 first where it can be reached (RFC 6724's order without its cost for each address). Neither
 * family crowds out the other. */
static void add_addresses(struct dns_answer *answer, const struct ares_addrinfo *info)
{
	struct dns_answer none = { 0 };
	size_t v4 = add_family(&none, info, AF_INET, 0);
	size_t v6 = add_family(&none, info, AF_INET6, 0);
	const size_t half = LIMIT_DNS_ADDRESSES / 2;
	size_t v4_most = LIMIT_DNS_ADDRESSES - (v6 < half ? v6 : half);
	size_t v6_most = LIMIT_DNS_ADDRESSES - (v4 < half ? v4 : half);

	if (has_route(info, AF_INET6)) {
		add_family(answer, info, AF_INET6, v6_most);
		add_family(answer, info, AF_INET, v4_most);
	} else {
		add_family(answer, info, AF_INET, v4_most);
		add_family(answer, info, AF_INET6, v6_most);
	}
}

/* The time for which all that led to the addresses is good. 0 for those of /etc/hosts. */
static int64_t ttl_of(const struct ares_addrinfo *info)
{
	int64_t ttl_s = INT32_MAX;

	for (const struct ares_addrinfo_node *node = info->nodes; node; node = node->ai_next)
		ttl_s = node->ai_ttl < ttl_s ? node->ai_ttl : ttl_s;
	for (const struct ares_addrinfo_cname *cname = info->cnames; cname; cname = cname->next)
		ttl_s = cname->ttl < ttl_s ? cname->ttl : ttl_s;
	return ttl_s > 0 ? ttl_s : 0;
}

static int errno_of(const struct dns *dns, int ares_status)
{
	switch (ares_status) {
	case ARES_ENODATA:
	case ARES_ENOTFOUND:
	case ARES_EBADNAME:
	case ARES_EBADQUERY:
		return -ENOENT;
	case ARES_ETIMEOUT:
		return -ETIMEDOUT;
	case ARES_ENOMEM:
		return -ENOMEM;
	case ARES_ECONNREFUSED: /* no server could be reached */
		return dns->socket_errno ? -EMFILE : -EIO;
	default:
		return -EIO;
	}
}

/* ---- Entries ---- */

/* FNV-1a. */
static struct dns_bucket *bucket_of(struct dns *dns, const char *name)
{
	uint32_t hash = 2166136261;

	for (const char *byte = name; *byte; byte++)
		hash = (hash ^ (unsigned char)*byte) * 16777619;
	return &dns->buckets[hash & (dns->bucket_count - 1)];
}

static struct dns_entry *entry_find(struct dns *dns, const char *name)
{
	struct dns_entry *entry;

	LIST_FOREACH(entry, bucket_of(dns, name), bucket)
	{
		if (strcmp(entry->name, name) == 0)
			return entry;
	}
	return NULL;
}

/* Takes over name. */
static struct dns_entry *entry_create(struct dns *dns, char *name)
{
	struct dns_entry *entry = memory_zeroed(1, sizeof *entry);

	entry->name = name;
	TAILQ_INIT(&entry->waiting);
	LIST_INSERT_HEAD(bucket_of(dns, name), entry, bucket);
	return entry;
}

static void entry_forget(struct dns *dns, struct dns_entry *entry)
{
	if (!entry->answer)
		return;
	TAILQ_REMOVE(&dns->remembered, entry, age);
	dns->remembered_count--;
	answer_release(TAKE(entry->answer));
}

static void entry_destroy(struct dns *dns, struct dns_entry *entry)
{
	assert(TAILQ_EMPTY(&entry->waiting));
	entry_forget(dns, entry);
	if (entry->query)
		entry->query->entry = NULL;
	LIST_REMOVE(entry, bucket);
	free(entry->name);
	free(entry);
}

static void entry_remember(struct dns *dns, struct dns_entry *entry, struct dns_answer *answer,
			   int64_t ttl_s)
{
	entry->answer = answer_share(answer);
	entry->expires_mono_ms = clock_mono_ms() + ttl_s * 1000;
	TAILQ_INSERT_TAIL(&dns->remembered, entry, age);
	if (++dns->remembered_count > dns->options.cache_entries)
		entry_destroy(dns, TAILQ_FIRST(&dns->remembered));
}

static void lookup_be_ready(struct dns_lookup *lookup, struct dns_answer *answer,
			    const char *result)
{
	struct dns *dns = lookup->dns;

	lookup->answer = answer_share(answer);
	lookup->result = result;
	TAILQ_INSERT_TAIL(&dns->ready, lookup, link);
	dns->ready_count++;
	loop_turn_request(dns->turn);
}

/* The entry's question is answered. Destroys it if the answer is not to be remembered. */
static void entry_settle(struct dns *dns, struct dns_entry *entry, struct dns_answer *answer,
			 int64_t ttl_s)
{
	struct dns_lookup *lookup;

	entry->query = NULL;
	while ((lookup = TAILQ_FIRST(&entry->waiting))) {
		TAILQ_REMOVE(&entry->waiting, lookup, link);
		lookup->entry = NULL;
		lookup_be_ready(lookup, answer, answer->status == 0 ? "ok" : "failed");
	}
	if (ttl_s > 0)
		entry_remember(dns, entry, answer, ttl_s);
	else
		entry_destroy(dns, entry);
}

/* ---- Queries ---- */

static void query_destroy(struct dns_query *query)
{
	TAILQ_REMOVE(&query->dns->queries, query, link);
	loop_timer_destroy(query->deadline);
	free(query);
}

static void settle_failure(struct dns *dns, struct dns_entry *entry, int status)
{
	bool is_ours = status == -ENOMEM || status == -EMFILE;
	struct dns_answer *answer = answer_create(status);

	entry_settle(dns, entry, answer, is_ours ? 0 : dns->options.negative_ttl_s);
	answer_release(answer);
}

static void settle_success(struct dns *dns, struct dns_entry *entry,
			   const struct ares_addrinfo *info)
{
	struct dns_answer *answer = answer_create(0);
	int64_t ttl_s = ttl_of(info);

	add_addresses(answer, info);
	entry_settle(dns, entry, answer,
		     ttl_s < dns->options.ttl_max_s ? ttl_s : dns->options.ttl_max_s);
	answer_release(answer);
}

static void on_answer(void *arg, int status, int timeouts, struct ares_addrinfo *info)
{
	struct dns_query *query = arg;
	struct dns *dns = query->dns;

	(void)timeouts;
	/* Thrown out with the old channel; the new one will be asked again. */
	if (dns->is_reopening && query->entry) {
		if (info)
			ares_freeaddrinfo(info);
		return;
	}
	if (query->entry && status == ARES_SUCCESS && info && info->nodes)
		settle_success(dns, query->entry, info);
	else if (query->entry)
		settle_failure(dns, query->entry,
			       status == ARES_SUCCESS ? -ENOENT : errno_of(dns, status));
	if (info)
		ares_freeaddrinfo(info);
	query_destroy(query);
}

static void on_deadline(void *arg)
{
	struct dns_query *query = arg;

	settle_failure(query->dns, query->entry, -ETIMEDOUT);
	query->entry = NULL;
}

/* ---- c-ares' sockets and timeouts ---- */

static void set_timer(struct dns *dns)
{
	struct timeval storage, *next = NULL;

	if (dns->channel)
		next = ares_timeout(dns->channel, NULL, &storage);
	if (next)
		loop_timer_set(dns->timer, next->tv_sec * 1000 + (next->tv_usec + 999) / 1000);
	else
		loop_timer_cancel(dns->timer);
}

static void process(struct dns *dns, ares_socket_t readable, ares_socket_t writable)
{
	dns->socket_errno = 0;
	ares_process_fd(dns->channel, readable, writable);
	set_timer(dns);
}

static void on_timer(void *arg)
{
	process(arg, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

static void on_watch(void *arg, unsigned events, int status)
{
	struct dns_socket *socket = arg;
	int fd = socket->fd;

	/* An error shows when the socket is read or written. */
	if (status < 0)
		events = LOOP_READABLE | LOOP_WRITABLE;
	process(socket->dns, events & LOOP_READABLE ? fd : ARES_SOCKET_BAD,
		events & LOOP_WRITABLE ? fd : ARES_SOCKET_BAD);
}

/* c-ares tells what it waits for; for nothing: it is about to close the socket. */
static void on_socket_state(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct dns *dns = arg;
	struct dns_socket *socket;
	unsigned events = (readable ? LOOP_READABLE : 0u) | (writable ? LOOP_WRITABLE : 0u);

	LIST_FOREACH(socket, &dns->sockets, link)
	{
		if (socket->fd == fd)
			break;
	}
	if (!socket && events) {
		struct loop_watch *watch;
		socket = memory_zeroed(1, sizeof *socket);
		watch = loop_watch_create(dns->loop, fd, on_watch, socket);
		*socket = (struct dns_socket){ .dns = dns, .fd = fd, .watch = watch };
		LIST_INSERT_HEAD(&dns->sockets, socket, link);
	}
	if (socket && events) {
		/* Without a watch the query runs into its timeout. */
		if (socket->watch)
			loop_watch_set(socket->watch, events);
	} else if (socket) {
		LIST_REMOVE(socket, link);
		loop_watch_destroy(socket->watch);
		free(socket);
	}
}

/* Sockets of our own making, for one reason: to know why there was none. */

static ares_socket_t open_socket(int family, int type, int protocol, void *arg)
{
	struct dns *dns = arg;
	int fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);

	if (fd < 0 && errno != EAFNOSUPPORT)
		dns->socket_errno = errno;
	return fd;
}

static int close_socket(ares_socket_t fd, void *arg)
{
	(void)arg;
	return close(fd);
}

static int connect_socket(ares_socket_t fd, const struct sockaddr *address, ares_socklen_t length,
			  void *arg)
{
	(void)arg;
	return connect(fd, address, length);
}

static ares_ssize_t receive(ares_socket_t fd, void *data, size_t size, int flags,
			    struct sockaddr *from, ares_socklen_t *from_length, void *arg)
{
	(void)arg;
	return recvfrom(fd, data, size, flags, from, from_length);
}

static ares_ssize_t send_parts(ares_socket_t fd, const struct iovec *parts, int count, void *arg)
{
	(void)arg;
	return writev(fd, parts, count);
}

static const struct ares_socket_functions socket_functions = {
	.asocket = open_socket,
	.aclose = close_socket,
	.aconnect = connect_socket,
	.arecvfrom = receive,
	.asendv = send_parts,
};

/* ---- The channel: c-ares with one reading of resolv.conf ---- */

static void channel_open(struct dns *dns)
{
	struct ares_options options = {
		/* No file that the environment names. */
		.flags = ARES_FLAG_NOALIASES | ARES_FLAG_EDNS,
		.ednspsz = DATAGRAM_BYTES,
		.timeout = (int)(dns->options.timeout_ms / FIRST_TRY_SHARE),
		.tries = TRIES,
		.sock_state_cb = on_socket_state,
		.sock_state_cb_data = dns,
		.resolvconf_path = dns->resolv_conf,
	};
	int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB |
		   ARES_OPT_RESOLVCONF | ARES_OPT_EDNSPSZ;

	int status = ares_init_options(&dns->channel, &options, mask);
	if (status != ARES_SUCCESS) {
		dns->channel = NULL;
		log_error("cannot start the resolver", LOG_TEXT("error", ares_strerror(status)));
		return;
	}
	ares_set_socket_functions(dns->channel, &socket_functions, dns);
	if (dns->servers && ares_set_servers_ports_csv(dns->channel, dns->servers) != ARES_SUCCESS)
		log_error("the resolver does not take its servers",
			  LOG_TEXT("servers", dns->servers));
}

static void channel_ask(struct dns *dns, struct dns_query *query)
{
	static const struct ares_addrinfo_hints hints = {
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = ARES_AI_NOSORT, /* see add_addresses() */
	};

	dns->socket_errno = 0;
	if (dns->channel)
		ares_getaddrinfo(dns->channel, query->entry->name, NULL, &hints, on_answer, query);
	else
		on_answer(query, ARES_ENOMEM, 0, NULL);
	set_timer(dns);
}

/* What is under way is asked again of the new servers. */
static void channel_reopen(struct dns *dns)
{
	struct dns_queries again = TAILQ_HEAD_INITIALIZER(again);
	struct dns_query *query;

	dns->is_reopening = true;
	if (dns->channel)
		ares_destroy(dns->channel);
	dns->is_reopening = false;
	channel_open(dns);
	TAILQ_CONCAT(&again, &dns->queries, link);
	while ((query = TAILQ_FIRST(&again))) {
		TAILQ_REMOVE(&again, query, link);
		TAILQ_INSERT_TAIL(&dns->queries, query, link);
		channel_ask(dns, query);
	}
	set_timer(dns);
}

static void read_resolv_conf_state(const struct dns *dns, struct stat *state)
{
	if (stat(dns->resolv_conf, state) < 0)
		*state = (struct stat){ 0 };
}

/* Looked at before each query: a stat() is nothing beside a query. */
static void follow_resolv_conf(struct dns *dns)
{
	struct stat now;
	const struct stat *seen = &dns->resolv_conf_seen;

	read_resolv_conf_state(dns, &now);
	if (dns->channel && now.st_ino == seen->st_ino && now.st_size == seen->st_size &&
	    now.st_mtim.tv_sec == seen->st_mtim.tv_sec &&
	    now.st_mtim.tv_nsec == seen->st_mtim.tv_nsec)
		return;
	dns->resolv_conf_seen = now;
	channel_reopen(dns);
}

static void ask(struct dns *dns, struct dns_entry *entry)
{
	struct dns_query *query = memory_zeroed(1, sizeof *query);

	follow_resolv_conf(dns);
	query->dns = dns;
	query->entry = entry;
	query->deadline = loop_timer_create(dns->loop, on_deadline, query);
	loop_timer_set(query->deadline, dns->options.timeout_ms);
	entry->query = query;
	TAILQ_INSERT_TAIL(&dns->queries, query, link);
	channel_ask(dns, query);
}

/* ---- Lookups ---- */

static void lookup_literal(struct dns_lookup *lookup, const struct http_address *address)
{
	struct dns_answer *answer = answer_create(0);

	answer->addresses[answer->count++] = *address;
	lookup_be_ready(lookup, answer, NULL);
	answer_release(answer);
}

static char *lower_case(const char *name)
{
	char *copy = memory_text(name);

	for (char *byte = copy; *byte; byte++) {
		if (*byte >= 'A' && *byte <= 'Z')
			*byte = (char)(*byte - 'A' + 'a');
	}
	return copy;
}

static void lookup_name(struct dns *dns, struct dns_lookup *lookup, const char *text)
{
	CLEANUP(cleanup_free) char *name = lower_case(text);
	struct dns_entry *entry = entry_find(dns, name);

	if (entry && entry->answer && entry->expires_mono_ms > clock_mono_ms()) {
		TAILQ_REMOVE(&dns->remembered, entry, age);
		TAILQ_INSERT_TAIL(&dns->remembered, entry, age);
		lookup_be_ready(lookup, entry->answer, "cached");
		return;
	}
	if (!entry)
		entry = entry_create(dns, TAKE(name));
	entry_forget(dns, entry);
	lookup->entry = entry;
	TAILQ_INSERT_TAIL(&entry->waiting, lookup, link);
	if (!entry->query)
		ask(dns, entry);
}

struct dns_lookup *dns_resolve(struct dns *dns, const char *name, dns_done_fn done, void *arg)
{
	struct dns_lookup *lookup = memory_zeroed(1, sizeof *lookup);
	struct http_address literal;

	lookup->dns = dns;
	lookup->done = done;
	lookup->arg = arg;
	if (http_address_parse(name, &literal))
		lookup_literal(lookup, &literal);
	else
		lookup_name(dns, lookup, name);
	return lookup;
}

/* Takes the lookup out of the list it is in. */
static void lookup_detach(struct dns_lookup *lookup)
{
	struct dns *dns = lookup->dns;

	if (lookup->answer) {
		TAILQ_REMOVE(&dns->ready, lookup, link);
		dns->ready_count--;
	} else {
		TAILQ_REMOVE(&lookup->entry->waiting, lookup, link);
	}
}

static void lookup_destroy(struct dns_lookup *lookup)
{
	answer_release(lookup->answer);
	free(lookup);
}

void dns_cancel(struct dns_lookup *lookup)
{
	lookup_detach(lookup);
	lookup_destroy(lookup);
}

static void release_hold(struct dns *dns)
{
	if (--dns->holds > 0 || !dns->is_destroyed)
		return;
	free(dns->buckets);
	free(dns->servers);
	free(dns->resolv_conf);
	free(dns);
}

/* Calls back what was ready when the turn began; what a callback adds is for the next one. */
static void on_turn(void *arg)
{
	struct dns *dns = arg;

	dns->holds++;
	for (size_t left = dns->ready_count; left > 0 && !dns->is_destroyed; left--) {
		struct dns_lookup *lookup = TAILQ_FIRST(&dns->ready);
		if (!lookup)
			break;
		lookup_detach(lookup);
		if (lookup->result)
			metrics_add(METRIC_DNS_LOOKUPS,
				    metrics_label(METRIC_DNS_LOOKUPS, lookup->result), 1);
		lookup->done(lookup->arg, lookup->answer->status, lookup->answer->addresses,
			     lookup->answer->count);
		lookup_destroy(lookup);
	}
	if (!dns->is_destroyed && dns->ready_count > 0)
		loop_turn_request(dns->turn);
	release_hold(dns);
}

/* ---- Creation and destruction ---- */

static void initialise_c_ares(void)
{
	if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS)
		abort();
}

struct dns *dns_create(struct loop *loop, const struct dns_options *options)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct dns *dns = memory_zeroed(1, sizeof *dns);

	pthread_once(&once, initialise_c_ares);
	dns->loop = loop;
	dns->options = *options;
	dns->servers = memory_text(options->servers);
	dns->resolv_conf =
		memory_text(options->resolv_conf ? options->resolv_conf : SYSTEM_RESOLV_CONF);
	dns->bucket_count = 64;
	while (dns->bucket_count < options->cache_entries)
		dns->bucket_count *= 2;
	dns->buckets = memory_zeroed(dns->bucket_count, sizeof *dns->buckets);
	LIST_INIT(&dns->sockets);
	TAILQ_INIT(&dns->queries);
	TAILQ_INIT(&dns->remembered);
	TAILQ_INIT(&dns->ready);
	dns->timer = loop_timer_create(loop, on_timer, dns);
	dns->turn = loop_turn_create(loop, on_turn, dns);
	read_resolv_conf_state(dns, &dns->resolv_conf_seen);
	channel_open(dns);
	return dns;
}

static void cancel_all(struct dns_lookups *lookups)
{
	struct dns_lookup *lookup;

	while ((lookup = TAILQ_FIRST(lookups)))
		dns_cancel(lookup);
}

void dns_destroy(struct dns *dns)
{
	if (!dns)
		return;
	assert(!dns->is_destroyed);
	dns->holds++;
	dns->is_destroyed = true;
	cancel_all(&dns->ready);
	for (size_t i = 0; i < dns->bucket_count; i++) {
		struct dns_entry *entry;
		while ((entry = LIST_FIRST(&dns->buckets[i]))) {
			cancel_all(&entry->waiting);
			entry_destroy(dns, entry);
		}
	}
	if (dns->channel)
		ares_destroy(dns->channel); /* ends what is under way, for nobody */
	loop_timer_destroy(dns->timer);
	loop_turn_destroy(dns->turn);
	release_hold(dns);
}
