/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A reset is a plan and a plan is data: an ordered list of attempts, each a method
 * applied to the target, each a straight list of steps. Methods are pure functions
 * that emit steps; run/exec.c alone executes them. So a dry run is exact, the worst
 * case is a sum, and undo, deadlines, tracing and fault injection exist once.
 */
#ifndef GPURESET_PLAN_PLAN_H
#define GPURESET_PLAN_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/bdf.h"
#include "base/err.h"
#include "base/reg.h"
#include "plan/facts.h"
#include "quirk/quirk.h"

enum step_kind {
	STEP_REQUIRE,   /* conditions hold, else the attempt does not apply */
	STEP_CHECK,     /* conditions hold, else the card is not healthy */
	STEP_WAIT,      /* conditions come to hold within limit_us */
	STEP_DELAY,     /* limit_us */
	STEP_WRITE,     /* whole register := value */
	STEP_SET,       /* bits under mask := value */
	STEP_ATTR,      /* attribute `name` of the function := text */
	STEP_SAVE,      /* remember the function's configuration space */
	STEP_RESTORE,   /* put it back */
	STEP_BIND,      /* make `text` the function's driver; "": unbind */
	STEP_HOT_RESET, /* VFIO hot reset of all target functions */
	STEP_REMOVE,    /* the kernel forgets the function */
	STEP_APPEAR,    /* rescan below the bridge until the function is back */
	STEP_BARS,      /* check: configuration BARs equal the kernel's resources */
	STEP_KEEP,      /* remember the bits under mask of a vendor register */
	STEP_PUT,       /* put them back as they were */
	STEP_OWN,       /* hold `text`, the function's VFIO group: nobody can open it */
	STEP_DISOWN,    /* let it go; so does the end of the process */
	STEP_PARK,      /* runtime suspend: the kernel remembers its configuration */
	STEP_UNPARK,    /* ... and puts it back */
	STEP_VFIO_OPEN, /* registers are reached through VFIO from now on */
	STEP_VFIO_CLOSE,
	STEP_KINDS
};

enum step_phase { PHASE_PREPARE, PHASE_ACT, PHASE_RESTORE, PHASE_HEALTH, PHASE_PUT_BACK };

struct step {
	enum step_kind kind;
	enum step_phase phase;
	struct bdf fn;                  /* the function (or bridge) acted on */
	struct reg reg;                 /* WRITE, SET */
	uint32_t mask, value;
	struct reg_cond cond[REG_ALTERNATIVES];
	int ncond;
	uint64_t limit_us;              /* longest this step may take */
	const char *name;               /* register or attribute */
	const char *text;               /* ATTR: value; BIND: driver */
	const char *why;                /* REQUIRE: reason to skip; others: the purpose */
	struct bdf aux;                 /* APPEAR: the bridge to rescan below; == fn: all
					 * buses */
	const char *file;               /* quirk file this comes from, or NULL */
	int line;
	/*
	 * Runs even after an earlier failure, provided step number undo_of (1-based)
	 * was started; 0: not such a step. UNDO_OF_EARLIER: of something that was done
	 * before this attempt, so it always runs.
	 */
	int undo_of;
#define UNDO_OF_EARLIER (-1)
	/*
	 * Part of a program's "always" tail: after a failure it runs like an undo step
	 * (once, and not after another of the tail has failed); otherwise in its place.
	 */
	bool tail;
	bool optional;                  /* its failure is noted, not the attempt's */
	const struct q_when *when;      /* all nwhen must hold, else passed by */
	int nwhen;
	enum quirk_risk risk;
	const struct q_code *codes;     /* names for the values of an answer */
	/*
	 * A later part of the statement that the step above belongs to ("send", an
	 * array): its "when" was decided there, and when a part failed or was passed
	 * by, so is the rest.
	 */
	bool goes_on;
};

enum usable {
	ATTEMPT_YES,
	ATTEMPT_NO,             /* not for this card: `reason` */
	ATTEMPT_DENIED,         /* a quirk or the kernel's list says never: `reason` */
	ATTEMPT_REFUSED,        /* a guard: `reason`, `override` */
};

struct attempt {
	const struct method *method;
	const char *name; /* "flr", "sequence baco", "subordinate 05:00.0" */
	enum usable usable;
	const char *reason;
	const char *override;           /* option that lifts a refusal, or NULL */
	const char *note;               /* what to know before it is run, or NULL */
	struct step *step;
	size_t nsteps, room;
	struct step *undo;              /* queued by parts, moved to step[] at the end */
	size_t nundo, undo_room;
	int level;                      /* bridge reset at path[level]; -1: none */
	bool whole_slot;                /* touches every function of the slot */
	bool needs_answer;              /* pointless on a card that reads all ones */
	bool unconfirmed;               /* a program nobody has confirmed on a card */
	bool asks;                      /* refused only because nobody has tested it */
	bool vfio;                      /* its registers are reached through VFIO */
	/*
	 * Why its success cannot be called healthy: not all can be judged. Or NULL; then
	 * exec_outcome.unjudged may still say it.
	 */
	const char *unjudged;
	/*
	 * No reset: no word about health at its end. A step that fails ends it but for
	 * undo steps; "optional" counts in each phase.
	 */
	bool errand;
	enum quirk_risk risk;           /* highest of the quirk's word and its steps */
	const char *risk_why;           /* or NULL */
	int risk_line;                  /* of the quirk's word, 0: its steps say it */
	bool frozen;                    /* denied as the host did not come back from it */
	uint64_t floor_us; /* what the specification makes it take at least */
};

