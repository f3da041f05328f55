# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2154
# Who may call what, and what is taken from the caller; read by tests/cli/run, whose t, q,
# dir and prog these are.
cp "$prog" "$dir/gpureset"
chmod 755 "$dir" "$dir/gpureset" "$q"
chmod 644 "$q"/*
root_prog=$prog

ok() { # TEXT STATUS
	if [ "$2" -eq 0 ]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "not ok $1"
	fi
}

# --- not root: what needs it says so in one sentence, the rest works -------------------
cat >"$dir/nobody" <<END
#!/bin/sh
exec setpriv --reuid 65534 --regid 65534 --clear-groups "$dir/gpureset" "\$@"
END
chmod 755 "$dir/nobody"
prog=$dir/nobody
cp tests/records/lab-fury.rec "$dir/fury.rec"
chmod 644 "$dir/fury.rec"
: >"$dir/need-root"
needs_root() {
	t 1 'only root can ' "$@"
	[ "$(wc -l <"$dir/out")" -eq 1 ]
	ok "gpureset $* as another user: one sentence: $(cat "$dir/out")" $?
	echo "$1" >>"$dir/need-root"
}
needs_root reset ff:1f --quirks "$q"
needs_root ff:1f --dry-run --quirks "$q"
needs_root plan ff:1f --quirks "$q"
needs_root recover
needs_root recover --dry-run
needs_root record ff:1f --quirks "$q"
needs_root boot --quirks "$q"
needs_root boot --dry-run --quirks "$q"
needs_root hook 101 pre-start
needs_root hook install 101
needs_root hook remove 101
needs_root quirk explain ff:1f --quirks "$q"
needs_root quirk new ff:1f --quirks "$q"
t 0 '.' list --quirks "$q"
t 0 '"cards"' list --json --quirks "$q"
t 0 'flr' methods
t 0 'amd-fiji' quirk list --quirks "$q"
t 0 '.' quirk check "$q"/amd-fiji.quirk
t 0 'usage' --help
t 0 'Fiji' plan --replay "$dir/fury.rec" --quirks "$q"
t 0 "^0b:00.Radeon R9" --complete gpureset plan --replay "$dir/fury.rec" ""
prog=$root_prog
echo "count: calls refused to another user than root: $(wc -l <"$dir/need-root")"

# --- the caller's surroundings ---------------------------------------------------------
# POSIXLY_CORRECT would end the options at the first word
POSIXLY_CORRECT=1 "$prog" list --quirks "$q" --json >"$dir/out" 2>&1
ok "the environment does not change how options are read" $?
[ "$(POSIXLY_CORRECT=1 "$prog" quirk list --quirks "$q" 2>&1)" = "$("$prog" quirk list --quirks "$q" 2>&1)" ]
ok "the same output with and without POSIXLY_CORRECT" $?

# --- as it is installed ------------------------------------------------------------------
# -o: what is built with this PREFIX must not stay
make -s -o all install Q= DESTDIR="$dir/inst" PREFIX=/opt/g BUILD="$(dirname "$prog")" >"$dir/out" 2>&1
ok "make install: $(head -n 2 "$dir/out")" $?
[ "$(stat -c %a "$dir/inst/opt/g/sbin/gpureset")" = 755 ]
ok "gpureset is installed with mode 0755: never setuid" $?
[ -z "$(find "$dir/inst" -perm /6000)" ]
ok "nothing that is installed is setuid or setgid" $?
[ -z "$(find "$dir/inst" ! -type l -perm /022)" ]
ok "nothing that is installed can be written by others" $?
policy=$dir/inst/opt/g/share/polkit-1/actions/org.gpureset.policy
if command -v xmllint >/dev/null; then
	xmllint --noout --nonet "$policy" 2>"$dir/out"
else
	python3 -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])' "$policy" 2>"$dir/out"
fi
ok "the polkit action is well-formed: $(head -n 1 "$dir/out")" $?
grep -q '<annotate key="org.freedesktop.policykit.exec.path">/opt/g/sbin/gpureset<' "$policy"
ok "the polkit action names the installed program" $?
[ "$(grep -c '>auth_admin<' "$policy")" -eq 3 ] && ! grep -qE '>(yes|auth_self|auth_admin_keep)' "$policy"
ok "the polkit action asks an administrator, whoever calls" $?
