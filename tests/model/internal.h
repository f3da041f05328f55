/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the model share; owners of cards use model.h only. */
#ifndef MODEL_INTERNAL_H
#define MODEL_INTERNAL_H

#include "model.h"

#define CFG_LEGACY	256u	/* configuration space as far as every card has it */
#define CFG_MAX		4096u	/* with the extended capabilities of PCI Express */
#define MAX_FUNCTIONS	4
#define MAX_BARS	6
#define ALL_ONES	0xffffffffu
#define ARRAY_LEN(a)	(sizeof(a) / sizeof(*(a)))

/* Offsets of the capabilities every card of the model has; Fiji's own layout. */
#define CAP_PM		0x50u
#define CAP_PCIE	0x58u

struct bar_desc {
	uint64_t size;		/* power of two; 0 = the function has no such BAR */
	bool io;
	bool wide;		/* 64 bits: the next BAR's register is its upper half */
	bool prefetch;
};

/* A register of configuration space: after a reset, and the bits that can be written */
struct cfg_reg {
	uint16_t off;
	uint8_t width;
	uint32_t value, writable;
};

struct fn_desc {
	uint16_t device;
	uint32_t class_code;	/* class, subclass, programming interface */
	uint16_t sub_vendor, sub_device;
	struct bar_desc bar[MAX_BARS];
	/* on top of what every function has, up to a row of width 0; may be NULL */
	const struct cfg_reg *cfg;
};

/* A register whose value is burnt in. */
struct const_reg {
	int fn, bar;
	uint32_t off, value;
};

enum reset_kind { RESET_BUS, RESET_FLR, RESET_PM, RESET_POWER, RESET_SELF };

/* What brings a killed card back. */
enum revival { REVIVE_POWER, REVIVE_BUS };

/* Behaviour beyond "registers are memory, a reset clears them"; any may be NULL. */
struct card_ops {
	/* Power-on state of the inside; the first call finds *card zeroed. */
	int (*power_on)(struct card *card);
	void (*free)(struct card *card);
	/* A reset reached function fn. NULL: its registers are wiped, except for PM. */
	void (*reset)(struct card *card, int fn, enum reset_kind how);
	/* dword access to a BAR; off is a multiple of 4 */
	uint32_t (*read)(struct card *card, int fn, int bar, uint32_t off);
	void (*write)(struct card *card, int fn, int bar, uint32_t off, uint32_t val);
	/* before a config access: bring what changes by itself up to date */
	void (*cfg_refresh)(struct card *card, int fn);
	/* after a config write of that width took its ordinary effect */
	void (*cfg_written)(struct card *card, int fn, unsigned off, unsigned width,
			    uint32_t val);
	int (*set)(struct card *card, const char *key, long value);
	size_t (*state)(const struct card *card, char *buf, size_t n);
};

struct card_kind {
	const char *name;
	uint16_t vendor;
	uint8_t revision;
	unsigned cfg_size;	/* bytes of configuration space; 0 = CFG_LEGACY */
	bool flr;		/* DEVCAP says so */
	bool no_soft_reset;	/* PMCSR bit 3; clear = Linux offers reset by PM */
	unsigned delay_ms;	/* all ones in config space after FLR or bus reset */
	enum revival revive;
	int nfn;
	struct fn_desc fn[MAX_FUNCTIONS];
	const struct const_reg *consts;
	size_t nconsts;
	const struct card_ops *ops;
};

/* Registers kept by address; a hash, because BARs are large and tests touch little. */
struct store;
struct store *store_new(void);
void store_free(struct store *s);
uint32_t store_get(const struct store *s, uint64_t key);
bool store_has(const struct store *s, uint64_t key);
/* Forgets silently when full: nobody keeps 64 MiB of pretended VRAM in here. */
void store_put(struct store *s, uint64_t key, uint32_t val);
/* Drop the keys for which (key & mask) == match. */
void store_drop(struct store *s, uint64_t mask, uint64_t match);
/* How many keys hold something other than zero. */
size_t store_count(const struct store *s);

/* Key of a dword in a BAR. */
#define STORE_KEY(fn, bar, off) \
	((uint64_t)(fn) << 40 | (uint64_t)(bar) << 32 | (uint32_t)(off))
#define STORE_FN_MASK	(~(uint64_t)0 << 40)

struct function {
	uint8_t cfg[CFG_MAX];
	uint8_t writable[CFG_MAX];
	uint8_t before[CFG_MAX];	/* as it was when the last reset came */
	uint64_t ready_at;	/* config space answers from then on */
};

struct card_counts {
	unsigned bus_resets, flrs, pm_resets, powers, kills;
};

struct card {
	const struct card_kind *kind;
	struct card_env env;
	struct function fn[MAX_FUNCTIONS];
	struct store *regs;
	bool dead;
	bool flr_works;
	unsigned delay_ms;
	unsigned die_at, stuck_at;	/* register writes until then; 0: never */
	bool stuck;
	int lie;			/* enum in card.c */
	uint32_t noise;
	struct card_counts counts;
	void *priv;		/* the ops' own */
};

uint64_t card_now(const struct card *card);
void card_log(const struct card *card, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* Config space of a function back to its defaults. */
void card_cfg_defaults(struct card *card, int fn);
/* Registers of configuration space as they are, whether the function answers or not. */
uint32_t card_cfg_get(const struct card *card, int fn, unsigned off, unsigned width);
void card_cfg_put(struct card *card, int fn, unsigned off, unsigned width, uint32_t val);
/* A reset that starts inside of the card: everything but the counting. */
void card_function_reset(struct card *card, int fn, enum reset_kind how);
/* What a BAR register reads that nobody's ops->read answers for. */
uint32_t card_reg_get(const struct card *card, int fn, int bar, uint32_t off);
/* snprintf that adds at *len and never runs over n. */
void state_add(char *buf, size_t n, size_t *len, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* One file each. */
extern const struct card_ops fury_ops, polaris_ops, hawaii_ops;
extern const struct card_ops vega10_ops, navi10_ops, navi48_ops, rtx5090_ops;

#endif
