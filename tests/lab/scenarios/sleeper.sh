# SPDX-License-Identifier: GPL-2.0-or-later
# A card at all ones that a bus reset brings back.
. /lab/scenarios/tool.sh
is_there 09:00.0 09:00.1
ctl "kill sleeper" >/dev/null
g 0 09:00
says 'reset by bus at 0000:00:06.0 and healthy'
is_there 09:00.0 09:00.1
