/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a register is and what is asked of it: the vocabulary that quirk files,
 * plans and the executor share.
 */
#ifndef GPURESET_BASE_REG_H
#define GPURESET_BASE_REG_H

#include <stdint.h>

enum reg_space {
	REG_CONFIG,             /* off: byte in configuration space */
	REG_BAR,                /* off: byte in BAR @bar, 32 bits wide */
	REG_INDIRECT,           /* off: address written to @index, data at @data */
};

/* One register of one function. @index and @data are bytes in BAR @bar. */
struct reg {
	enum reg_space space;
	uint8_t bar;
	uint8_t width;          /* bytes: 1, 2 or 4 */
	uint32_t off;
	uint32_t index, data;   /* REG_INDIRECT only */
};

enum reg_op { REG_EQ, REG_NE, REG_GE, REG_LT };

/*
 * (value of @reg & @mask) @op @want, both unshifted. A value whose bits (all @width
 * bytes) are all ones never satisfies a condition: that is what a lost device reads
 * as, and "one-bit field == 1" would otherwise hold on a dead card.
 */
struct reg_cond {
	struct reg reg;
	enum reg_op op;
	uint32_t mask, want;
	const char *name;       /* "BACO_CNTL.MODE" */
};

#define REG_ALTERNATIVES 2      /* "A or B": as many as any known card needs */

/* Text of an operator: "==", "!=", ">=", "<". */
const char *reg_op_str(enum reg_op op);

/* A field's own value: @value under @mask, moved down to bit 0. */
uint32_t reg_field(uint32_t value, uint32_t mask);

/* All ones over the register's width: the value a lost device reads as. */
uint32_t reg_all_ones(const struct reg *reg);

/* Does @value (read from @cond->reg) satisfy @cond? False for all ones, always. */
int reg_cond_holds(const struct reg_cond *cond, uint32_t value);

#endif
