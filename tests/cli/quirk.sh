# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2154
# `gpureset quirk ...` and `gpureset methods`; read by tests/cli/run, whose t, q and dir
# these are. A recording stands for a machine, so that no device is looked at.
for rec in tests/data/*.rec; do break; done
at=$(sed -n 's/^target //p' "$rec" | head -n 1)
good=$dir/good.quirk
cat >"$good" <<'END'
# SPDX-License-Identifier: MIT
format = 1

[device]
name    = made up
pci     = 1234:0001

[notes]
problem = none
source  = none
status  = vendor

[reset]
method  = sequence go
method  = bus
deny    = flr "for the test"

[registers]
space mmio = bar0 bytes size 4K
A = mmio 0x10
B = mmio 0x14

[sequence go]
require A == 1 else skip "not that kind"
write B = 1
wait B == 2 within 1 s

[health]
require A != 7
END

# the words themselves
t 1 'subcommands:' quirk
t 0 'subcommands:' quirk --help
t 1 "did you mean 'check'" quirk chek
t 1 "did you mean 'explain'" quirk explian
t 1 'gpureset quirk lists them' quirk frobnicate
for c in check explain list show new test; do
	t 0 "usage: gpureset quirk $c" quirk $c --help
	t 1 'unrecognized option' quirk $c --frobnicate
done
t 0 'output FILE' quirk new --help
for c in check explain show new test; do t 1 'something is missing' quirk $c; done
t 1 'one too many' quirk list x
t 1 'one too many' quirk show a b
t 1 'one too many' quirk explain 0b:00 0c:00

# check
t 0 '^1 file, 1 sequence, 0 errors$' quirk check "$good"
t 0 '^[0-9]+ files, [0-9]+ sequences, 0 errors$' quirk check quirks
if "$prog" quirk check -q "$good" >"$dir/out" 2>&1 && [ ! -s "$dir/out" ]; then
	passed=$((passed + 1))
else
	failed=$((failed + 1)); echo 'not ok quirk check -q: it fails, or says something'
fi
t 1 'No such file' quirk check "$dir/nothing.quirk"
mkdir -p "$dir/empty.d"
t 1 'no quirk file in this folder' quirk check "$dir/empty.d"
t 6 'x\.quirk:5:1: error' quirk check "$dir/bad/x.quirk"
t 6 '^2 files, 1 sequence, [1-9][0-9]* errors?$' quirk check "$good" "$dir/bad/x.quirk"
t 6 '"file":".*x\.quirk","line":5,"column":1,"message":"unknown key' quirk check --json "$dir/bad"
t 0 '^\[\]$' quirk check --json "$good"
mkdir "$dir/tie"
cp "$good" "$dir/tie/one.quirk"
cp "$good" "$dir/tie/two.quirk"
t 6 'one\.quirk.*two\.quirk|two\.quirk.*one\.quirk' quirk check "$dir/tie"
printf '# SPDX-License-Identifier: MIT\nformat = 1\n\n[registers]\nspce x = config\n' >"$dir/lone.inc"
t 6 'lone\.inc:5:6: error' quirk check "$dir/lone.inc"
printf '# SPDX-License-Identifier: MIT\nformat = 1\n\n[registers]\nspace x = config\n' >"$dir/lone.inc"
t 0 '^1 file, 0 sequences, 0 errors$' quirk check "$dir/lone.inc"
# what a folder holds besides quirk files is named; a single file of another name is read
mkdir "$dir/mixed"
cp "$good" "$dir/mixed"
cp "$good" "$dir/mixed/later.quirk.txt"
t 0 '^passed over, neither \*\.quirk nor \*\.inc: later\.quirk\.txt$' quirk check "$dir/mixed"
t 0 'later\.quirk\.txt: of a quirk folder only files named \*\.quirk are loaded' quirk check "$dir/mixed/later.quirk.txt"

# --quirks: includes are looked up there, and other entries for the card
mkdir "$dir/draft" "$dir/shared"
printf '# SPDX-License-Identifier: MIT\nformat = 1\n\n[registers]\nspace c = config\nR = c 0x40\n' >"$dir/shared/common.inc"
sed -n '1,/^deny/p' "$good" | sed 's/^format = 1/&\ninclude = common/; /sequence/d' >"$dir/draft/mine.quirk"
printf '\n[restore]\nkeep R\n' >>"$dir/draft/mine.quirk"
t 6 'cannot include common\.inc: no quirk folder has it, searched: .*/draft' quirk check "$dir/draft/mine.quirk"
t 6 'searched: .*/draft, .*/empty\.d$' quirk check "$dir/draft/mine.quirk" --quirks "$dir/empty.d"
t 0 '^1 file, 0 sequences, 0 errors$' quirk check "$dir/draft/mine.quirk" --quirks "$dir/shared"
t 0 '^3 passed, 0 failed$' quirk test "$dir/draft/mine.quirk" --quirks "$dir/shared"
t 0 '^restore: 1 statement' quirk show "$dir/draft/mine.quirk" --quirks "$dir/shared"
cp "$good" "$dir/shared"
t 2 'shared/good\.quirk:6 and by .*mine\.quirk:7, which are equally specific' quirk test "$dir/draft/mine.quirk" --quirks "$dir/shared"
t 1 'nothing: No such file' quirk check "$good" --quirks "$dir/nothing"

