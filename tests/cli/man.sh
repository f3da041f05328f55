# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2154
# The manual pages as they are installed; read by tests/cli/run, whose prog and dir these
# are. Their tables are made of the program's rows: here those are taken from the sources,
# so that a row that does not get into its page is found.
man=$(dirname "$prog")/man
for page in gpureset.8 gpureset.conf.5 gpureset-quirk.5; do
	if mandoc -Tlint -W warning "$man/$page"; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1)); echo "not ok mandoc -Tlint $page"
	fi
	mandoc -Tascii "$man/$page" | col -bx >"$dir/$page"
done

# has PAGE PATTERN...: a line of the page that begins with it
has() {
	page=$1
	shift
	[ $# -gt 0 ] || { failed=$((failed + 1)); echo "not ok $page: no rows were found"; }
	for pattern in "$@"; do
		if grep -qE -- "^ +$pattern" "$dir/$page"; then
			passed=$((passed + 1))
		else
			failed=$((failed + 1)); echo "not ok $page has no line '$pattern'"
		fi
	done
}
# rows FILE SED-SCRIPT: words of the sources
rows() { sed -n "$2" "$1"; }
# shellcheck disable=SC2046
has gpureset.8 $(cat src/cmd/*.c src/cmd/*/*.c | rows - 's/^	\(\.cmd\)*\.name = "\([a-z ]*\)",$/\2/p' | tr ' ' '.')
# shellcheck disable=SC2046
has gpureset.8 $(rows src/cmd/options.c "s/^	{ '[a-z]', \"\([a-z-]*\)\".*/-.,.--\1/p")
# shellcheck disable=SC2046
has gpureset.8 $(rows src/cmd/options.c "s/^	{ '[A-Z]', \"\([a-z-]*\)\".*/(-.,.)?--\1/p")
# shellcheck disable=SC2046
has gpureset.8 $(rows src/plan/guards.c 's/^	{ "\(force-[a-z-]*\)".*/--\1$/p')
# shellcheck disable=SC2046
has gpureset.8 $(cat src/plan/methods/*.c | rows - 's/^	\.name = "\([a-z_]*\)",$/\1 /p')
# shellcheck disable=SC2046
has gpureset.8 $(rows src/run/supervise.h 's/^	EXIT_[A-Z_]* = \([0-9]\),.*/\1..[A-Z]/p')
# shellcheck disable=SC2046
has gpureset.conf.5 $(rows src/cmd/config_parse.c 's/^	\[KEY_[A-Z_]*\] = { "\([a-z-]*\)".*/\1.=.[a-zA-Z0-9]/p')
# shellcheck disable=SC2046
has gpureset-quirk.5 $(rows src/quirk/parse_keys.c 's/^	{ "\([a-z0-9-]*\)", .*key_[a-z_0-9]* },$/\1.=/p')
# shellcheck disable=SC2046
has gpureset-quirk.5 $(rows src/quirk/parse_stmt.c 's/^	{ "\([a-z]*\)", IN_.*/\1/p')

# each example is a line that the program takes

sed -n '/^EXAMPLES/,/^DIAGNOSTICS/s/^     gpureset \(.*\)/\1/p' "$dir/gpureset.8" >"$dir/examples"
[ "$(wc -l <"$dir/examples")" -ge 20 ] || { failed=$((failed + 1)); echo "not ok few examples"; }
while read -r line; do
	# shellcheck disable=SC2086
	t 0 '^usage: gpureset' $line --help </dev/null
done <"$dir/examples"
