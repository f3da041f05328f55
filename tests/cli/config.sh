# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2154
# gpureset.conf; read by tests/cli/run, whose t, q and dir these are. A file with a
# mistake is not obeyed and says where it is; what a card's section allows is allowed
# for that card alone.
conf=$dir/gpureset.conf
fury=tests/records/lab-fury.rec
mkdir "$dir/untried"
cp quirks/*.inc "$dir/untried"/
sed 's/^status .*/status = untested/; /^evidence = /d' quirks/amd-fiji.quirk >"$dir/untried/amd-fiji.quirk"
# c STATUS PATTERN TEXT COMMAND...: with that configuration
c() {
	printf '%b' "$3" >"$conf"
	want=$1 pattern=$2
	shift 3
	t "$want" "$pattern" "$@" --config "$conf" --replay $fury --quirks "$dir/untried"
}
denied='sequence baco: refused'
allowed='sequence baco: at least'
c 0 "$denied" '' plan 0b:00
c 0 "$allowed" 'allow-untested = amd-fiji\n' plan 0b:00
c 0 "$allowed" '[card 0b:00]\nallow-untested = amd-fiji\n' plan 0b:00
c 0 "$allowed" '[card 0b:00.1]\nallow-untested = all\n' plan 0b:00
c 0 "$denied" '[card 0c:00]\nallow-untested = amd-fiji\n' plan 0b:00
c 0 "$denied" '[vm 101]\nallow-untested = amd-fiji\n' plan 0b:00
c 0 "$denied" '[card 0b:00]\nallow-untested = amd-vega10\n' plan 0b:00
c 0 'sequence baco_exit .*amd-fiji' '[card 0b:00]\nallow-untested = all\n' list
c 0 '(hot_reset|none usable) .*amd-fiji' '[card 0c:00]\nallow-untested = all\n' list
c 0 "$allowed" '[card 0b:00]\nallow-untested = all\n' reset -n 0b:00
c 0 "$denied" '[card 0c:00]\nallow-untested = all\n' reset -n 0b:00
# the hooks' keys are known here, and whatever is wrong with them is said
c 0 "$denied" 'hook = skip\n[vm 101]\npost-stop-timeout = 55s\nstart-anyway = yes\n' plan 0b:00
c 6 "conf:1:1: error: unknown key 'hok'; did you mean 'hook'" 'hok = skip\n' plan 0b:00
c 6 'conf:2:21: error: post-stop-timeout is 10s to 55s: Proxmox waits 60 s' '[vm 101]\npost-stop-timeout = 90s\n' list
c 6 'conf:1:8: error: missing' '[vm 101\n' reset -n 0b:00
c 6 'conf:2:7: error: card 0b:00 has a section already, in line 1' '[card 0b:00]\n[card 0b:00]\n' plan 0b:00
t 6 'nowhere.conf: No such file' plan 0b:00 --config "$dir/nowhere.conf" --replay $fury --quirks "$q"
chmod 666 "$conf"
t 6 'is not obeyed: others than root can write to it' plan 0b:00 --config "$conf" --replay $fury --quirks "$q"
