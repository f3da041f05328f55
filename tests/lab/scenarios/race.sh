# SPDX-License-Identifier: GPL-2.0-or-later
# Somebody opens the card while it is reset, earlier and later from round to round: at
# first a process that holds the VFIO group, then a real QEMU. Never a reset under it.
. /lab/scenarios/tool.sh
ROUNDS=${ROUNDS:-40}
VMS=${VMS:-6}
tried=0 lost=0 refused=0 kept_out=0 after=0

bind_vfio 01:00 || fail "no vfio-pci"
node=/dev/vfio/$(basename "$(readlink $sysfs/0000:01:00.0/iommu_group)")
flr="01:00 --method flr"
timed g 0 $flr
plain=$MS

# opener US: after that time, of 0.2 to 1.2 times a plain reset's; what the model has counted by then goes to /run/opened.
# Nobody else asks the model meanwhile.
opener() {
	usleep "$1"
	exec 9<>"$node"
	count flr flrs > /run/opened
	while [ ! -e /run/over ]; do usleep 20000; done
}
i=0
while [ $i -lt "$ROUNDS" ]; do
	rm -f /run/opened /run/over
	opener $((plain * (200 + 1000 * i / ROUNDS))) 2>/dev/null &
	who=$!
	gpureset $flr >/run/out 2>&1
	got=$?
	touch /run/over
	wait $who
	tried=$((tried + 1)) i=$((i + 1))
	n=$(count flr flrs)
	case $got in
	0 | 5) ;;
	*) fail "round $i: exit $got: $(cat /run/out)" ;;
	esac
	if [ ! -s /run/opened ]; then
		[ $got -eq 0 ] || fail "round $i: refused, and nobody had it: $(cat /run/out)"
		kept_out=$((kept_out + 1))
	elif [ "$(cat /run/opened)" != "$n" ]; then
		lost=$((lost + 1))
		echo "round $i: reset under the opener: $(cat /run/out)"
	elif [ $got -eq 5 ]; then
		says "in use|somebody else has"
		refused=$((refused + 1))
	else
		after=$((after + 1))
	fi
done
echo "$tried openers: $kept_out kept out, $refused made the reset refuse, $after came after it"
[ $kept_out -gt 0 ] && [ $refused -gt 0 ] || fail "the rounds did not meet the reset"

# --- QEMU: it opens the card some time after its start ------------------------------------
works=0
i=0
while [ $i -lt "$VMS" ]; do
	g 0 -q 0b:00
	bind_vfio 0b:00
	( usleep $((i * 3000000 / VMS)); exec gpureset 0b:00 --method "sequence baco" ) >/run/out 2>&1 &
	tool=$!
	ran=0
	vm_start race 0b:00 && ran=1
	wait $tool
	got=$?
	tried=$((tried + 1)) i=$((i + 1))
	case $got in 0 | 5) ;; *) fail "QEMU $i: exit $got: $(cat /run/out)" ;; esac
	[ $ran = 1 ] || [ $got = 0 ] || fail "QEMU $i: neither of the two did it: $(cat /run/out)"
	if [ $ran = 1 ]; then
		works=$((works + 1))
		# a reset under the guest would have wiped what it did
		ctl "state fury" | grep -qw dirty=1 || lost=$((lost + 1))
	fi
	echo "QEMU $i: gpureset ended with $got, the VM $([ $ran = 1 ] && echo works || echo does not)"
	vm_stop
done
echo "of $VMS QEMUs $works started"
g 0 -q 0b:00
echo "count: races tried: $tried"
echo "count: races lost: $lost"
same "races lost" $lost 0
