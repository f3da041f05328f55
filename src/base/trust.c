// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/trust.h"

#include <stddef.h>

const char *trust_kind(const struct stat *st, bool folder)
{
	if (folder)
		return S_ISDIR(st->st_mode) ? NULL : "it is not a folder";
	return S_ISREG(st->st_mode) ? NULL : "it is not a regular file";
}

const char *trust_refuses(const struct stat *st, bool folder)
{
	const char *why = trust_kind(st, folder);

	if (why)
		return why;
	if (st->st_uid != 0)
		return "it does not belong to root";
	if (st->st_mode & (S_IWGRP | S_IWOTH))
		return "others than root can write to it";
	return NULL;
}
