# SPDX-License-Identifier: GPL-2.0-or-later
# While a hook is at work on a card: another VM becomes its owner, or opens it; and two
# starts by hand, which PVE's lock does not keep apart. Earlier and later from round to
# round; the hook ends with 0 each time.
. /lab/scenarios/pve-lib.sh
ROUNDS=${ROUNDS:-5}
q ok create 101 --hostpci0 $fury --hookscript $hook
q ok create 102 --hostpci0 $fury --hookscript $hook
pre() { $snippets/gpureset $1 pre-start > /run/out-$1 2>&1; }
g 0 -q $fury
bind_vfio $fury
node=/dev/vfio/$(basename "$(readlink $sysfs/0000:0b:00.0/iommu_group)")
alone=0 reset=0 lost=0

own() { usleep "$1"; echo "0000:0b:00.0 110 time:$(($(date +%s) + 100))" > $vmrun/pci-id-reservations; }
# what the model has counted when it opens; nobody else asks it meanwhile
open() {
	usleep "$1"
	exec 9<>"$node"
	count fury baco > /run/opened
	while [ ! -e /run/over ]; do usleep 20000; done
}

# round WAY US: 101's pre-start, and after that time WAY happens to the card
round() {
	up 101
	spoilt 101
	rm -f /run/opened /run/over
	before=$(count fury baco)
	$1 "$2" 2>/dev/null &
	who=$!
	pre 101 || fail "$1 after $2 us: exit $?: $(cat /run/out-101)"
	touch /run/over
	wait $who
	rm -f $vmrun/pci-id-reservations
	now=$(count fury baco)
	if grep -q 'left alone' /run/out-101; then
		alone=$((alone + 1))
		[ "$now" = "$before" ] || fail "$1 after $2 us: left alone, but reset"
		grep -qE 'belongs to VM 110|in use' /run/out-101 || fail "left alone without a reason: $(cat /run/out-101)"
	else
		reset=$((reset + 1))
		grep -q 'reset by' /run/out-101 || fail "$1 after $2 us: $(cat /run/out-101)"
	fi
	[ ! -s /run/opened ] || [ "$(cat /run/opened)" = "$now" ] || lost=$((lost + 1))
}
up 101
spoilt 101
timed pre 101 || fail "pre-start: $(cat /run/out-101)"
plain=$MS
for way in own open; do
	i=0
	while [ $i -lt "$ROUNDS" ]; do
		round $way $((i * plain * 1200 / (ROUNDS - 1)))
		i=$((i + 1))
	done
done
echo "$alone times left alone, $reset times reset"
[ $alone -gt 0 ] && [ $reset -gt 0 ] || fail "the rounds did not meet the hook"

# --- two starts by hand -------------------------------------------------------------------
up 101
spoilt 101
before=$(count fury baco)
pre 101 &
first=$!
pre 102 || fail "the second by hand: exit $?: $(cat /run/out-102)"
wait $first || fail "the first by hand: $(cat /run/out-101)"
truth fury dirty=0
same "resets for two starts by hand" "$(count fury baco)" $((before + 1))
grep -qE '^vm "10[12]"' /run/gpureset/held-0000:0b:00 || fail "held for: $(cat /run/gpureset/held-0000:0b:00)"
echo "count: owners that appear under a hook: $((2 * ROUNDS))"
echo "count: cards reset under them: $lost"
same "cards reset under an owner" $lost 0
