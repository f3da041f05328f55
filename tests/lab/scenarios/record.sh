# SPDX-License-Identifier: GPL-2.0-or-later
# Recording changes nothing; a recording gives the same plan as the machine; a recorded
# run can be played again, and only as it was. Prints the recordings: tests/records.
. /lab/scenarios/tool.sh
d=/run/records
mkdir -p $d

# look NAME SLOT: all that record could have changed
look() {
	ctl "state $1"
	for f in $(functions "$2"); do
		hexdump -C $sysfs/$f/config
		for a in driver_override enable power/control power_state reset_method; do
			cat $sysfs/$f/$a 2>/dev/null
		done
		driver $f
	done
}

# emit NAME: the file into the transcript, between lines that name it
emit() {
	echo "<<< $1.rec"
	cat $d/$1.rec
	echo ">>> $1.rec"
}

# one NAME SLOT STATUS: of its plan
one() {
	look $1 $2 >/run/before
	g 0 record $2 -o $d/$1.rec
	look $1 $2 >/run/after
	cmp /run/before /run/after || fail "record changed $1: $(diff /run/before /run/after | head -n 3)"
	[ "$(head -n 1 $d/$1.rec)" = 'gpureset-record 1' ] || fail "$1: $(head -n 1 $d/$1.rec)"
	g $3 plan -v $2
	cp /run/out /run/live
	g $3 plan -v $2 --replay $d/$1.rec
	cmp /run/live /run/out || fail "another plan from the recording of $1: $(diff /run/live /run/out | head -n 5)"
	# a recording of a recording is the same text
	g 0 record --replay $d/$1.rec -o $d/again.rec
	grep -v 'not read' $d/$1.rec >/run/first
	grep -v 'not read' $d/again.rec >/run/second
	cmp /run/first /run/second || fail "$1: recorded again: $(diff /run/first /run/second | head -n 5)"
	rm $d/again.rec
}
one fury 0b:00 0
one flr 01:00 0
one navi 06:00 0
# the foreign network card beside it makes every method a refused one
one gpu 08:01 5

# it is never written over what is there, and never to the card
g 1 record 0b:00 -o $d/fury.rec
says 'exists already'
g 1 record 1f:00 -o $d/nothing.rec
[ ! -e $d/nothing.rec ] || fail "a file for a card that does not exist"
g 0 record 0b:00
cmp /run/out $d/fury.rec || fail "standard output differs: $(diff /run/out $d/fury.rec | head -n 3)"

# the cards' kernel log lines are in it
grep -q '^log .*0000:0b:00.0' $d/fury.rec || fail "no line of the kernel's log"

# a run: BACO of a used Fury X, and an FLR
bind_vfio 0b:00
dirty
baco=$(count fury baco)
g 0 --record-run $d/fury-baco.rec 0b:00
says 'reset by sequence baco and healthy'
[ "$(count fury baco)" -eq $((baco + 1)) ] || fail "the model saw no BACO"
cp /run/out /run/live
g 0 --replay $d/fury-baco.rec
cmp /run/live /run/out || fail "the replay says: $(diff /run/live /run/out | head -n 3)"
[ "$(count fury baco)" -eq $((baco + 1)) ] || fail "the replay touched the card"
g 0 --record-run $d/flr-flr.rec 01:00
says 'reset by flr and healthy'
cp /run/out /run/live
g 0 --replay $d/flr-flr.rec
cmp /run/live /run/out || fail "the replay says: $(diff /run/live /run/out | head -n 3)"

# one value of the run changed: refused, with its place
line=$(grep -n '^@ .* bar w ' $d/fury-baco.rec | sed -n '9s/:.*//p')
sed "${line}s/\( bar w [^ ]* [0-9] [^ ]*\) ......../\1 12345678/" $d/fury-baco.rec >/run/bad.rec
g 6 --replay /run/bad.rec
says "/run/bad.rec:$line: recorded 'bar w .*12345678', asked for 'bar w "

for r in fury flr navi gpu fury-baco flr-flr; do emit $r; done
