/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Cards with 4 KiB of configuration space: what kinds.c needs of modern.c. */
#ifndef MODEL_MODERN_H
#define MODEL_MODERN_H

#include "internal.h"

/* Registers of BAR5 of the kind `modern`. */
#define MODERN_RESET		0x100u	/* MODERN_RESET_KEY: the card resets itself */
#define MODERN_RESET_KEY	0x5e1fu
#define MODERN_ALIVE		0x104u	/* always reads 1 */

/* Configuration space of function 0, by vendor, and of the audio function. */
extern const struct cfg_reg modern_amd_cfg[];
extern const struct cfg_reg modern_nvidia_cfg[];
extern const struct cfg_reg modern_audio_cfg[];

extern const struct card_ops modern_ops;

#endif
