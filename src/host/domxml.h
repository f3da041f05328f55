/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The PCI functions that a libvirt domain passes through, out of the XML that libvirt
 * hands to its hooks. A strict reader of what is needed and no more: tags and
 * attributes are followed, texts are passed over; no document type, no entities of its
 * own, nothing is fetched.
 */
#ifndef GPURESET_HOST_DOMXML_H
#define GPURESET_HOST_DOMXML_H

#include <stddef.h>

#include "base/bdf.h"
#include "base/err.h"

#define DOMXML_MOST 64
#define DOMXML_DEEP 32

struct domxml {
	struct bdf fn[DOMXML_MOST];     /* <hostdev type='pci'>, source address */
	bool managed[DOMXML_MOST];      /* libvirt binds and unbinds it itself */
	size_t n;
};

/* -EINVAL: no domain as libvirt writes it, with line and column in @err. */
int domxml_parse(struct domxml *d, const char *text, size_t len, struct err *err);

#endif
