# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2154
# `gpureset hook install|remove|status`, chained hookscripts, hooks/pve-hook and `gpureset
# boot`; read by tests/cli/run, whose t, q, dir and prog these are. qm and pvesm are
# stand-ins that check and write as Proxmox VE's own do, and keep what they were asked.
rec=tests/records/lab-fury.rec
w="$dir/a place"
sn="$w/snippets" nas="$w/nas/snippets" hk="$w/libexec/pve-hook" log=$dir/qm.log
mkdir -p "$w/libexec" "$nas" "$w/pve/qemu-server" "$w/pve/nodes/two/qemu-server" \
	"$w/pve/nodes/two/lxc" "$w/run" "$w/qemu"
sed "s|^program=.*|program='$(realpath "$prog")'|" hooks/pve-hook >"$hk"
chmod 755 "$hk"
cat >"$dir/where" <<END
case \$1 in
local:snippets/*) path="$sn/\${1#*/}" ;;
nas:snippets/*) path="$nas/\${1#*/}" ;;
*) echo "storage '\${1%%:*}' does not exist" >&2; exit 255 ;;
esac
END
cat >"$dir/qm" <<END
#!/bin/sh
echo "\$*" >>"$log"
[ "\$1" = set ] || exit 250
[ ! -e "$dir/fail-\$2" ] || { echo "can't lock file 'lock-\$2.conf' - got timeout" >&2; exit 4; }
[ ! -e "$dir/idle" ] || exit 0
[ ! -e "$dir/slow" ] || { echo \$\$ >"$dir/qm.pid"; exec sleep 20; }
vmid=\$2 line=
conf="$w/pve/qemu-server/\$2.conf"
if [ "\$3" = --hookscript ]; then
	set -- "\$4"
	. "$dir/where"
	[ -f "\$path" ] || { echo "script '\$1' does not exist" >&2; exit 255; }
	[ -x "\$path" ] || { echo "script '\$1' is not executable" >&2; exit 255; }
	line="hookscript: \$1"
fi
{ [ -z "\$line" ] || echo "\$line"; sed '1,/^\[/{/^hookscript:/d}' "\$conf"; } >"\$conf.new"
mv "\$conf.new" "\$conf"
echo "update VM \$vmid: hookscript"
END
cat >"$dir/pvesm" <<END
#!/bin/sh
echo "pvesm \$*" >>"$log"
[ "\$1" = path ] || exit 250
case \$2 in liar:*) echo "$nas/other"; exit 0 ;; esac
set -- "\$2"
. "$dir/where"
echo "\$path"
END
chmod +x "$dir/qm" "$dir/pvesm"

h() { # STATUS PATTERN COMMAND ARGS...
	a=$1 b=$2 c=$3
	shift 3
	t "$a" "$b" hook "$c" --config-dir "$w/pve" --qm "$dir/qm" --pvesm "$dir/pvesm" \
		--snippets "$sn" --pve-hook "$hk" "$@"
}
st() { # STATUS PATTERN ARGS...
	a=$1 b=$2
	shift 2
	t "$a" "$b" hook status --replay $rec --config-dir "$w/pve" --qemu-run-dir "$w/qemu" \
		--pvesm "$dir/pvesm" --snippets "$sn" --pve-hook "$hk" "$@"
}
is() { # NAME WANT GOT
	if [ "$2" = "$3" ]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "not ok $1: wanted '$2', got '$3'"
	fi
}
conf() { printf '%b' "$2" >"$w/pve/qemu-server/$1.conf"; }
hs() { sed -n '/^\[/q; s/^hookscript: //p' "$w/pve/qemu-server/$1.conf"; }
asked() { tail -n 1 "$log"; }
there() { if [ -L "$1" ]; then echo link; elif [ -e "$1" ]; then echo yes; else echo no; fi; }
script() { # PATH STATUS: a hookscript that notes how it was called
	cat >"$1" <<END
#!/bin/sh
echo "\$0 \$*" >>"$dir/ran"
exit $2
END
	chmod +x "$1"
}
gpu='hostpci0: 0000:0b:00\n'
conf 101 "${gpu}[snap]\n$gpu"
conf 102 'cores: 2\n'
: >"$log"