# list and show need neither root nor a card
t 0 '^amd-fiji +1002:7300 \+1 +vendor +.*baco' quirk list --quirks "$q"
t 0 '"id":"amd-fiji","file":".*","name":"AMD Fiji' quirk list --json --quirks "$q"
t 6 'no quirk file' quirk list --quirks "$dir/empty.d"
t 0 'sequence baco: [0-9]+ statements, at most' quirk show amd-fiji --quirks "$q"
t 0 '^ +1\. require CC_BIF_BX_FUSESTRAP0.PX_CAPABLE == 0x1 \[bar5\+0x535c\]' quirk show amd-fiji --quirks "$q"
t 0 'deny +pm: ' quirk show amd-fiji --quirks "$q"
t 0 '"kind":"sequence","name":"go","worst_ms":1000.000' quirk show "$good" --json
t 1 "did you mean 'amd-fiji'" quirk show amd-fuji --quirks "$q"
t 1 'no entry.*give the file: quirks/frobnicate\.quirk' quirk show frobnicate --quirks "$q"
t 6 'x\.quirk:5:1: error' quirk show "$dir/bad/x.quirk"
t 1 'nothing\.quirk' quirk show "$dir/nothing.quirk"

# explain
t 0 'amd-fiji\.quirk:6: by its id' quirk explain 1002:7300 --quirks "$q"
t 0 'amd-fiji\.quirk:6: by its id' quirk explain 1002:7300:1002:0b36 --quirks "$q"
t 0 'no entry is about it: the default ladder is none, ' quirk explain 1234:ffff --quirks "$q"
t 1 'column' quirk explain zz:00 --quirks "$q"
t 1 'column' quirk explain 1002:73zz --quirks "$q"
t 1 'no such device' quirk explain ff:1f --quirks "$q" --replay "$rec"
t 0 'bridges above' quirk explain "$at" --quirks "$q" --replay "$rec"
ids=$(sed -n "/^\[function $at.0\]/,/^\[/s/^attr \(vendor\|device\) \"0x\(.*\)\"/\2/p" "$rec" | paste -sd:)
mkdir "$dir/one" "$dir/both"
sed "s/1234:0001/$ids/" "$good" >"$dir/one/mine.quirk"
t 0 'mine\.quirk:6: this one is used' quirk explain "$at" --quirks "$dir/one" --replay "$rec"
sed "s/^pci .*/&\nrevision = fe/" "$dir/one/mine.quirk" >"$dir/one/other.quirk"
t 0 'other\.quirk:6: no: it is about other revisions' quirk explain "$at" --quirks "$dir/one" --replay "$rec"
cp "$dir/one/mine.quirk" "$dir/both/a.quirk"
cp "$dir/one/mine.quirk" "$dir/both/b.quirk"
t 6 'a\.quirk:6: equally specific' quirk explain "$at" --quirks "$dir/both" --replay "$rec"

