/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by fury.c (chip, SMC) and fury_baco.c (the BACO state machine). */
#ifndef MODEL_FURY_H
#define MODEL_FURY_H

#include "internal.h"

enum reg_space { SPACE_MM, SPACE_SMC };

#define BAR_SMC		6	/* no BAR: where the store keeps SMC registers */

/* BACO_CNTL, amdgpu bif_5_0_d.h */
#define REG_BACO_CNTL	0x5394u
#define REG_BIF_FB_EN	0x5490u

/* SMC addresses of the clocks, amdgpu smu_7_1_3_d.h */
#define SMC_SPLL_FUNC_CNTL	0xc0500140u
#define SMC_SPLL_FUNC_CNTL_2	0xc0500144u
#define SMC_SPLL_STATUS		0xc050015cu
#define SMC_MPLL_BYPASSCLK_SEL	0xc050019cu
#define SMC_CLKPIN_CNTL		0xc05001a0u
#define SMC_CLKPIN_CNTL_2	0xc05001a4u
#define SMC_THM_CLK_CNTL	0xc05001a8u
#define SMC_MISC_CLK_CTRL	0xc05001acu
/* no header names these two; fiji_baco.c uses them */
#define SMC_FB_REJECT		0xc0300024u
#define SMC_SPLL_UNNAMED	0xc0500170u

/* How a card that was driven wrongly fails; only a power cycle helps. */
enum baco_wedge {
	WEDGE_NONE,
	WEDGE_NO_CLOCK,	/* every register reads all ones */
	WEDGE_STUCK,	/* BACO_CNTL takes no more writes, MODE stays 0 */
	WEDGE_OFF,	/* the chip stays off: MODE stays 1 */
};

#define BACO_ROWS_MAX 48

struct baco {
	uint32_t cntl;			/* control bits as last written */
	uint64_t done;			/* one bit per row of the table in fury_baco.c */
	uint64_t done_at[BACO_ROWS_MAX];
	uint64_t mode_on_at;		/* power goes off then; 0 = not asked for */
	uint64_t off_since;
	uint64_t exit_at;		/* MODE drops then; 0 = not asked for */
	bool off;			/* MODE */
	enum baco_wedge wedge;
	char why[48];
};

enum smc_phase { SMC_HELD, SMC_BOOTING, SMC_RUNNING, SMC_HUNG };

struct fury {
	enum smc_phase phase;
	uint64_t booted_at;
	unsigned starts;		/* of the SMC since the last true reset */
	bool post_counted;		/* this start already made it to a post */
	uint32_t rst_cntl, clk_cntl;
	uint32_t mm_index, mm_index_hi, smc_index[2], smc_auto;
	uint64_t busy_until;		/* in reset: all ones */
	bool px_capable, cfgreset_works;
	unsigned posts, refused, cfgresets, cfgresets_ignored, bacos;
	struct baco baco;
};

/* Control bits and state machine as after power-on. */
void baco_init(struct baco *b);
/* Let time pass. */
void baco_tick(struct card *card, struct fury *f);
/* A register changed from old to val: check it against the documented order. */
void baco_watch(struct card *card, struct fury *f, enum reg_space space, uint32_t addr,
		uint32_t old, uint32_t val);
uint32_t baco_cntl_read(struct card *card, struct fury *f);
void baco_cntl_write(struct card *card, struct fury *f, uint32_t val);
uint32_t baco_spll_status(struct card *card, struct fury *f);

/* The chip loses all it knows; BACO keeps the scratch registers, they sit in the BIF. */
void fury_true_reset(struct card *card, struct fury *f, bool keep_scratch);

#endif