# who and what
t 0 'usage: gpureset hook install VMID' hook install --help
t 0 'is chained: it runs' hook install --help
t 0 '2  a VM is on another node, or qm, pvesm' hook remove --help
t 0 'each of them has the hook' hook status --help
h 1 'which VM\? .*hook install 101' install
h 1 'which VM' remove
h 1 "'9x' is no VMID" install 9x
h 1 "'99' is no VMID" remove 99
h 1 'no VM 199 on this node' install 101 199
h 1 'nothing was done to the others' install 101 199
h 1 'no VM 199 on this node' remove 199
h 1 'from the root on' install 101 --pve-hook libexec/pve-hook
h 2 'nothing: No such file.*install gpureset first' install 101 --pve-hook "$w/nothing"
is 'nothing was asked of qm' '' "$(cat "$log")"
is 'no folder was made' no "$(there "$sn")"

# a VM without one: shown, then done, then done already
h 0 '^VM 101: would link .*a place/snippets/gpureset to .*libexec/pve-hook$' install -n 101
h 0 '^VM 101: would run: .*/qm set 101 --hookscript local:snippets/gpureset$' install -n 101
is 'a dry run asks nothing of qm' '' "$(cat "$log")"
is 'a dry run makes no folder' no "$(there "$sn")"
st 1 '^VM 101: 0000:0b:00: no hook; to have it: gpureset hook install 101$' 101
umask 077
h 0 '^VM 101: hook installed$' install 101
umask 022
is 'what qm was asked' 'set 101 --hookscript local:snippets/gpureset' "$(asked)"
is 'VM 101' local:snippets/gpureset "$(hs 101)"
is 'the link' "$hk" "$(readlink "$sn/gpureset")"
is 'the folder is for all to read' 755 "$(stat -c %a "$sn")"
: >"$log"
h 0 '^VM 101: has the hook already$' install 101 101
h 0 '^VM 101: has the hook already$' install -n 101
is 'qm is left alone then' '' "$(cat "$log")"
st 0 '^VM 101: 0000:0b:00: hook works, local:snippets/gpureset$' 101
st 0 '"vmid":101,.*"installed":true,"works":true,.*"chained":null,"problem":null,"cards":\[\{"address":"0000:0b:00","present":true,"gpu":true' 101 --json

# ours, but not as it should be
rm "$sn/gpureset"
st 1 "VM 101: .*: hook is broken, .*: script 'local:snippets/gpureset' does not exist" 101
st 1 '"works":false,.*"problem":"script' --json
h 0 'would link .*/gpureset to ' install -n 101
is 'a dry run repairs nothing' no "$(there "$sn/gpureset")"
h 0 '^VM 101: hook repaired$' install 101
is 'missing link' "$hk" "$(readlink "$sn/gpureset")"
ln -sf "$w/gone/pve-hook" "$sn/gpureset"
h 0 '^VM 101: hook repaired$' install 101
is 'link to nothing' "$hk" "$(readlink "$sn/gpureset")"
{ cat hooks/pve-hook; echo '# of old'; } >"$w/old-hook"
chmod +x "$w/old-hook"
ln -sf "$w/old-hook" "$sn/gpureset"
h 0 '^VM 101: hook repaired$' install 101
is 'link to an old one' "$hk" "$(readlink "$sn/gpureset")"
rm "$sn/gpureset"
script "$sn/gpureset" 0
h 2 'VM 101: .*snippets/gpureset is not gpureset.s, and its name is needed' install 101
h 2 'is not gpureset.s' install -n 101
st 1 "VM 101: .*: hook is broken, .* is not gpureset's" 101
is 'a file of somebody else stays' yes "$(there "$sn/gpureset")"
mv "$sn/gpureset" "$w/foreign"
ln -s "$w/foreign" "$sn/gpureset"
h 2 'is not gpureset.s' install 101
is 'a link of somebody else stays' "$w/foreign" "$(readlink "$sn/gpureset")"
rm "$sn/gpureset"
mkdir "$sn/gpureset"
h 2 'is not gpureset.s' install 101
rmdir "$sn/gpureset"
cp "$hk" "$sn/gpureset"
h 0 '^VM 101: has the hook already$' install 101
chmod -x "$sn/gpureset"
st 1 "script 'local:snippets/gpureset' is not executable" 101
ln -sf "$hk" "$sn/gpureset"

