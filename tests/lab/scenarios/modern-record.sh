# SPDX-License-Identifier: GPL-2.0-or-later
# A recording of a card with extended capabilities: all of them, but not its serial number.
. /lab/scenarios/modern-tool.sh
for slot in 01:00 02:00; do
	rec=/run/${slot%:*}.rec
	check "$slot has a serial number" [ "$(setpci -s $slot.0 ECAP_DSN+4.l)" = 89abcdef ]
	g 0 record $slot -o $rec
	check "its capability is there, with zeroes for the first half" \
		grep -q '^140: 00 00 00 00 00 00 00 00 03 00 81 15 00 00 00 00$' $rec
	check "and for the other" grep -q '^150: 00 00 00 00 ' $rec
	check "ReBAR is there" grep -q '^200: 15 00 01 24 ' $rec
	refuses "no half of the number is in it" \
		grep -qiE '89abcdef|01234567|ef cd ab 89|67 45 23 01|01-23-45|89-ab-cd' $rec
	g 0 plan -v $slot
	cp /run/out /run/live
	g 0 plan -v $slot --replay $rec
	check "the same plan of the recording" cmp /run/live /run/out
done