# new: right but for what only a person knows
new=$dir/new.quirk
t 0 "^pci     = $ids\$" quirk new "$at" --replay "$rec"
t 0 'wrote .*new\.quirk' quirk new "$at" --replay "$rec" -o "$new"
t 1 'left as it is' quirk new "$at" --replay "$rec" -o "$new"
t 1 'no such device' quirk new ff:1f --replay "$rec"
t 1 'column' quirk new zz:00
t 6 'problem =' quirk check "$new"
t 6 'evidence =' quirk check "$new"
sed 's/^problem =$/problem = it hangs/; s/^evidence =$/evidence = user 2026-05 me: it hangs/' "$new" >"$dir/one/done.quirk"
rm "$dir"/one/mine.quirk "$dir"/one/other.quirk
t 0 '^1 file, 0 sequences, 0 errors$' quirk check "$dir/one/done.quirk"
t 0 '^[0-9]+ passed, 0 failed$' quirk test "$dir/one/done.quirk"

# what was in force is shown in the new file: all that holds for a reset, denials taken over
t 0 '^# No quirk file is about it yet\.$' quirk new "$at" --replay "$rec" --quirks "$q"
mkdir "$dir/old"
sed "s/1234:0001/$ids-ffff/; s/^A = .*/&\nV = cfg 0x50/; s/^space mmio.*/&\nspace cfg = config/" "$good" >"$dir/old/wide.quirk"
sed -i 's/^deny .*/&\nkeep-d0 = "for the test"/' "$dir/old/wide.quirk"
printf '\n[restore]\nkeep V    # a note\n' >>"$dir/old/wide.quirk"
for p in '^# In force for it now: .*wide\.quirk \(vendor\)\. This file is more specific and$' \
	'^#   method  = sequence go$' '^#   keep-d0 = "for the test"$' '^#   \[restore\]$' \
	'^#   keep V    # a note$' '^#   require A != 7$' '^deny    = flr "for the test"$' \
	'^#   and its \[registers\] and \[sequence\] sections'; do
	t 0 "$p" quirk new "$at" --replay "$rec" --quirks "$dir/old"
done
"$prog" quirk new "$at" --replay "$rec" --quirks "$dir/old" >"$dir/one/done.quirk" 2>/dev/null
sed -i 's/^problem =$/problem = it hangs/; s/^evidence =$/evidence = user 2026-05 me: it hangs/' "$dir/one/done.quirk"
t 0 '^1 file, 0 sequences, 0 errors$' quirk check "$dir/one/done.quirk"
cp "$dir/one/done.quirk" "$dir/old/narrow.quirk"
t 0 'narrow\.quirk:[0-9]+: this one is used' quirk explain "$at" --replay "$rec" --quirks "$dir/old"
t 0 'narrow\.quirk \(untested\)\. This file claims the$' quirk new "$at" --replay "$rec" --quirks "$dir/old"
sed -i "s/^pci .*/pci = $ids:$(sed -n "/^\[function $at.0\]/,/^\[/s/^attr subsystem_\(vendor\|device\) \"0x\(.*\)\"/\2/p" "$rec" | paste -sd:)/" "$dir/old/narrow.quirk"
t 0 'narrow\.quirk \(untested\)\. It is more specific than$' quirk new "$at" --replay "$rec" --quirks "$dir/old"
cp "$dir/old/narrow.quirk" "$dir/old/other.quirk"
t 0 '^# Refused now: .*equally specific' quirk new "$at" --replay "$rec" --quirks "$dir/old"
t 0 'is no GPU \(class 0403\): an entry of role audio can only deny' quirk new "$at.1" --replay "$rec" --quirks "$q"
t 0 ', kernel unknown\.$' quirk new 01:00 --replay tests/records/synthetic.lspci --quirks "$q"
if ls /etc/gpureset/quirks/*.quirk /usr/share/gpureset/quirks/*.quirk >/dev/null 2>&1; then
	echo 'quirk: quirk files are installed here: what is said without them is not tested'
else
	for c in plan 'quirk explain' 'quirk new'; do
		# shellcheck disable=SC2086
		t 0 'note: no quirk file is installed; --quirks DIR' $c "$at" --replay "$rec"
	done
fi

# test
t 0 '^ok   good \[go\]: obliging device healthy' quirk test "$good"
t 0 'lost at access 1\.\.[0-9]+: 0 silent; 1 waits stuck, 1 requirements and 1 health checks not met: 3 named' quirk test "$good"
t 0 '^3 passed, 0 failed$' quirk test "$good"
t 0 '"passed":3,"failed":0' quirk test --json "$good"
sed 's/^require A != 7/require A == 1\n\n[clean]\nrequire A == 2/' "$good" >"$dir/one/done.quirk"
t 2 'done\.quirk:2[0-9]: what is asked for here cannot all be true at once' quirk test "$dir/one/done.quirk"
sed 's/^pci .*/&\nclass = 0200/' "$good" >"$dir/one/done.quirk"
t 2 'done\.quirk:6: a card with this id' quirk test "$dir/one/done.quirk"
t 2 'one\.quirk:6 and by .*two\.quirk:6, which are equally specific' quirk test "$dir/tie/one.quirk"
t 1 'nothing to test' quirk test "$dir/lone.inc"
t 1 'No such file' quirk test "$dir/nothing.quirk"
t 2 '^0 passed, 1 failed$' quirk test "$dir/bad/x.quirk"