# back to none; the file stays for as long as any guest names it
echo 'hookscript: local:snippets/gpureset' >"$w/pve/nodes/two/lxc/300.conf"
h 0 'would run: .*/qm set 101 --delete hookscript$' remove -n 101
h 0 '^VM 101: hook removed$' remove 101
is 'what qm was asked' 'set 101 --delete hookscript' "$(asked)"
is 'VM 101' '' "$(hs 101)"
is 'a container of another node needs it' link "$(there "$sn/gpureset")"
h 0 '^VM 101 has no gpureset hook$' remove 101
h 0 '^VM 101: hook installed$' install 101
printf 'cores: 1\n[before]\nhookscript:  local:snippets/gpureset \n' >"$w/pve/nodes/two/qemu-server/200.conf"
echo 'hookscript: local:snippets/gpureset2' >"$w/pve/nodes/two/lxc/300.conf"
h 0 '^VM 101: hook removed$' remove 101
is 'a snapshot needs it' link "$(there "$sn/gpureset")"
rm "$w/pve/nodes/two/qemu-server/200.conf"
h 0 '^VM 101: hook installed$' install 101
h 0 '^removed .*a place/snippets/gpureset, which no guest needs any more$' remove 101
is 'nobody needs it' no "$(there "$sn/gpureset")"

# another hookscript: chained, and back
script "$sn/mine, too.sh" 0
conf 101 "hookscript: local:snippets/mine, too.sh\n$gpu"
h 0 '^VM 101 has no gpureset hook; its hookscript is local:snippets/mine, too.sh$' remove 101
st 1 'VM 101: .*: no hook, local:snippets/mine, too.sh; to have it' 101
h 0 'would run: .* set 101 --hookscript local:snippets/gpureset\+mine, too.sh$' install -n 101
h 0 '^VM 101: hook installed; it runs also mine, too.sh$' install 101
is 'VM 101' 'local:snippets/gpureset+mine, too.sh' "$(hs 101)"
is 'the link beside it' "$hk" "$(readlink "$sn/gpureset+mine, too.sh")"
h 0 '^VM 101: has the hook already; it runs also mine, too.sh$' install 101
st 0 'hook works, .*, runs also .*/snippets/mine, too.sh$' 101
st 0 '"chained":".*/snippets/mine, too.sh"' 101 --json
chmod -x "$sn/mine, too.sh"
st 1 'hook is broken, .*mine, too.sh.* is not executable; chmod' 101
h 2 'mine, too.sh.* is not executable; chmod' install 101
chmod +x "$sn/mine, too.sh"
h 0 '^VM 101: hook removed; local:snippets/mine, too.sh is its hookscript again$' remove 101
is 'VM 101' 'local:snippets/mine, too.sh' "$(hs 101)"
is 'the link beside it' no "$(there "$sn/gpureset+mine, too.sh")"
is 'the script' yes "$(there "$sn/mine, too.sh")"
h 0 'hook installed; it runs also' install 101
rm "$sn/mine, too.sh"
h 0 '^VM 101: mine, too.sh, which was its hookscript before, is not there any more$' remove 101
is 'VM 101' '' "$(hs 101)"

# what cannot be chained
for bad in nas mine.sh x:snippets/y local:iso/mine.sh local:snippets/a/b local:snippets/ local:snippets/..; do
	conf 101 "hookscript: $bad\n$gpu"
	h 2 "VM 101: its hookscript '$bad' is not of the form STORAGE:snippets/NAME" install 101
	h 0 'VM 101 has no gpureset hook' remove 101
done
conf 101 "hookscript: local:snippets/gone.sh\n$gpu"
h 2 'VM 101: .*/snippets/gone.sh, which .*gpureset\+gone.sh has to run as well: No such file' install 101
mkdir "$sn/folder"
conf 101 "hookscript: local:snippets/folder\n$gpu"
h 2 'is no regular file' install 101
long=$(printf '%0210d' 0)
script "$sn/$long" 0
conf 101 "hookscript: local:snippets/${long}000000000000000000000\n$gpu"
h 2 'its name would be too long' install 101
rm "$sn/$long"
# an alias that somebody gave it
ln -s "$hk" "$sn/my-own"
conf 101 "hookscript: local:snippets/my-own\n$gpu"
h 0 '^VM 101: has the hook already, as local:snippets/my-own$' install 101
st 0 'hook works, local:snippets/my-own$' 101
h 0 '^VM 101: hook removed$' remove 101
is 'not our file to remove' link "$(there "$sn/my-own")"

