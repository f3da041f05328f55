/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Output of `lspci -xxx` or -xxxx (with -nn, -v ... or without) as a recording. From
 * the configuration spaces come ids, topology, addresses of BARs, links and the
 * kernel's likely choice of reset methods; from the lines between them the driver, the
 * IOMMU group, names and BAR sizes, where they are. All else is unknown.
 */
#ifndef GPURESET_HW_LSPCI_DUMP_H
#define GPURESET_HW_LSPCI_DUMP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/diag.h"

struct recording;

/* Does one of the first lines name a function as lspci does? */
bool lspci_looks_like(const char *text, size_t len);

/* Fills @r; errors to @diag. */
void lspci_parse(struct recording *r, const char *text, size_t len, struct diag *diag);

#endif
