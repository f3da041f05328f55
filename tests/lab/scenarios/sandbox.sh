# SPDX-License-Identifier: GPL-2.0-or-later
# Least privilege: what each process of a reset keeps, that every method works with it, and
# that each capability that is kept is needed.
. /lab/scenarios/tool.sh

# CAP_DAC_OVERRIDE 1, DAC_READ_SEARCH 2, KILL 5, SYS_PTRACE 19, SYS_ADMIN 21, SYSLOG 34
worker_caps=0000000400200002
eyes_caps=0000000000080004
supervisor_caps=0000000000080020

# status PID FIELD
status() { awk -v want="$2:" '$1 == want { print $2 }' "/proc/$1/status"; }
child() { set -- $(cat "/proc/$1/task/$1/children" 2>/dev/null); echo "${1:-}"; }
# keeps NAME PID CAPS UID
keeps() {
	for f in CapEff CapPrm CapBnd; do
		same "$1 keeps just its capabilities ($f)" "$(status "$2" $f)" "$3"
	done
	for f in CapInh CapAmb; do same "$1: $f" "$(status "$2" $f)" 0000000000000000; done
	same "$1 cannot gain rights" "$(status "$2" NoNewPrivs)" 1
	same "$1: user" "$(status "$2" Uid)" "$4"
	echo "$1: seccomp $(status "$2" Seccomp), $(readlink "/proc/$2/cwd")"
}

# the card needs 3 s: time to look at all three
gpureset -v 02:00 >/run/out 2>&1 &
sup=$!
begun() { worker=$(child $sup); eyes=$(child "${worker:-none}"); [ -n "$eyes" ]; }
wait_until 20000 begun || fail "no worker, or no eyes: '$worker' '$eyes' $(cat /run/out)"
lowered() { [ "$(status $sup CapEff)" = $supervisor_caps ] && [ "$(status "$worker" CapEff)" = $worker_caps ]; }
wait_until 20000 lowered
keeps worker "$worker" $worker_caps 0
keeps eyes "$eyes" $eyes_caps 65534
keeps supervisor $sup $supervisor_caps 65534
same "the eyes have nothing open but their socket" "$(ls "/proc/$eyes/fd")" 0
wait $sup || fail "the reset: $(cat /run/out)"
says 'reset by flr and healthy'
refuses "a note about Landlock" grep -q Landlock /run/out
refuses "eyes without a worker" kill -0 "$eyes"

# all methods, in the sandbox
g 0 01:00 --method flr
g 0 06:00 --method hot_reset
g 0 06:00 --method subordinate
g 0 06:00 --method bus
bind_vfio 0b:00
dirty
g 0 0b:00
says 'reset by sequence baco'
g 4 0b:00 --method pm
[ ! -e /run/gpureset/journal-0000:0b:00 ] || [ ! -s /run/gpureset/journal-0000:0b:00 ] || fail "a journal is left"

# somebody has a card open: seen from inside the sandbox, too
sleep 300 9</sys/bus/pci/devices/0000:01:00.0/resource0 &
holder=$!
ctl "state flr" >/run/before
g 5 01:00
says "in use: process $holder .sleep. has 0000:01:00.0/resource0 open"
ctl "state flr" >/run/after
cmp -s /run/before /run/after || fail "the card was touched: $(cat /run/after)"
kill $holder
wait $holder
g 0 01:00

# without CAP: gpureset in a world that never had that capability
without() { cap=$1; shift; /lab/setpriv --bounding-set "-$cap" gpureset "$@" >/run/out 2>&1; got=$?; echo "without $cap: $got: $(head -n 1 /run/out)"; }
n=0
without sys_admin 01:00 --method flr
[ $got -ne 0 ] || fail "SYS_ADMIN is not needed"
n=$((n + 1))
without sys_ptrace 01:00
[ $got -ne 0 ] || fail "without SYS_PTRACE nobody was said to have the card open"
n=$((n + 1))
bind_vfio 01:00
group=$(readlink /sys/bus/pci/devices/0000:01:00.0/iommu_group)
group=/dev/vfio/${group##*/}
chown 1000 "$group"
chmod 600 "$group"
without dac_override 01:00 --method hot_reset
[ $got -ne 0 ] || fail "DAC_OVERRIDE is not needed"
n=$((n + 1))
g 0 01:00 --method hot_reset
echo 1 >/proc/sys/kernel/dmesg_restrict
rm -f /run/with.rec /run/without.rec
g 0 01:00 --record-run /run/with.rec
without syslog 01:00 --record-run /run/without.rec
echo "kernel log: with SYSLOG $(grep -c '^log ' /run/with.rec) lines, without $(grep -c '^log ' /run/without.rec)"
[ "$(grep -c '^log ' /run/with.rec)" -gt 0 ] || fail "no kernel log in the recording"
# 6.1 still takes SYS_ADMIN for it as well (kernel/printk/printk.c), 6.12 does not
case $(uname -r) in
6.1.*) ;;
*)
	[ "$(grep -c '^log ' /run/without.rec)" -eq 0 ] || fail "SYSLOG is not needed"
	n=$((n + 1))
	;;
esac
# nothing but what the three keep, and what it takes to become them
most=+sys_admin,+dac_override,+syslog,+sys_ptrace,+dac_read_search,+kill,+setpcap,+setuid,+setgid
for m in flr hot_reset; do
	/lab/setpriv --bounding-set "-all,$most" gpureset 01:00 --method $m >/run/out 2>&1 ||
		fail "with $most alone, $m: $(cat /run/out)"
done
# a recording that came to nothing leaves no file
g 1 1f:00 --record-run /run/none.rec
[ ! -e /run/none.rec ] || fail "an empty recording is left"
chown 0 "$group"
unbind 01:00 0b:00
# a service that may not change its user: with less, but it works
/lab/setpriv --bounding-set -all,+sys_admin,+sys_ptrace,+dac_read_search gpureset 01:00 \
	--method flr >/run/out 2>&1 || fail "without setuid and setgid: $(cat /run/out)"
says 'reset by flr and healthy'
echo "count: capabilities taken away one by one: $n"
