#!/usr/bin/env bash
# Says what receiver.sh thinks of the message in VERIFY_..., at VERIFY_NOW.
# shellcheck source=/dev/null
source "$1/receiver.sh"

body_file=$(mktemp)
trap 'rm -f "$body_file"' EXIT
printf '%s' "$VERIFY_BODY" >"$body_file"
if verify "$VERIFY_SECRETS" "$VERIFY_ID" "$VERIFY_TIMESTAMP" "$VERIFY_SIGNATURES" "$body_file" "$VERIFY_NOW"; then
	echo good
else
	echo refused
fi
