# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# What the TAB key offers after `gpureset`; the program itself knows (complete.c).
_gpureset()
{
	local line=${COMP_LINE:0:COMP_POINT} words cur head word what bare=()
	read -ra words <<<"$line"
	[[ $line == *[[:blank:]] ]] && words+=('')
	cur=${words[-1]}
	# readline replaces only what stands behind the last ':' or '=' of a word
	head=${cur%"${cur##*[:=]}"}
	COMPREPLY=()
	while IFS=$'\t' read -r word what; do
		if [[ -z $word ]]; then
			compopt -o filenames 2>/dev/null
			mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "${cur#"$head"}")
		elif [[ $COMP_TYPE == 37 || $COMP_TYPE == 42 || -z $what ]]; then
			COMPREPLY+=("${word:${#head}}") # one after the other goes into the line
		else
			bare+=("${word:${#head}}")
			printf -v word '%-12s  %s' "${bare[-1]}" "$what"
			COMPREPLY+=("${word:0:${COLUMNS:-80} - 2}")
		fi
	done < <(PATH=$PATH:/usr/sbin "$1" --complete "${words[@]}" 2>/dev/null)
	# the only one is put into the line, without what it is
	((${#COMPREPLY[@]} != 1)) || COMPREPLY=("${bare[0]:-${COMPREPLY[0]}}")
}
complete -o nosort -F _gpureset gpureset
