# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=dash disable=SC2086,SC2154,SC2034,SC1007
#
# config.sh - a VM's configuration: the live section and [PENDING]; no snapshots. Read by
# `qm`, which has set $vmid and $conf. Files are replaced whole.

conf_load() {
	CONF_LIVE=$(sed '/^\[/,$d' "$conf" 2>/dev/null)
	CONF_PENDING=$(sed '1,/^\[PENDING\]/d' "$conf" 2>/dev/null)
}

conf_save() {
	{
		printf '%s\n' "$CONF_LIVE" | sed '/^$/d' | sort
		[ -z "$CONF_PENDING" ] || printf '\n[PENDING]\n%s\n' "$CONF_PENDING"
	} > "$conf.tmp.$$"
	mv "$conf.tmp.$$" "$conf"
}

# conf_get KEY: of the live section, into $VALUE
conf_get() {
	VALUE=$(printf '%s\n' "$CONF_LIVE" | sed -n "s/^$1: *//p")
}

without() { printf '%s\n' "$1" | sed "/^$2:/d"; }

conf_set() {
	CONF_LIVE="$(without "$CONF_LIVE" "$1")
$1: $2"
	conf_save
}
conf_set_pending() {
	CONF_PENDING="$(without "$CONF_PENDING" "$1")
$1: $2"
	conf_save
}
conf_delete() {
	CONF_LIVE=$(without "$CONF_LIVE" "$1")
	conf_save
}

conf_apply_pending() {
	local line
	[ -n "$CONF_PENDING" ] || return 0
	while read -r line; do
		[ -n "$line" ] || continue
		CONF_LIVE="$(without "$CONF_LIVE" "${line%%:*}")
$line"
	done <<-END
		$CONF_PENDING
	END
	CONF_PENDING=
	conf_save
}
