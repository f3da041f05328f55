# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2154
# `gpureset tree`; read by tests/cli/run, whose t and dir these are. What it says of
# registers is compared with lspci by tests/tree/run; only recorded machines are looked at.
gpu=tests/records/lab-gpu.rec
navi=tests/records/lab-navi.rec
made=$dir/made
tests/tree/machine 1 >"$made"
tree() { # STATUS PATTERN ARGS...
	a=$1 b=$2
	shift 2
	t "$a" "$b" tree -q "$@"
}
# holds TEXT COMMAND...: one more test
holds() {
	text=$1
	shift
	if "$@"; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "not ok gpureset tree: $text"
	fi
}

t 0 'usage: gpureset tree' tree --help
t 1 'one of them' tree --json --dot --replay "$gpu"
t 1 'one of them' tree --svg --dot --replay "$gpu"
t 1 'column 1: two hex digits' tree zz:00 --replay "$gpu"
t 1 'ff:1f: no such device' tree ff:1f --replay "$gpu"
t 1 'No such file' tree --replay "$dir/missing"
t 6 'neither a recording' tree --replay README.md
tree 0 'no GPU found' --replay tests/tree/no-gpu.dump

# the neighbour that shares the conventional bus, in all four ways to say it
tree 0 '^A +[|]- 08:01\.0 VGA' --replay "$gpu"
tree 0 '^A> +`- 07:00\.0 PCIe-to-PCI bridge, bus 08' --replay "$gpu"
tree 0 '1 of 2 are not of this card: 08:02\.0 \(e1000\)' --replay "$gpu"
tree 0 'NEIGHBOUR that a reset would hit: Intel' --replay "$gpu"
tree 0 '"hits":\["0000:08:01\.0","0000:08:02\.0"\]' --json --replay "$gpu"
tree 0 'fillcolor="#ffc9c4", label="08:02\.0  NEIGHBOUR' --dot --replay "$gpu"
tree 0 'subgraph cluster_0 \{' --dot --replay "$gpu"
tree 0 'label="IOMMU group 15"' --dot --replay "$gpu"
tree 0 '<title>cluster_0</title>' --svg --replay "$gpu"
# two bridges, one inside the other: which method acts where
tree 0 '^  B  hot_reset, subordinate, bus at 05:00\.0: all of this card' --replay "$navi"
tree 0 '^  A  subordinate, bus at 00:04\.0: all of this card' --replay "$navi"
tree 0 '^AB> +.- 05:00\.0 switch downstream port, bus 06' --replay "$navi"

# which part of the machine
shown() { "$prog" tree -q "$@" --json --replay "$made" | grep -o '"kind":' | wc -l; }
"$prog" tree -q --json --replay "$made" >"$dir/json"
card=$(grep -o '"slot":"[0-9a-f:]*","name"' "$dir/json" | head -n 1 | cut -d'"' -f4)
all=$(shown --all) cards=$(shown) one=$(shown "$card")
ascending() { [ "$1" -lt "$2" ] && [ "$2" -lt "$3" ] && [ "$3" -lt "$4" ]; }
holds "one card ($one), all cards ($cards), all ($all)" ascending 0 "$one" "$cards" "$all"
holds "all is all that the file has" [ "$all" = "$(grep -cE '^[0-9a-f]{4}:' "$made")" ]
holds "a function stands for its slot" [ "$(shown "$card.0")" = "$one" ]
tree 0 "\"cards\":\\[\\{\"slot\":\"$card\"" --json "$card" --replay "$made"

# colours: not into a pipe; on a terminal, unless somebody says NO_COLOR
esc=$(printf '\033')
inks() { # ENVIRONMENT...: how many lines have colours on a terminal
	env "$@" script -qec "'$prog' tree -q --replay '$gpu'" /dev/null | grep -c "$esc"
}
holds "no colours in a pipe" [ "$("$prog" tree -q --replay "$gpu" | grep -c "$esc")" = 0 ]
holds "colours on a terminal" [ "$(inks TERM=xterm)" -gt 3 ]
holds "NO_COLOR is heard" [ "$(inks TERM=xterm NO_COLOR=1)" = 0 ]
holds "a dumb terminal gets none" [ "$(inks TERM=dumb)" = 0 ]

# what is said in a file is not passed on to a terminal
printf '01:00.0 VGA [0300]: \033[31mEvil "name\\ [1002:7300]\n%s\n' \
	'00: 02 10 00 73 00 00 00 00 00 00 00 03 00 00 00 00
10: 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
20: 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
30: 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00' >"$dir/evil"
holds "no control characters" [ "$("$prog" tree -q --replay "$dir/evil" | grep -c "$esc")" = 0 ]
for file in "$dir/evil" "$made" "$gpu" "$navi"; do
	"$prog" tree -q --all --json --replay "$file" | python3 -m json.tool >"$dir/out"
	holds "JSON of $file" [ -s "$dir/out" ]
	"$prog" tree -q --all --dot --replay "$file" | dot -Tplain >"$dir/out" 2>"$dir/err"
	holds "Graphviz draws $file" grep -q '^stop' "$dir/out"
	holds "Graphviz has no complaint about $file" [ ! -s "$dir/err" ]
done

# files that lie about bridges
sed 's/^parent 0000:00:05.0/parent 0000:08:01.0/' "$gpu" >"$dir/circle"
tree 6 ': 0000:0[078]:0[015].0.* is below itself' --replay "$dir/circle"
sed 's/^parent 0000:00:05.0/parent 0000:07:00.0/' "$gpu" >"$dir/itself"
tree 6 'a function cannot be below itself' --replay "$dir/itself"
