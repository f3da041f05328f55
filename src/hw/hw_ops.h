/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What an implementation of the seam provides; included only by files of hw/ (and by
 * tests that bring their own). The contract of each operation is the comment on the
 * function of the same name in hw.h and hw_write.h.
 *
 * An implementation embeds struct hw as its first member. A shim (hw_shim.c) has the
 * same table and a struct hw below it.
 */
#ifndef GPURESET_HW_HW_OPS_H
#define GPURESET_HW_HW_OPS_H

#include "hw/hw.h"
#include "hw/hw_write.h"

struct hw_ops {
	const char *name;
	int (*scan)(struct hw *, hw_node_fn *, void *, struct err *);
	int (*cfg_read)(struct hw *, struct bdf, unsigned, unsigned, uint32_t *,
			struct err *);
	int (*bar_read)(struct hw *, struct bdf, int, uint32_t, uint32_t *,
			struct err *);
	int (*attr_read)(struct hw *, struct bdf, const char *, char *, size_t,
			 struct err *);
	bool (*attr_exists)(struct hw *, struct bdf, const char *);
	int (*host_read)(struct hw *, const char *, char *, size_t, struct err *);
	bool (*host_exists)(struct hw *, const char *);
	int (*find_cap)(struct hw *, struct bdf, uint16_t, bool, unsigned *,
			struct err *);
	void (*name_of)(struct hw *, uint16_t, uint16_t, char *, size_t);
	int (*holders)(struct hw *, const struct bdf *, size_t, hw_holder_fn *, void *,
		       struct err *);
	int (*log)(struct hw *, hw_log_fn *, void *, struct err *);    /* NULL: none */
	uint64_t (*now)(struct hw *);

	int (*cfg_write)(struct hw *, struct bdf, unsigned, unsigned, uint32_t,
			 struct err *);
	int (*bar_write)(struct hw *, struct bdf, int, uint32_t, uint32_t,
			 struct err *);
	int (*attr_write)(struct hw *, struct bdf, const char *, const char *,
			  struct err *);
	int (*bus_write)(struct hw *, const char *, const char *, struct err *);
	int (*hot_reset)(struct hw *, struct bdf, const struct bdf *, size_t,
			 struct err *);
	int (*own)(struct hw *, struct bdf, struct err *);      /* NULL: no VFIO */
	void (*disown)(struct hw *, struct bdf);
	int (*vfio_open)(struct hw *, struct bdf, struct err *); /* NULL: none */
	void (*vfio_close)(struct hw *, struct bdf);
	int (*wait_event)(struct hw *, uint64_t, struct err *);
	void (*sleep)(struct hw *, uint64_t);
	void (*forget)(struct hw *, struct bdf);
	void (*close)(struct hw *);
};

struct hw {
	const struct hw_ops *ops;
};

#endif
