/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Radeons from Vega 10 on: what their files share. A PSP brings up the secure OS (SOS),
 * that the SMU; both have mailboxes in BAR5. A chip is a struct soc15_chip and a row in
 * kinds.c. Who starts the card writes C2PMSG_35 when the boot loader is ready.
 */
#ifndef MODEL_SOC15_H
#define MODEL_SOC15_H

#include "baco.h"

/* Byte offsets in BAR5, amdgpu nbio_6_1, thm_9_0, mp_9_0 and mp_11_0 headers with the
 * bases of vega10_ip_offset.h */
#define REG_SCRATCH_0	0x130u
#define REG_SCRATCH_7	0x14cu
#define REG_MEMSIZE	0x378cu
#define REG_STRAP0	0x3480u		/* bit 7: PX_CAPABLE */
#define REG_DOORBELL	0x3870u		/* BIF_DOORBELL_CNTL */
#define REG_FB_EN	0x387cu		/* BIF_FB_EN */
#define REG_BACO	0x38acu		/* BACO_CNTL */
#define REG_THM_BACO	0x599f0u	/* THM_BACO_CNTL of Vega */
#define REG_PSP_33	0x58184u	/* bit 31: boot done, mode1 done */
#define REG_PSP_35	0x5818cu	/* bit 31: boot loader ready */
#define REG_PSP_64	0x58200u	/* ring control, mode1 command */
#define REG_PSP_81	0x58244u	/* SOL, the sign of life */
#define REG_SMU_66	0x58a08u	/* message */
#define REG_SMU_82	0x58a48u	/* argument */
#define REG_SMU_90	0x58a68u	/* response */
#define REG_DBG_53	0x589d4u	/* the debug mailbox: argument */
#define REG_DBG_54	0x589d8u	/* response */
#define REG_DBG_75	0x58a2cu	/* message */
#define SMN_PUB_CTRL	0x03b10b14u	/* MP1_PUB_CTRL, bit 0: reset of the SMU */

enum smu_phase { SMU_OFF, SMU_LIVE, SMU_HALTED };

struct soc15;

/* A message the SMU knows; run may be NULL. */
struct smu_message {
	uint32_t id;
	void (*run)(struct card *card, struct soc15 *s, uint32_t argument);
};

/* What a bus reset does to the chip. */
enum bus_reset_harm {
	BUS_KEEPS,	/* nothing: firmware goes on, the next start is refused */
	BUS_WEDGES,	/* a used chip is out of reach in BAR5 until power */
	BUS_KILLS,	/* any chip is off the bus until power */
};

struct soc15_chip {
	uint32_t memsize_mb, sol;	/* SOL of a running SOS */
	uint32_t mp1_flags;		/* SMN address of MP1_FIRMWARE_FLAGS */
	unsigned down_ms;		/* a mode1 reset: registers read all ones */
	unsigned boot_ms;		/* from there to the boot loader being ready */
	enum bus_reset_harm bus;
	bool psp_mode1;			/* by C2PMSG_64 */
	bool debug_mode1;		/* by the debug mailbox: message 2 */
	bool keeps_rom_smu;		/* MP1_PUB_CTRL brings a halted SMU back */
	const struct smu_message *message;
	size_t nmessages;
	const struct baco_table *baco;	/* NULL: has none, or it is the SMU's business */
};

struct soc15 {
	const struct soc15_chip *chip;
	bool sos;			/* runs: SOL */
	enum smu_phase smu;
	uint64_t sos_at, answer_at, mode1_at;	/* happens then; 0 = not under way */
	uint64_t down_until, bootloader_at;
	uint32_t answer, debug_answer;
	uint64_t debug_at;
	bool fenced;			/* by a bus reset: all ones until power */
	bool post_counted;
	bool unstarted;			/* nobody started it since its last own reset */
	bool d3_drops;			/* knob: D3hot meanwhile is the end of it */
	uint32_t mm_index, smn_index;
	unsigned refused, posts, mode1s, mode1s_ignored, bacos, messages;
	unsigned unanswered;
	struct baco baco;
};

int soc15_power_on(struct card *card, const struct soc15_chip *chip);
/* SmuMessage run functions more than one chip has: the guest's driver says good-bye. */
void soc15_halt_smu(struct card *card, struct soc15 *s, uint32_t argument);
void soc15_went_off(struct card *card);
void soc15_came_back(struct card *card);

void soc15_free(struct card *card);
void soc15_reset(struct card *card, int fn, enum reset_kind how);
uint32_t soc15_read(struct card *card, int fn, int bar, uint32_t off);
void soc15_write(struct card *card, int fn, int bar, uint32_t off, uint32_t val);
void soc15_cfg_refresh(struct card *card, int fn);
void soc15_cfg_written(struct card *card, int fn, unsigned off, unsigned width,
		       uint32_t val);
int soc15_set(struct card *card, const char *key, long value);
size_t soc15_state(const struct card *card, char *buf, size_t n);

#define SOC15_OPS(first) { \
	.power_on = (first), .free = soc15_free, .reset = soc15_reset, \
	.read = soc15_read, .write = soc15_write, .cfg_refresh = soc15_cfg_refresh, \
	.cfg_written = soc15_cfg_written, \
	.set = soc15_set, .state = soc15_state, \
}

#endif
