/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A layer over any struct hw that writes down every call with its answer and its time,
 * a line each, as hw_replay.h reads them. Not written: hw_forget(), which asks the
 * hardware for nothing.
 */
#ifndef GPURESET_HW_HW_RECORD_H
#define GPURESET_HW_HW_RECORD_H

#include <stdio.h>

#include "hw/hw.h"

/*
 * A recorder over @below, writing to @out; time starts at 0 now. hw_close() of it closes
 * both. Never NULL. Whether everything could be written: ferror(@out).
 */
struct hw *hw_record_open(struct hw *below, FILE *out);

/* The file of a recorder; NULL for any other. */
FILE *hw_record_file(struct hw *hw);

/* @text in quotes, as the texts of a recording are written. */
void hw_record_quote(FILE *out, const char *text);

#endif
