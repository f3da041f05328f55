// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/reg.h"

const char *reg_op_str(enum reg_op op)
{
	static const char *const text[] = {
		[REG_EQ] = "==", [REG_NE] = "!=", [REG_GE] = ">=", [REG_LT] = "<",
	};

	return text[op];
}

uint32_t reg_field(uint32_t value, uint32_t mask)
{
	return mask ? (value & mask) >> __builtin_ctz(mask) : value;
}

uint32_t reg_all_ones(const struct reg *reg)
{
	return reg->width >= 4 ? UINT32_MAX : (1u << (8 * reg->width)) - 1;
}

int reg_cond_holds(const struct reg_cond *cond, uint32_t value)
{
	uint32_t got = value & cond->mask;

	if (value == reg_all_ones(&cond->reg))
		return 0;
	switch (cond->op) {
	case REG_EQ:
		return got == cond->want;
	case REG_NE:
		return got != cond->want;
	case REG_GE:
		return got >= cond->want;
	case REG_LT:
		return got < cond->want;
	}
	return 0;
}
