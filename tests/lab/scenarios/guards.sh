# SPDX-License-Identifier: GPL-2.0-or-later
# What stands in the way of a reset, case by case: refused with who it is, nothing is
# done; with the one option of the case it is done, with every other option it is not.
# On the machine guards.
. /lab/scenarios/tool.sh
refusals=0
all="in-use neighbours neighbours-in-use vfs console mdev hive network storage thunderbolt"

# but CASE...: all --force-* options except those of CASE
but() {
	for c in $all; do
		case " $* " in *" $c "*) ;; *) printf -- '--force-%s ' "$c" ;; esac
	done
}

# resets: of both cards, as the models count them
resets() { echo "$(count card flrs)+$(count card bus_resets) $(count second flrs)+$(count second bus_resets)"; }

# refused "OPTIONS" PATTERN ARGS...: exit 5 with the sentence, and the models saw nothing
refused() {
	local with=$1 pattern=$2 before
	shift 2
	before=$(resets)
	# shellcheck disable=SC2086
	g 5 "$@" $with
	says "$pattern"
	same "resets behind a refusal" "$(resets)" "$before"
	refusals=$((refusals + 1))
}

# guarded CASE PATTERN ARGS...: refused plainly and with every other option
guarded() {
	local case=$1 pattern=$2
	shift 2
	refused "" "$pattern" "$@"
	says "force-$case"
	refused "$(but "$case")" "$pattern" "$@"
}
group() { basename "$(readlink $sysfs/0000:$1/iommu_group)"; }

# hold NODE: a process that has it open
hold() { sleep 1000 9<>"$1" & HOLDER=$!; usleep 200000; }
let_go() { kill $HOLDER; wait $HOLDER 2>/dev/null; }

bind_vfio 03:00 05:00 || fail "no vfio-pci"

# --- the VFIO group ---------------------------------------------------------------------
node=/dev/vfio/$(group 03:00.0)
hold "$node"
guarded in-use "0000:03:00 is in use: process $HOLDER .sleep. has $node open" 03:00 --method flr
n=$(count card flrs)
g 0 03:00 --method flr --force-in-use
[ "$(count card flrs)" -gt "$n" ] || fail "not reset by force"
let_go

# --- a mapped BAR, as a program of root's reads registers ---------------------------------
hold $sysfs/0000:03:00.0/resource0
guarded in-use "process $HOLDER .sleep. has 0000:03:00.0/resource0 open" 03:00 --method flr
let_go

# --- the VFIO cdev ------------------------------------------------------------------------
cdev=$(ls $sysfs/0000:03:00.0/vfio-dev 2>/dev/null | head -n 1)
if [ -c "/dev/vfio/devices/$cdev" ]; then
	hold "/dev/vfio/devices/$cdev"
	guarded in-use "process $HOLDER .sleep. has /dev/vfio/devices/$cdev open" 03:00 --method flr
	let_go
else
	echo "this kernel has no VFIO cdev: not tried"
fi

# --- while the card is owned nobody opens it, and its power state stays as it is ----------
g 0 -n 03:00 --method flr
says "own $node until the end"
says "let go of $node"

# --- a function that is no part of the card, below the same bridge ------------------------
up="--method subordinate --at 01:00.0"
guarded neighbours 'would also reset 0000:0[45]:00\.[01]' 03:00 $up

# --- ... and that a VM has open -----------------------------------------------------------
node=/dev/vfio/$(group 05:00.0)
hold "$node"
refused "$(but neighbours-in-use)" "would also reset 0000:05:00.0, .*$node, which process $HOLDER .sleep. has open" 03:00 $up
let_go

# --- a disk -------------------------------------------------------------------------------
nvme=$(basename "$(ls -d $sysfs/0000:04:00.0/nvme/nvme?/nvme?n1)")
mkswap "/dev/$nvme" >/dev/null && swapon "/dev/$nvme" || fail "no swap on $nvme"
refused "$(but storage)" "0000:04:00.0, which carries the block device $nvme, which is swap" 03:00 $up
says force-storage
guarded storage "0000:04:00.0 carries the block device $nvme, which is swap" 04:00
swapoff "/dev/$nvme"
n=$(count card bus_resets)
g 0 03:00 $up --force-neighbours
[ "$(count card bus_resets)" -gt "$n" ] || fail "not reset by force"

# --- virtual functions --------------------------------------------------------------------
if echo 1 > $sysfs/0000:06:00.0/sriov_numvfs; then
	guarded vfs '0000:06:00.0 has 1 virtual functions enabled' 06:00
	echo 0 > $sysfs/0000:06:00.0/sriov_numvfs
else
	fail "no virtual functions"
fi
g 0 -n 06:00

# --- there is no option for all -----------------------------------------------------------
before=$(resets)
g 1 03:00 --force
g 1 03:00 --force-i
same "resets by half an option" "$(resets)" "$before"
echo "count: refusals: $refusals"
