# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2154
# `gpureset hook show`; read by tests/cli/run, whose t and dir these are. The bus is a
# recording of the lab, so that no device is looked at.
rec=tests/records/lab-fury.rec
pve=$dir/pve
mkdir -p "$pve/qemu-server" "$pve/nodes/pve2/qemu-server" "$pve/mapping" "$dir/qemu"
cat >"$pve/qemu-server/101.conf" <<'END'
hostpci0: 0b:00,pcie=1
hostpci1: mapping=gpus
hostpci2: 0c:00,hidden=1
hostpci3: 0d:00,driver=keep

[PENDING]
hostpci0: 0c:00
END
echo 'hostpci0: 0b:00.0' >"$pve/nodes/pve2/qemu-server/201.conf"
printf 'hostpci0: mapping=gpus\nhostpci1: mapping=gpus\nhostpci2: mapping=two\n' \
	>"$pve/nodes/pve2/qemu-server/202.conf"
echo 'cores: 4' >"$pve/qemu-server/103.conf"
cat >"$pve/mapping/pci.cfg" <<'END'
gpus
	map node=pve1,path=0000:41:00
	map node=pve1,path=0000:42:00
	map node=pve2,path=0000:41:00
	map node=pve2,path=0000:42:00
	map node=pve2,path=0000:43:00

two
	map node=pve2,path=0000:44:00
	map node=pve2,path=0000:0b:00
END
hook() { # STATUS PATTERN ARGS...
	a=$1 b=$2
	shift 2
	t "$a" "$b" hook show --replay $rec --config-dir "$pve" --qemu-run-dir "$dir/qemu" "$@"
}
t 1 'hook what' hook
t 1 "'frobnicate' is no VMID" hook frobnicate pre-start
t 0 '^  show VMID ' hook --help
t 1 'takes one VMID' hook show
t 1 'takes one VMID' hook show 100 101
t 1 "'99' is no VMID: wanted a number from 100" hook show 99
t 1 'unrecognized option' hook show --frobnicate 101
hook 1 'no VM 102 on this node: there is no .*/qemu-server/102.conf' 102
hook 0 'VM 101 on node .*, with changes that wait for the next start' 101
hook 0 '^0000:0b:00 would be looked after$' 101
hook 0 '101.conf:3:17: warning: .*hidden.*PVE drops this line' 101
hook 0 '^  hostpci3: left alone: driver=keep' 101
hook 0 '^  hostpci1: mapping gpus: left alone: the mapping has no device on this node' 101
hook 0 '^this VM has no device to look after$' 103
hook 0 '"present":true,"gpu":true' 101 --json
hook 0 '"column":17,"why":".hidden' --json 101
# the audio function is not this VM's, but nobody else wants it: it goes along
hook 0 '^0000:0b:00 would be looked after$' 201 --node pve2
hook 1 'no VM 101' 101 --node pve2
# a pool: which card it gets is known only once it has it
hook 0 '^  hostpci0: mapping gpus: 0000:41:00 \(the first that is free\)$' 202 --node pve2
hook 0 '^  hostpci1: mapping gpus: 0000:42:00 \(the first that is free\)$' 202 --node pve2
hook 0 '^  hostpci1: mapping gpus: 0000:43:00 \(if the first is taken meanwhile\)$' 202 --node pve2
hook 0 '^  hostpci2: mapping two: 0000:0b:00 \(if the first is taken meanwhile\)$' 202 --node pve2
hook 0 '^0000:41:00 is not on the bus; it would be looked for$' 202 --node pve2
hook 0 '^0000:0b:00 would be looked after too$' 202 --node pve2
hook 0 '"hostpci":0,"line":1,"mapping":"gpus","address":"0000:41:00"\}' 202 --node pve2 --json
hook 0 '"hostpci":1,"line":2,"mapping":"gpus","address":"0000:43:00","spare":true\}' 202 --node pve2 --json
hook 0 '"address":"0000:0b:00","present":true,"gpu":true,"spare":true' 202 --node pve2 --json
# another VM has it
echo '0000:0b:00.1 104 time:9999999999' >"$dir/qemu/pci-id-reservations"
hook 0 '^0000:0b:00 belongs to VM 104 now: nothing would be done$' 101
echo '0000:0b:00.1 104 time:1' >"$dir/qemu/pci-id-reservations"
hook 0 '^0000:0b:00 would be looked after$' 101

# phases; only of VMs without a device, so that nothing of this machine is touched
mkdir -p "$pve/lxc"
: >"$pve/lxc/200.conf"
phase() { # STATUS PATTERN ARGS...
	a=$1 b=$2
	shift 2
	t "$a" "$b" hook --config-dir "$pve" --qemu-run-dir "$dir/qemu" --quirks "$q" \
		--run-dir "$dir/run" "$@"
}
quiet() { # ARGS...: exit 0 and not a word
	"$prog" hook --config-dir "$pve" --qemu-run-dir "$dir/qemu" --quirks "$q" \
		--run-dir "$dir/run" "$@" >"$dir/out" 2>&1
	got=$?
	if [ $got = 0 ] && [ ! -s "$dir/out" ]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "not ok gpureset hook $*: exit $got, wanted 0 and silence:"
		cat "$dir/out"
	fi
}
phase 1 'takes a VMID and a phase' 103
phase 1 'takes a VMID and a phase' 103 pre-start now
phase 1 "'pre-stat' is no phase: wanted pre-start, post-start" 103 pre-stat
phase 1 "'1e2' is no VMID" 1e2 pre-start
phase 1 "no VM 102 on this node" 102 pre-start
for p in pre-start post-start pre-stop post-stop; do quiet 103 $p; done
quiet 200 pre-start
# stopped: the configuration may be gone by then
quiet 102 post-stop
# what it got is written down, and its folder made
sh -c 'sleep 60; :' kvm -pidfile "/var$dir/qemu/103.pid" &
kvm=$!
# the fork is not yet what it will be
for _ in $(seq 100); do
	! grep -q pidfile /proc/$kvm/cmdline || break
	sleep 0.05
done
echo $kvm >"$dir/qemu/103.pid"
printf '0000:0b:00.0 103 pid:%s\n0000:0c:00.0 103 pid:1\n' $kvm >"$dir/qemu/pci-id-reservations"
quiet 103 post-start
if grep -q '0000:0c' "$dir/run/vm-103"; then
	failed=$((failed + 1))
	echo "not ok post-start believed a line of a QEMU that is gone"
fi
kill $kvm
if grep -qx '0000:0b:00.0' "$dir/run/vm-103"; then
	passed=$((passed + 1))
else
	failed=$((failed + 1))
	echo "not ok post-start recorded nothing"
fi
# a later start forgets it
: >"$dir/qemu/pci-id-reservations"
quiet 103 pre-start
quiet 103 post-start
if [ ! -e "$dir/run/vm-103" ]; then
	passed=$((passed + 1))
else
	failed=$((failed + 1))
	echo "not ok post-start kept an old record"
fi
# a damaged record harms nobody
echo nonsense >"$dir/run/vm-103"
phase 0 'vm-103:1: this is no record' 103 post-stop
rm -f "$dir/run/vm-103"
