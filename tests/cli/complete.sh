# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2154
# What bash offers at the TAB key; read by tests/cli/run, whose prog, q and dir these are.
# A recorded machine stands for this one: what was typed before the cursor names it.
tab=$dir/tab
mkdir "$tab"
cp "$prog" "$tab/gpureset"
cp src/cmd/gpureset.bash "$tab/completion"
mkdir -p "$tab/pve/qemu-server"
printf 'name: win11\nhostpci0: 0b:00\n[old]\nname: before\n' >"$tab/pve/qemu-server/100.conf"
printf 'cores: 2\n' >"$tab/pve/qemu-server/2000.conf"
two=$tab/two.lspci # two cards of the same kind, each with its audio function
{ cat tests/records/synthetic.lspci; echo; sed '1,/^01:00\.0/{/^01:00\.0/!d}; s/^01:00/41:00/' \
	tests/records/synthetic.lspci; } >"$two"
fury=tests/records/lab-fury.rec

# what COMPREPLY is for LINE up to the cursor, joined by ';'; KEY as in COMP_TYPE
reply() { # LINE KEY
	bash -c '. "$1/completion"
		COMP_LINE=$2 COMP_POINT=${#2} COMP_TYPE=$3 PATH=$1:$PATH
		_gpureset gpureset
		((${#COMPREPLY[@]} == 0)) || printf "%s;" "${COMPREPLY[@]}"' bash "$tab" "$1" "$2"
}
# tab LINE WANT: the candidates in their order, as menu completion (37) puts them in
tab() {
	got=$(reply "gpureset $1" 37)
	if [ "$got" = "$2" ]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "not ok TAB after 'gpureset $1': '$got', wanted '$2'"
	fi
}
# tab_has LINE PATTERN, tab_not: of those candidates
tab_has() { if reply "gpureset $1" 37 | tr ';' '\n' | grep -qE -- "$2"; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "not ok TAB after '$1' lacks $2"; fi; }
tab_not() { if reply "gpureset $1" 37 | tr ';' '\n' | grep -qE -- "$2"; then failed=$((failed + 1)); echo "not ok TAB after '$1' has $2"; else passed=$((passed + 1)); fi; }

# every command, by its row
tab '' "$(sed -n 's/^COMMAND(\(.*\))$/\1;/p' src/cmd/commands.def | tr -d '\n')$(reply 'gpureset reset ' 37)"
tab 'unf' 'unfreeze;'
tab 'hook ' 'show;install;remove;status;release;libvirt;'
tab 'quirk t' 'test;'
tab 'help quirk n' 'new;'
# cards, as people write them; those of the machine that was typed
tab "plan --replay $fury " '0b:00;'
tab "--replay $fury 0" '0b:00;'
tab "plan --replay=$two " '01:00;41:00;'
tab "plan --replay $two 4" '41:00;'
tab "plan --replay $two 01:00 " '41:00;'
tab "plan --replay $two 41:" '00;'
tab "plan --replay $two 0000:4" '41:00;'
tab "plan --replay $two 0000:41:" '00;'
tab "plan --replay $two 41:00." '00.0;00.1;'
tab "plan --replay $fury 0B:" '00;'
tab "quirk explain --replay $fury " '0b:00;'
tab "reset --replay $fury --at 0" '00:08.0;'
# the names of VMs and what else a place takes
tab "hook show --config-dir $tab/pve " '100;2000;'
tab "hook install --config-dir $tab/pve 100 2" '2000;'
tab 'hook 100 ' 'pre-start;post-start;pre-stop;post-stop;'
tab 'reset --method a' 'af_flr;'
tab 'reset --method=hot' 'hot_reset;'
tab 'reset -m hot' 'hot_reset;'
tab "quirk show --quirks $q amd-fi" 'amd-fiji;'
tab "plan --replay $tab/tw" "$two;"
tab "quirk check $dir/qu" "$q;"
tab "record -o $tab/tw" "$two;"
# options: those of the command, each once, and none behind --
tab 'list --js' '--json;'
tab 'reset --force-t' '--force-thunderbolt;'
tab 'list --force' ''
tab 'recover --force' '--force-in-use;'
tab 'list --json --j' ''
tab 'list -j --j' ''
tab 'list -- --j' ''
tab_has 'plan --' '^--force-in-use$'
tab_not 'plan --' 'dry-run|config-dir'
tab_not 'hook status --' 'force|method'
# shellcheck disable=SC2013
for c in $(sed -n 's/^COMMAND(\(.*\))$/\1/p' src/cmd/commands.def); do
	tab "$c --hel" '--help;'
	# what is offered is what --help tells, and all of it
	"$prog" "$c" --help | sed -n 's/^  ....--\([a-z-]*\).*/--\1/p' | sort >"$dir/told"
	reply "gpureset $c --" 37 | tr ';' '\n' | sed '/^$/d' | sort >"$dir/offered"
	if [ -s "$dir/told" ] && cmp -s "$dir/told" "$dir/offered"; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1)); echo "not ok options of $c:"; diff "$dir/told" "$dir/offered"
	fi
done

# a list says what each is; the only one goes into the line without that
case $(reply "gpureset plan --replay $two " 63) in
"01:00         Advanced Micro Devices"*";41:00         Adv"*) passed=$((passed + 1)) ;;
*) failed=$((failed + 1)); echo "not ok a list of cards has their names" ;;
esac
case $(reply "gpureset hook show --config-dir $tab/pve " 63) in
"100           win11;2000;") passed=$((passed + 1)) ;;
*) failed=$((failed + 1)); echo "not ok a list of VMs has their names" ;;
esac
case $(reply "gpureset plan --replay $fury " 63) in
"0b:00;") passed=$((passed + 1)) ;;
*) failed=$((failed + 1)); echo "not ok the only card goes into the line alone" ;;
esac
# nothing is said of what is wrong, nothing waits
tab "plan --replay $dir/nowhere " ''
tab 'frobnicate ' ''
tab 'reset --method nix ff' ''
