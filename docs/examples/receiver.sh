#!/usr/bin/env bash
# Receives golived's webhooks with bash and openssl: verify, answer, then work. It reads one request from its input and answers
# on its output, for a small internal endpoint behind any of
#
#     socat TCP-LISTEN:9000,bind=127.0.0.1,reuseaddr,fork EXEC:./receiver.sh
#     ncat --listen 127.0.0.1 9000 --keep-open --exec ./receiver.sh
#     a systemd .socket with Accept=yes, and a service with StandardInput=socket
#
# WEBHOOK_SECRET  whsec_..., as shown when the webhook was registered; both, separated by a space, during a rotation
# WEBHOOK_STATE   a directory of its own: each request is a process, so what has been handled is remembered there
#
# What arrived goes to the error output.
set -uf -o pipefail # -f: words of a header are not file names
export LC_ALL=C

tolerance_s=300
body_max_bytes=1048576

# HMAC-SHA256 of the input in base64 (RFC 2104), by hand: `openssl dgst -hmac KEY` shows the key to everybody who runs ps.
hmac() { # KEY, in hex and no longer than 64 bytes
	local key inner="" outer="" i
	printf -v key '%-128s' "$1"
	key=${key// /0}
	for ((i = 0; i < 128; i += 2)); do
		printf -v inner '%s\\x%02x' "$inner" $((16#${key:i:2} ^ 0x36))
		printf -v outer '%s\\x%02x' "$outer" $((16#${key:i:2} ^ 0x5c))
	done
	{
		printf '%b' "$outer"
		{ printf '%b' "$inner" && cat; } | openssl dgst -sha256 -binary
	} | openssl dgst -sha256 -binary | openssl base64 -A
}

# Compares hashes with a nonce, so that the time it takes says nothing about where two texts differ.
is_same() { # TEXT TEXT
	local nonce
	nonce=$(openssl rand -hex 16) && [ -n "$nonce" ] || return 1
	[ "$(printf '%s' "$nonce$1" | openssl dgst -sha256)" = "$(printf '%s' "$nonce$2" | openssl dgst -sha256)" ]
}

# Whether one of the signatures is that of one of the secrets (both lists separated by spaces) over the bytes of a file, and was
# made within five minutes of now.
verify() { # SECRETS ID TIMESTAMP SIGNATURES BODY_FILE NOW
	local secret signature key expected age
	[[ $3 =~ ^[1-9][0-9]{0,11}$ ]] || return 1
	age=$(($6 - $3))
	((age <= tolerance_s && age >= -tolerance_s)) || return 1
	for secret in $1; do
		key=$(printf '%s' "${secret#whsec_}" | openssl base64 -d -A | od -An -v -tx1 | tr -d ' \n')
		[ -n "$key" ] || continue
		expected=v1,$({ printf '%s.%s.' "$2" "$3" && cat "$5"; } | hmac "$key") || return 1
		for signature in $4; do
			is_same "$expected" "$signature" && return 0
		done
	done
	return 1
}

# The number, word or text behind "NAME": in a body. Yours: jq. Without it this is sound for golived's compact JSON, where a
# quote inside of a text has a backslash before it: nothing in a title looks like a name.
member() { # BODY NAME
	[[ $1 =~ \"$2\":\"?([^\",}]*) ]] && printf '%s' "${BASH_REMATCH[1]}"
}

# golived delivers at least once: with noclobber a file can be created once only.
is_new() { # EVENT_ID
	(set -o noclobber && : >"$WEBHOOK_STATE/event-$1") 2>/dev/null
}

# Retries come late: what is older than the last one of the same creator is history. Tests have no sequence.
is_in_order() { # CREATOR SEQUENCE
	[ "$2" != null ] || return 0
	local last=0
	exec {lock}>"$WEBHOOK_STATE/lock" && flock "$lock" # until this process ends
	[ ! -e "$WEBHOOK_STATE/creator-$1" ] || read -r last <"$WEBHOOK_STATE/creator-$1"
	(($2 >= last)) && echo "$2" >"$WEBHOOK_STATE/creator-$1"
}

# Your work goes here.
handle() { # BODY
	local id creator sequence test=""
	id=$(member "$1" event_id)
	creator=$(member "$1" unique_id)
	sequence=$(member "$1" sequence)
	[ "$(member "$1" is_test)" = true ] && test=" (test)"
	[[ $id =~ ^[A-Za-z0-9_]+$ && $creator =~ ^[A-Za-z0-9_.]+$ && $sequence =~ ^([0-9]+|null)$ ]] || {
		echo "this is no event of golived's" >&2
		return
	}
	if ! is_new "$id"; then
		echo "repeat $id" >&2
	elif ! is_in_order "$creator" "$sequence"; then
		echo "outdated $id" >&2
	else
		echo "$(member "$1" event) $creator sequence=$sequence event=$id$test" >&2
	fi
}

answer() { # STATUS
	printf 'HTTP/1.1 %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n' "$1"
}

main() {
	local line length="" id="" timestamp="" signatures="" body_file
	if [ -z "${WEBHOOK_SECRET:-}" ] || [ ! -w "${WEBHOOK_STATE:-}" ]; then
		echo "set WEBHOOK_SECRET to the whsec_... of your webhook, and WEBHOOK_STATE to a writable directory" >&2
		answer "500 Internal Server Error"
		return
	fi
	while IFS= read -r -t 10 line && line=${line%$'\r'} && [ -n "$line" ]; do
		case ${line,,} in
		content-length:*) length=${line#*: } ;;
		webhook-id:*) id=${line#*: } ;;
		webhook-timestamp:*) timestamp=${line#*: } ;;
		webhook-signature:*) signatures=${line#*: } ;;
		esac
	done
	if [[ ! $length =~ ^[0-9]{1,7}$ ]] || ((10#$length > body_max_bytes)); then
		answer "400 Bad Request"
		return
	fi
	body_file=$(mktemp) || return
	# shellcheck disable=SC2064
	trap "rm -f '$body_file'" EXIT
	timeout 10 head -c "$length" >"$body_file"
	if verify "$WEBHOOK_SECRET" "$id" "$timestamp" "$signatures" "$body_file" "$(date +%s)"; then
		answer "200 OK"
		handle "$(<"$body_file")"
	else
		answer "401 Unauthorized"
	fi
}

[[ ${BASH_SOURCE[0]} != "$0" ]] || main