# another storage: pvesm knows where it is
script "$nas/pin.sh" 0
conf 101 "hookscript: nas:snippets/pin.sh\n$gpu"
h 0 "on storage 'nas': each node that may run the VM needs gpureset" install 101
is 'VM 101' nas:snippets/gpureset+pin.sh "$(hs 101)"
is 'the link beside it' "$hk" "$(readlink "$nas/gpureset+pin.sh")"
is 'what pvesm was asked' 'pvesm path nas:snippets/pin.sh' "$(grep pvesm "$log" | tail -n 1)"
st 0 'runs also .*/nas/snippets/pin.sh$' 101
h 0 'nas:snippets/pin.sh is its hookscript again$' remove 101
is 'the link beside it' no "$(there "$nas/gpureset+pin.sh")"
conf 101 "hookscript: away:snippets/pin.sh\n$gpu"
h 2 "^storage 'away' does not exist" install 101
h 2 'pvesm path away:snippets/pin.sh ended with status 255' install 101
h 0 'VM 101 has no gpureset hook' remove 101
conf 101 "hookscript: away:snippets/gpureset\n$gpu"
h 2 'pvesm path away:snippets/gpureset ended with status 255' remove 101
st 1 'hook is broken.*pvesm path' 101
conf 101 "hookscript: liar:snippets/pin.sh\n$gpu"
h 2 "wanted a path that ends in /pin.sh, got '.*/other'" install 101
h 2 'pvesm.gone cannot be run: No such file' install 101 --pvesm "$dir/pvesm.gone"
# one that knows no links has a copy of it
cat >"$dir/nolinks.c" <<END
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>
int symlink(const char *a, const char *b) { (void)a; (void)b; errno = EOPNOTSUPP; return -1; }
int fchmod(int fd, mode_t mode) { (void)fd; (void)mode; return 0; }
END
gcc -shared -fPIC -o "$dir/nolinks.so" "$dir/nolinks.c"
conf 101 "hookscript: nas:snippets/pin.sh\n$gpu"
# and one that has no x bits either
cat >"$dir/noexec.c" <<END
#include <errno.h>
#include <string.h>
#include <unistd.h>
int access(const char *p, int m) { errno = EACCES; return m & X_OK && strstr(p, "/.gpureset-") ? -1 : 0; }
END
gcc -shared -fPIC -o "$dir/noexec.so" "$dir/noexec.c"
LD_PRELOAD="$dir/nolinks.so $dir/noexec.so"
export LD_PRELOAD
h 2 'would not be executable' install 101
LD_PRELOAD=$dir/nolinks.so
is 'not a useless copy' 'pin.sh' "$(ls -A "$nas")"
is 'VM 101' nas:snippets/pin.sh "$(hs 101)"
h 0 'hook installed; it runs also pin.sh' install 101
is 'a copy' yes "$(there "$nas/gpureset+pin.sh")"
is 'the whole of it' 0 "$(cmp "$nas/gpureset+pin.sh" "$hk"; echo $?)"
echo '# of old' >>"$nas/gpureset+pin.sh"
h 0 'hook repaired; it runs also pin.sh' install 101
is 'the whole of it again' 0 "$(cmp "$nas/gpureset+pin.sh" "$hk"; echo $?)"
unset LD_PRELOAD
st 0 'runs also .*/nas/snippets/pin.sh$' 101
h 0 'nas:snippets/pin.sh is its hookscript again$' remove 101
is 'the copy is gone' no "$(there "$nas/gpureset+pin.sh")"

