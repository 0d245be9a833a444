#!/bin/sh
# Writes golived.conf(5), as scdoc source, from config/golived.conf: that file is the table of keys in the program
# (tests/unit/test_config.c compares them), so the manual cannot say anything else.
set -eu
cat <<'HEAD'
golived.conf(5)

# NAME

golived.conf - configuration of golived

# SYNOPSIS

_/etc/golived/golived.conf_

# DESCRIPTION

Lines of *key = value* under *[section]* headings. A comment begins with *#* or *;* at the start of a line or behind a space. Every
key has a default, and an unknown section or key is an error: *golived --check-config* reports every mistake with its file, line and
key.

Durations are written *0s*, *250ms*, *30s*, *2m*, *1h* or *1d*. The environment overrides a key as
*GOLIVED\_<SECTION>\_<KEY>*: *GOLIVED_POLL_MIN_INTERVAL=30s*. *SIGHUP* reloads all but the keys that say they need a restart; a reload with
a mistake changes nothing.
HEAD
awk '
function escaped(text) { gsub(/[_*`]/, "\\\\&", text); return text }
/^\[/  { printf "\n# [%s]\n\n", toupper(substr($0, 2, length($0) - 2)); sentence = ""; started = 1; next }
!started { next }
/^#[a-z_]+ =/ {
	key = substr($0, 2); sub(/ =.*/, "", key)
	value = $0; sub(/^[^=]*= ?/, "", value)
	printf "*%s*%s\n\t%s\n\n", escaped(key), value == "" ? "" : " (" escaped(value) ")", escaped(sentence)
	sentence = ""; next
}
/^# /  { sentence = sentence (sentence == "" ? "" : " ") substr($0, 3); next }
' "$1"
cat <<'TAIL'
# EXAMPLE

```
[poll]
min_interval = 30s
end_grace = 90s

[delivery]
# A receiver in our own network.
allow_targets = 10.20.0.0/16
```

# SEE ALSO

*golived*(8), *golivectl*(1)
TAIL
