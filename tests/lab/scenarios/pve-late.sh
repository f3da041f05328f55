# SPDX-License-Identifier: GPL-2.0-or-later
# What is true at one phase and not at another; and what a hook must put up with.
. /lab/scenarios/pve-lib.sh
q ok create 101 --hostpci0 $fury --hookscript $hook
q ok create 103 --hostpci0 01:00 --hookscript $hook
q ok create 104 --hostpci0 03:00 --hookscript $hook

# --- the configuration names another card by then ---------------------------------------
up 101
q ok set 101 --hostpci0 01:00
grep -q PENDING /etc/pve/qemu-server/101.conf || fail "the change does not wait for the stop"
flrs=$(count flr flrs) resets=$(count fury baco)
down 101
grep -q '^hostpci0: 01:00' /etc/pve/qemu-server/101.conf || fail "the change was not applied"
truth fury dirty=0
same "resets of the card that was used" "$(count fury baco)" $((resets + 1))
same "resets of the card that was not" "$(count flr flrs)" "$flrs"
q ok set 101 --hostpci0 $fury

# --- the card is not on the bus ---------------------------------------------------------
take_out() { for f in 1 0; do echo 1 > $sysfs/0000:0b:00.$f/remove; done; }
q ok set 101 --delete hookscript
take_out
q bad start 101
grep -q "no PCI device found for '0000:0b:00'" $tasks/101-qmstart || fail "without the hook: $(cat /run/out)"
q ok set 101 --hookscript $hook
up 101
grep -qE '^gpureset: 0000:0b:00.*was not on the bus' $tasks/101-qmstart || fail "nothing said of it: $(cat $tasks/101-qmstart)"
echo "ok: brought back in time"
spoilt 101
take_out
up 101
echo "ok: brought back and reset"
spoilt 101

# --- two at once ------------------------------------------------------------------------
qm start 101 > /run/out1 2>&1 &
a=$!
qm start 103 > /run/out3 2>&1 &
wait $a || fail "101, in parallel: $(tr '\n' ';' < /run/out1)"
wait $! || fail "103, in parallel: $(tr '\n' ';' < /run/out3)"
posts 101 || fail "101, in parallel: $(heard 101)"
[ "$(qm status 103)" = "status: running" ] || fail "103 does not run"
echo "ok: two starts at once"
q ok stop 103
down 101

# --- chained ----------------------------------------------------------------------------
cat > $snippets/mine.sh <<'END'
#!/bin/sh
echo "mine $1 $2"
exit "$(cat "/run/mine-$2" 2>/dev/null || echo 0)"
END
chmod +x $snippets/mine.sh
ln -s /usr/libexec/gpureset/pve-hook "$snippets/gpureset+mine.sh"
both=local:snippets/gpureset+mine.sh
up 101
spoilt 101
q ok set 101 --hookscript $both
echo 3 > /run/mine-pre-start
q bad start 101
grep -q "^TASK ERROR: hookscript error for 101 on pre-start: .* failed: exit code 3" $tasks/101-qmstart ||
	fail "its exit status did not count: $(cat /run/out)"
same "what a start stopped by it says" "$(hook_log 101 qmstart)" "mine 101 pre-start"
truth fury dirty=1
rm /run/mine-pre-start
up 101
same "what both say at a start" "$(hook_log 101 qmstart | sed 's/ .*: / /; s/ in .*//' | tr '\n' ';')" \
	"mine 101 pre-start;gpureset: was used; reset by sequence baco;mine 101 post-start;"
echo 4 > /run/mine-post-stop
down 101
grep -q "^hookscript error for 101 on post-stop: .* failed: exit code 4" $tasks/101-qmstop || fail "$(cat $tasks/101-qmstop)"
truth fury dirty=0
same "what it is told at a stop" "$(grep -c '^mine 101 p' $tasks/101-qmstop)" 2
rm /run/mine-post-stop
echo "ok: chained"

# --- odd callers --------------------------------------------------------------------------
q ok set 101 --hookscript $hook
up 101
spoilt 101
mkdir /run/gone
(cd /run/gone && rmdir /run/gone && $snippets/gpureset 101 pre-start <&-) > /run/out 2>&1 ||
	fail "no cwd, no stdin: $(cat /run/out)"
says 'reset by sequence baco'
truth fury dirty=0
up 101
spoilt 101
(cd /proc/self && trap '' CHLD TERM && env -i $snippets/gpureset 101 pre-start <&- >&- 2>&-) ||
	fail "nothing open at all: exit $?"
truth fury dirty=0
up 101
down 101
echo "ok: odd callers"
nothing_left

# --- a lost card --------------------------------------------------------------------------
q ok start 104
down 104
ctl "kill dead" > /dev/null
q bad start 104
cat /run/out
grep -qE "^TASK ERROR: hookscript error for 104 on pre-start: .*exit code 3" $tasks/104-qmstart ||
	fail "the start was not stopped by the hook: $(cat /run/out)"
same "sentences about the lost card" "$(hook_log 104 qmstart | wc -l)" 1
grep -qE '^gpureset: 0000:03:00.*start-anyway' $tasks/104-qmstart || fail "it does not say how to override"
mkdir -p /etc/gpureset
printf '[vm 104]\nstart-anyway = yes\n' > /etc/gpureset/gpureset.conf
qm start 104 > /run/out 2>&1
grep -q "hookscript error" $tasks/104-qmstart && fail "start-anyway: $(cat $tasks/104-qmstart)"
rm /etc/gpureset/gpureset.conf
power_cycle dead 03:00 || fail "the dead card stays dead"
ended
