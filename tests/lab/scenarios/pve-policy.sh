# SPDX-License-Identifier: GPL-2.0-or-later
# What gpureset.conf can say, and what is held while a VM has the card.
. /lab/scenarios/pve-lib.sh
q ok create 101 --hostpci0 $fury --hookscript $hook
conf() { mkdir -p /etc/gpureset; cat > /etc/gpureset/gpureset.conf; }
attrs() { # all that is held, and who has the functions
	for f in 0 1; do
		d=$sysfs/0000:0b:00.$f
		echo "$f $(driver 0b:00.$f) $(cat $d/power/control $d/d3cold_allowed $d/reset_method | tr '\n' ' ')"
	done
	cat $sysfs/0000:00:08.0/power/control
}
accesses() { ctl "state fury" | sed 's/.* clean=/clean=/'; }
g 0 -q $fury

# --- held while it runs, as it was afterwards ------------------------------------------
up 101
down 101
attrs > /run/idle
up 101
for f in 0 1; do
	same "power/control of function $f while it runs" "$(cat $sysfs/0000:0b:00.$f/power/control)" on
	same "d3cold_allowed of function $f while it runs" "$(cat $sysfs/0000:0b:00.$f/d3cold_allowed)" 0
done
[ -s /run/gpureset/held-0000:0b:00 ] || fail "what is held is not written down"
down 101
attrs > /run/idle.again
cmp -s /run/idle /run/idle.again || fail "not as it was: $(diff /run/idle /run/idle.again | tr '\n' ';')"
[ ! -e /run/gpureset/held-0000:0b:00 ] || fail "held for nobody: $(cat /run/gpureset/held-*)"

# --- the host's driver gets its function back ------------------------------------------
conf <<'END'
[card 0b:00]
after-stop = host-driver
END
unbind 0b:00.1
modprobe pci-stub
bind pci-stub 0b:00.1 || fail "the host has no driver for 0b:00.1"
echo > $sysfs/0000:0b:00.1/driver_override
up 101
same "driver of 0b:00.1 while the VM runs" "$(driver 0b:00.1)" vfio-pci
down 101
same "driver of 0b:00.1 afterwards" "$(driver 0b:00.1)" pci-stub
same "driver of 0b:00.0 afterwards" "$(driver 0b:00.0)" vfio-pci
nothing_left
conf < /dev/null
up 101
down 101
same "driver of 0b:00.1 without after-stop" "$(driver 0b:00.1)" vfio-pci

# --- only watched, not even watched -----------------------------------------------------
up 101
spoilt 101
for word in only-report skip; do
	printf '[vm 101]\nhook = %s\n' $word | conf
	accesses > /run/before
	gpureset hook 101 pre-start > /run/out 2>&1 || fail "hook = $word: exit $?"
	cat /run/out
	accesses > /run/after
	cmp -s /run/before /run/after || fail "hook = $word touched the card"
	truth fury dirty=1
	case $word in
	skip) [ ! -s /run/out ] || fail "hook = skip is not silent" ;;
	*) says '^gpureset: 0000:0b:00 .*only reported, nothing done: would try none, .*sequence baco' ;;
	esac
done

# --- a configuration with an error is not obeyed, and stops the start ---------------------
printf '[vm 101]\nhok = skip\n' | conf
q bad start 101
grep -qE "^/etc/gpureset/gpureset.conf:2:1: error: unknown key 'hok'.*hook" $tasks/101-qmstart ||
	fail "it does not say what is wrong: $(cat $tasks/101-qmstart)"
grep -q '^TASK ERROR: hookscript error for 101 on pre-start: .*exit code 6' $tasks/101-qmstart ||
	fail "the start went on: $(cat $tasks/101-qmstart)"
truth fury dirty=1
rm /etc/gpureset/gpureset.conf
up 101
down 101
truth fury dirty=0

# --- what PVE drops -----------------------------------------------------------------------
echo "hostpci0: 0b:00,hidden=1" > /etc/pve/qemu-server/102.conf
gpureset hook 102 pre-start > /run/out 2>&1 || fail "a dropped key: exit $?"
cat /run/out
says '^gpureset: .*102.conf:1: .*hidden.*PVE drops'