# qm: its failure is told, the other VM is done, nothing is left that nobody needs
conf 101 "$gpu"
touch "$dir/fail-101"
h 2 "^can't lock file" install 101
h 2 "VM 101: .*/qm set 101 ended with status 4; its hookscript stays as it was" install 101
is 'no link without a VM' no "$(there "$sn/gpureset")"
h 2 '^VM 102: hook installed$' install 101 102
is 'VM 101' '' "$(hs 101)"
is 'VM 102' local:snippets/gpureset "$(hs 102)"
h 2 'ended with status 4' install 101
is 'VM 102 needs the link' link "$(there "$sn/gpureset")"
rm "$dir/fail-101"
touch "$dir/idle"
h 2 "VM 101: .*/qm ended well, but the hookscript is '', not 'local:snippets/gpureset'" install 101
h 2 "VM 102: .*/qm ended well, but the hookscript is 'local:snippets/gpureset', not ''" remove 102
rm "$dir/idle"
h 2 'qm.gone cannot be run: No such file' install 101 --qm "$dir/qm.gone"
# stopped by a signal while qm runs: qm too, and no link is left
h 0 'which no guest needs' remove 102
touch "$dir/slow"
"$prog" hook install 101 102 --config-dir "$w/pve" --qm "$dir/qm" --snippets "$sn" \
	--pve-hook "$hk" >"$dir/out" 2>&1 &
pid=$!
while [ ! -s "$dir/qm.pid" ]; do sleep 0.05; done
kill "$pid"
wait "$pid" 2>/dev/null
is 'ended by SIGTERM' 143 $?
is 'qm was ended' no "$(kill -0 "$(cat "$dir/qm.pid")" 2>/dev/null && echo yes || echo no)"
is 'no link is left' no "$(there "$sn/gpureset")"
is 'VM 102 had no turn' 0 "$(grep -c 'VM 102' "$dir/out")"
rm "$dir/slow"

# one that another node has now: its file is put here, the rest is for that node's qm
: >"$log"
echo 'hookscript: local:snippets/gpureset' >"$w/pve/nodes/two/qemu-server/200.conf"
h 0 '^VM 200: would link .*/snippets/gpureset to ' install -n 200
h 0 '^VM 200 is on node two; its hook is ready on this one, too$' install 200
is 'the link of VM 200' "$hk" "$(readlink "$sn/gpureset")"
h 0 'its hook is ready on this one, too$' install 200
h 2 '^gpureset: VM 200: it is on node two now; run this there$' remove 200
is 'the link of VM 200 stays' link "$(there "$sn/gpureset")"
echo 'cores: 1' >"$w/pve/nodes/two/qemu-server/200.conf"
h 2 '^gpureset: VM 200: it is on node two now; run this there$' install 200
is 'qm is not asked' '' "$(cat "$log")"
rm "$w/pve/nodes/two/qemu-server/200.conf" "$sn/gpureset"

# which VMs there are
conf 103 "template: 1\n$gpu"
conf 104 'hostpci0: 0000:41:00\n'
h 0 'VM 103 is a template, which never starts' install 103
st 1 '^VM 104: 0000:41:00 \(not on the bus\): no hook; to have it' --
st 0 '^VM 103: 0000:0b:00: hook works' 103
st 1 '^VM 102: no GPU: no hook$' 102
st 1 'no VM 199' 103 199
h 0 'hook removed' remove 103
is 'VMs with a GPU, no template' '101 104' "$("$prog" hook status --replay $rec --config-dir "$w/pve" \
	--qemu-run-dir "$w/qemu" --snippets "$sn" --pve-hook "$hk" | sed 's/^VM \([0-9]*\):.*/\1/' | xargs)"