#define PLAN_CONFIG_FILE "/etc/gpureset/gpureset.conf"

struct frozen_list;

/* Options that change what a plan holds. */
struct plan_opts {
	const char *method; /* only this method ("sequence baco" too), or NULL */
	struct bdf at;                  /* --at: only this bridge */
	bool has_at;
	bool allow_untested;            /* run programs of `untested` entries */
	const char *const *allowed;     /* ... or only of these ids ("all": of any) */
	size_t nallowed;
	unsigned force;                 /* enum force bits */
	const struct frozen_list *frozen;       /* plan/frozen.h, or NULL */
};

enum force {
	FORCE_IN_USE = 1 << 0,
	FORCE_NEIGHBOURS = 1 << 1,
	FORCE_VFS = 1 << 2,
	FORCE_CONSOLE = 1 << 3,
	FORCE_MDEV = 1 << 4,
	FORCE_HIVE = 1 << 5,
	FORCE_NETWORK = 1 << 6,
	FORCE_STORAGE = 1 << 7,
	FORCE_THUNDERBOLT = 1 << 8,
	FORCE_NEIGHBOURS_IN_USE = 1 << 9,
};

/* Entries about the card's other functions and about its way to the host. */
struct quirk_hits {
	const struct quirk *fn[SLOT_FNS];       /* as target.fn; [main] is NULL */
	const struct quirk *path[MAX_PATH];     /* as target.path */
	const struct quirk **other;             /* as target.other; NULL: not looked up */
	size_t unreadable;      /* quirk files nobody knows whose denials they hold */
};

struct plan {
	const struct target *target;
	const struct quirk *quirk;      /* the display function's, or NULL */
	struct quirk_hits hits;         /* of everything else: only denials count */
	struct plan_opts opts;
	struct attempt *attempt;
	size_t nattempts, room;
	const char *refusal;            /* a guard stops the whole target: the sentence */
	const char *refusal_name;       /* "in-use" ... for programs */
	bool refusal_config;            /* it is a quirk file's error, not a guard */
	size_t frozen_other;            /* records of another card in this slot */
	void *strings;                  /* owned texts */
};

/*
 * One reset method: one file in plan/methods/, one row in methods.def. plan() adds
 * attempts (usable or not, with the reason) and returns 0 or a negative errno.
 */
struct method {
	const char *name;
	const char *summary;            /* one line for `gpureset methods` */
	const char *scope;              /* "function", "slot", "bridge" */
	int (*plan)(struct plan *plan, const struct q_method *asked, struct err *err);
};

extern const struct method *const methods[];    /* in ladder order, NULL-terminated */
const struct method *method_find(const char *name);

/*
 * Build the whole plan: quirk's ladder, or the default one. Pure. @quirk and @hits
 * may be NULL.
 * Free with plan_free(). -EINVAL: options name an unknown method or bridge.
 */
int plan_build(struct plan *plan, const struct target *t, const struct quirk *quirk,
	       const struct quirk_hits *hits, const struct plan_opts *opts,
	       struct err *err);
void plan_free(struct plan *plan);

/* --- for methods --------------------------------------------------------------- */

const char *plan_text(struct plan *plan, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
struct attempt *plan_attempt(struct plan *plan, const struct method *m,
			     const char *name);
/* An attempt that cannot be made, with the reason. */
void plan_cannot(struct plan *plan, const struct method *m, const char *name,
		 enum usable why, const char *reason);
struct step *attempt_step(struct attempt *a, enum step_kind kind, enum step_phase phase,
			  struct bdf fn);

/*
 * A plan of a single attempt that is no reset: steps for run/exec to do, without a
 * verdict. @t may be without functions (target_none). Free with plan_free().
 */
struct attempt *plan_errand(struct plan *plan, const struct target *t, const char *name);
extern const struct target target_none;

/* --- whole-plan questions ------------------------------------------------------ */

uint64_t attempt_worst_us(const struct attempt *a);
/* Is it what the quirk's line @m is about? */
bool attempt_is(const struct attempt *a, const struct q_method *m);
/* Does the attempt's blast radius include this other function? */
bool attempt_hits(const struct attempt *a, const struct other_fn *o);
/* Number of usable attempts. */
size_t plan_usable(const struct plan *plan);
/* May programs of the untested entry @id be run? */
bool plan_allows(const struct plan_opts *opts, const char *id);

/* One step as one line, the same in a dry run, a trace and a message. */
void step_print(const struct step *s, char *buf, size_t size);
const char *phase_str(enum step_phase phase);

#endif
