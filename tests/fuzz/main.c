// SPDX-License-Identifier: GPL-2.0-or-later
/* The door libFuzzer comes in by; FUZZ names the function, from the Makefile. */
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return FUZZ(data, size);
}