rm "$w"/pve/qemu-server/*
conf 102 'cores: 2\n'
st 0 'no VM of this node has a GPU, or the hook' --
t 1 'qemu-server: No such file.*Proxmox VE node' hook status --replay $rec --config-dir "$w/nothing"

# the chain itself, called as Proxmox VE does: the snippet's path, VMID, phase
script "$sn/mine.sh" 0
ln -s "$hk" "$sn/gpureset+mine.sh"
conf 102 'hookscript: local:snippets/gpureset+mine.sh\ncores: 2\n'
call() { # STATUS PATTERN PHASE [SNIPPET]; options by --script are the program's own
	want=$1 pattern=$2
	: >"$dir/ran"
	"$prog" hook --config-dir "$w/pve" --qemu-run-dir "$w/qemu" --run-dir "$w/run" \
		--quirks "$q" --script "${4:-$sn/gpureset+mine.sh}" 102 "$3" >"$dir/out" 2>&1
	got=$?
	if [ "$got" = "$want" ] && { [ -z "$pattern" ] ||
		grep -qE -- "$pattern" "$dir/out" "$dir/ran"; }; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "not ok hook $3: exit $got, wanted $want and /$pattern/:"
		cat "$dir/out" "$dir/ran"
	fi
}
for phase in pre-start post-start pre-stop post-stop; do
	call 0 "a place/snippets/mine.sh 102 $phase\$" $phase
	is "called once at $phase" 1 "$(wc -l <"$dir/ran")"
	script "$sn/mine.sh" 7
	call 7 "mine.sh 102 $phase\$" $phase
	script "$sn/mine.sh" 0
done
printf 'echo no interpreter named "$@" >>"%s"\n' "$dir/ran" >"$sn/mine.sh"
call 0 'no interpreter named 102 pre-start' pre-start
cat >"$sn/mine.sh" <<END
#!/bin/sh
kill -9 \$\$
END
call 137 'mine.sh pre-start: ended by signal 9 \(Killed\)' pre-start
script "$sn/mine.sh" 0
chmod -x "$sn/mine.sh"
call 2 'mine.sh.* is not executable' pre-start
call 2 'mine.sh.* is not executable' post-stop
rm "$sn/mine.sh"
call 2 'mine.sh, which .*gpureset\+mine.sh has to run as well: No such file' pre-start
ln -s "$hk" "$sn/mine.sh"
call 2 'would run gpureset again' pre-start
call 2 'would run gpureset again' pre-start "$sn/gpureset+gpureset+x"
call 2 'no name follows' pre-start "$sn/gpureset+"
call 0 '' pre-start "$sn/gpureset"
rm "$sn/mine.sh"
# its environment, its signals; ours, when SIGTERM comes, is its own
cat >"$sn/mine.sh" <<END
#!/bin/sh
echo "from \$PVE_MIGRATED_FROM"
exec cat /proc/self/status
END
chmod +x "$sn/mine.sh"
PVE_MIGRATED_FROM=two
export PVE_MIGRATED_FROM
call 0 'from two$' pre-start
call 0 'SigBlk:.0000000000000000$' pre-start
unset PVE_MIGRATED_FROM
cat >"$sn/mine.sh" <<END
#!/bin/sh
trap 'echo told; exit 3' TERM
echo \$\$ >"$dir/mine.pid"
i=0
while [ \$i -lt 400 ]; do sleep 0.05; i=\$((i + 1)); done
END
"$prog" hook --script "$sn/gpureset+mine.sh" --config-dir "$w/pve" --run-dir "$w/run" \
	--quirks "$q" 102 pre-start >"$dir/out" 2>&1 &
pid=$!
while [ ! -s "$dir/mine.pid" ]; do sleep 0.05; done
kill "$pid"
wait "$pid" 2>/dev/null
is 'ended by SIGTERM, once the script had' 143 $?
is 'the script was told' told "$(cat "$dir/out")"

# the script in the snippets folder, as it is installed
script "$sn/mine.sh" 0
is 'by way of the link' 0 "$(GPURESET='' "$sn/gpureset+mine.sh" 102 pre-stop >"$dir/out" 2>&1; echo $?)"
is 'it says nothing' '' "$(cat "$dir/out")"
: >"$dir/ran"
"$sn/gpureset+mine.sh" 102 pre-stop
is 'the chained script has run' "$sn/mine.sh 102 pre-stop" "$(cat "$dir/ran")"
sed "s|^program=.*|program=/nonexistent/gpureset|" hooks/pve-hook >"$w/no-program"
for phase in pre-start:1 post-start:0 pre-stop:0 post-stop:0; do
	sh "$w/no-program" 102 ${phase%:*} >"$dir/out" 2>"$dir/err"
	is "no program at ${phase%:*}" "${phase#*:}" $?
	is 'says what to do' 1 "$(grep -c 'missing on this node.*qm set 102 --delete hookscript' "$dir/err")"
	is 'on standard error' '' "$(cat "$dir/out")"
done

# boot: what quirk files say, on recordings; without -n on a simulation of them
bq=$dir/boot-quirks navi=tests/records/lab-navi.rec
mkdir "$bq"
entry() { # ID LINES
	cat >"$bq/$1.quirk" <<END
# SPDX-License-Identifier: MIT
format = 1

[device]
name    = made up
pci     = $(echo "$1" | tr - :)

[notes]
source  = none
evidence = inference 2026-11-21 the test says so
status  = vendor

[reset]
method  = flr
$2
END
}
boot() { # STATUS PATTERN RECORDING ARGS...
	a=$1 b=$2 c=$3
	shift 3
	t "$a" "$b" boot --quirks "$bq" --run-dir "$w/run" --replay "$c" "$@"
}
quiet() { # RECORDING ARGS...
	c=$1
	shift
	is "boot says nothing on $c" 0- "$("$prog" boot --quirks "$bq" --run-dir "$w/run" \
		--replay "$c" "$@" >"$dir/out" 2>&1; echo $?)-$(cat "$dir/out")"
}
lines() { wc -l <"$dir/out"; }
entry 1002-fff4 'pin     = none "for the test"'
t 0 'usage: gpureset boot' boot --help
t 1 'boot takes one address at most' boot 06:00 0b:00 --replay $navi
boot 0 "^gpureset: 0000:06:00 .*: would 0000:06:00.0 put '' into reset_method$" $navi -n
is 'one step, for one function' 1 "$(lines)"
boot 0 "SIMULATED\): reset_method of 0000:06:00.0 is '' now, it was 'bus'$" $navi
is 'one line' 1 "$(lines)"
boot 0 "^gpureset: 0000:06:00 .*: would 0000:06:00.0 put" $navi -n 06:00.0
boot 1 '^gpureset: no graphics card at 0000:07:00$' $navi -n 07:00
boot 1 '^gpureset: no graphics card at 0000:04:00$' $navi -n 04:00
entry 1002-fff4 'keep-d0 = "for the test"'
boot 0 "reset_method|would .* put '0' into d3cold_allowed" $navi -n
is 'no pin, no word of it' 0 "$(grep -c reset_method "$dir/out")"
boot 0 "power/control of 0000:06:00.1 is 'on' now, it was 'auto'" $navi
is 'the bridges above, too' 3 "$(grep -cE 'd3cold_allowed of 0000:0[045]:0[04]\.0 ' "$dir/out")"
entry 1002-fff4 ''
quiet $navi
quiet $rec
# a person's word
entry 1002-fff4 'pin     = none "for the test"'
printf '[card 06:00]\nhook = skip\n' >"$dir/boot.conf"
quiet $navi --config "$dir/boot.conf"
printf '[card 06:00]\nhook = only-report\n' >"$dir/boot.conf"
boot 0 'would 0000:06:00.0 put' $navi --config "$dir/boot.conf"
is 'a card that is only looked at' 1 "$(lines)"
printf '[card 06:00]\nhook = sikp\n' >"$dir/boot.conf"
boot 6 'boot.conf:2' $navi --config "$dir/boot.conf"
# two cards, one of which cannot be pinned: the other is
sed '/^\[function 0000:08:02.0\]/,/^attr class/s/^attr class .*/attr class "0x030000"/' \
	tests/records/lab-gpu.rec >"$dir/two.rec"
entry 1002-fff8 'pin     = none "for the test"'
entry 8086-100e 'pin     = flr "for the test"'
boot 2 "8086-100e.quirk:15: 0000:08:02.0: reset_method cannot be pinned to 'flr'" "$dir/two.rec" -n
boot 2 "would 0000:08:01.0 put '' into reset_method$" "$dir/two.rec" -n
entry 1002-fff8 'pin     = flr "for the test"'
boot 2 'SIMULATED\): .*1002-fff8.quirk:15: 0000:08:01.0: reset_method: Invalid argument' "$dir/two.rec"
# a quirk file with errors: nothing is set by half of it
entry 1002-fff4 'pin     = frobnicate "for the test"'
boot 6 '1002-fff4.quirk:15:[0-9]+: error' $navi
boot 6 'nothing is set, .*1002-fff4.quirk has errors' $navi