# methods
t 0 '^flr +function +100 ms' methods
t 0 '"name":"bus","scope":"bridge"' methods --json
t 1 'methods takes no address' methods 0b:00
t 0 'usage: gpureset methods' methods --help

# A file whose ids cannot be read may forbid anything for any card: nothing is done
# until it is mended. (A link is not followed, whatever it points to.)
R=tests/data/caldera-e3000.rec
mkdir "$dir/lost"
deny() { # FILE PCI-LINE
	printf 'format = 1\n[device]\nname = x\n%s\n[notes]\nsource = y\n[reset]\ndeny = all "burns"\n' "$2" >"$dir/lost/$1"
}
refused() { t 6 'quirk files? cannot be read well enough' reset -n --replay $R --quirks "$dir/lost"; }
deny a.quirk 'pci = 1234:0001'
t 0 'not done|nothing|would|sequence|hot_reset|bus' reset -n --replay $R --quirks "$dir/lost"
deny real 'pci = ca4d:3000'
ln -s real "$dir/lost/b.quirk"
refused
rm "$dir/lost/b.quirk"
deny b.quirk 'pci = ca4d:3001 300O'
refused
deny b.quirk "$(printf 'pci = ca4d:3001\n[device]\npci = ca4d:3000')"
refused
deny b.quirk "$(printf 'pci = ca4d:3001\npcii = ca4d:3000')"
refused
rm "$dir/lost/b.quirk"

# Under lockdown the registers that tell whether the chip is well are read through VFIO.
# Where that cannot be (no IOMMU) a reset is done, and not called healthy.
mkdir "$dir/judge"
cat >"$dir/judge/c.quirk" <<'END'
format = 1
[device]
name = x
pci = ca4d:3000
[notes]
source = y
[reset]
method = hot_reset
[registers]
space mmio = bar2 bytes size 4K
STATUS = mmio 0x200
[health]
require STATUS == 0
END
sed '/^target /a file /sys/kernel/security/lockdown "none [integrity] confidentiality"' $R >"$dir/locked.rec"
t 0 'reset by hot_reset and healthy' reset --replay $R --quirks "$dir/judge"
sed '/^attr iommu_group /d' "$dir/locked.rec" >"$dir/blind.rec"
t 0 'reset by hot_reset and healthy' reset --replay "$dir/locked.rec" --quirks "$dir/judge"
sed -i 's/^method = hot_reset/method = subordinate/' "$dir/judge/"*.quirk
t 2 'reset by subordinate at .* and NOT known to be healthy' reset --replay "$dir/blind.rec" --quirks "$dir/judge"
t 2 '"unjudged":"kernel lockdown' reset --json --replay "$dir/blind.rec" --quirks "$dir/judge"

# Of a bridge no revision is known, so that its denials hold; explain and plan agree.
mkdir "$dir/port"
port=$(sed -n '/^attr device "0x/{s///;s/"$//p;q}' $R)
printf 'format = 1\n[device]\nname = x\npci = 8086:%s\nrole = root-port\nrevision = 77\n[notes]\nsource = y\n[reset]\ndeny = hot_reset "the link stays down"\n' "$port" >"$dir/port/p.quirk"
t 0 'p\.quirk:4: this one is used' quirk explain --replay $R --quirks "$dir/port" 0b:00
t 0 'hot_reset: denied: .*p\.quirk' plan --replay $R --quirks "$dir/port" 0b:00
