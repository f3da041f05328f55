// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * mkrom RAW ROM: make an option ROM of assembled code. Pads it to whole blocks of 512
 * bytes, writes the length into both headers, and makes the sum of all bytes zero, as
 * firmware runs nothing else.
 */
#include <stdio.h>
#include <string.h>

#define BLOCK		512u
#define MAX_BLOCKS	127u	/* the length is a byte; keep clear of its sign */
#define PCIR_POINTER	0x18	/* where the offset of the PCI header is found */
#define PCIR_LENGTH	0x10	/* in that header */

static unsigned char rom[MAX_BLOCKS * BLOCK];

int main(int argc, char **argv)
{
	FILE *in = argc == 3 ? fopen(argv[1], "rb") : NULL;
	FILE *out = in ? fopen(argv[2], "wb") : NULL;
	size_t used = in ? fread(rom, 1, sizeof(rom), in) : 0;
	/* one byte more than the code, so that there is room for the checksum */
	size_t blocks = (used + 1 + BLOCK - 1) / BLOCK;
	size_t pcir = rom[PCIR_POINTER] | (size_t)rom[PCIR_POINTER + 1] << 8;
	unsigned char sum = 0;

	if (!out || blocks > MAX_BLOCKS || pcir + PCIR_LENGTH >= used ||
	    memcmp(rom + pcir, "PCIR", 4)) {
		fprintf(stderr, "usage: mkrom RAW ROM (code with a PCI header)\n");
		return 2;
	}
	rom[2] = (unsigned char)blocks;
	rom[pcir + PCIR_LENGTH] = (unsigned char)blocks;
	for (size_t i = 0; i < blocks * BLOCK; i++)
		sum = (unsigned char)(sum + rom[i]);
	rom[blocks * BLOCK - 1] = (unsigned char)-sum;
	if (fwrite(rom, BLOCK, blocks, out) != blocks || fclose(out)) {
		perror(argv[2]);
		return 1;
	}
	return 0;
}
