// SPDX-License-Identifier: GPL-2.0-or-later
/* The stages before a card is touched: is it there, is it free, what was left of it? */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/hook_work.h"
#include "run/idle.h"

#define DYING_US 15000000ull    /* a start waits that long for a QEMU that is ending */
#define MISSING_US 3000000ull   /* a rescan finds a card that is there at once */

static bool look_id(struct hook_work *w, const char *name, uint16_t *id)
{
	char text[16];

	if (hw_attr_read(w->hw, w->fn[0], name, text, sizeof(text), NULL))
		return false;
	*id = (uint16_t)strtoul(text, NULL, 16);
	return true;
}

static void look_name(struct hook_work *w)
{
	uint16_t vendor, device;

	if (w->nfns && look_id(w, "vendor", &vendor) && look_id(w, "device", &device))
		hw_name(w->hw, vendor, device, w->name, sizeof(w->name));
}

/* The functions that are there now. */
bool stage_look(struct hook_work *w)
{
	w->nfns = 0;
	for (uint8_t i = 0; i < SLOT_FNS; i++) {
		struct bdf fn = w->spec.bdf;

		fn.fn = w->spec.whole_slot ? i : fn.fn;
		if (hw_attr_exists(w->hw, fn, "vendor"))
			w->fn[w->nfns++] = fn;
		if (!w->spec.whole_slot)
			break;
	}
	look_name(w);
	return true;
}

/* Does it belong to another VM by now? -EBUSY with to which; or an error. */
int hook_still_ours(void *arg, struct err *err)
{
	const struct hook_work *w = arg;
	struct pve_resvs resvs = { 0 };
	int rc = pve_resv_read(&resvs, w->job->o->qemu_run, err);
	unsigned owner;

	if (rc)
		return rc;
	owner = hook_owner(&resvs, w->job->o, &w->spec, w->job->ev->vmid);
	pve_resv_free(&resvs);
	return owner ? err_set(err, EBUSY, "it belongs to VM %u", owner) : 0;
}

/* Asked with the lock held: what was true before may be no longer. */
bool stage_owner(struct hook_work *w)
{
	struct err err = { 0 };
	char text[64];
	int rc = hook_still_ours(w, &err);

	if (!rc)
		return true;
	if (rc != -EBUSY)
		return hook_fail(w, EXIT_FAILED, err.text);
	snprintf(text, sizeof(text), ", %.60s", err.text);
	return hook_not_ours(w, text);
}

static bool work_stop(void *arg)
{
	const struct hook_work *w = arg;

	return channel_stop(w->ch);
}

/*
 * In use at a start: by another VM, then PVE refuses by itself; by anything else it does
 * not: it takes the host's driver off under whoever uses it, or resets what the kernel
 * still closes.
 */
static bool idle_in_use(struct hook_work *w, int rc, const struct hw_holder *who,
			const char *why)
{
	char text[ERR_TEXT + 32];
	bool vm = !strncmp(who->what, "/dev/vfio/", 10);

	snprintf(text, sizeof(text), ", it is in use: %s", why);
	if (rc == -EBUSY && (vm || !hook_is_start(w) || w->job->card->spare))
		return hook_not_ours(w, text);
	w->not_ours = true;
	return hook_fail(w, EXIT_BUSY, why);
}

bool stage_idle(struct hook_work *w)
{
	uint64_t now = hw_now(w->hw);
	uint64_t until = now + (hook_is_start(w) ? DYING_US : (w->deadline - now) / 2);
	struct hw_holder who = { 0 };
	struct err err = { 0 };
	int rc;

	channel_step(w->ch, "waiting until the card is let go", until - now);
	rc = idle_wait(w->hw, w->fn, w->nfns, until, work_stop, w, &who, &err);
	if (!rc)
		return true;
	if (rc == -EBUSY || rc == -ETIMEDOUT)
		return idle_in_use(w, rc, &who, err.text);
	w->not_ours = true;
	return rc == -ECANCELED ? hook_stopped(w) : hook_fail(w, EXIT_FAILED, err.text);
}

static bool is_there(const struct hook_work *w)
{
	for (size_t i = 0; i < w->nfns; i++)
		if (bdf_eq(w->fn[i], w->spec.bdf))
			return true;
	return false;
}

/*
 * What a killed worker left. Host drivers that it took off belong to what is held now:
 * the VM has the card.
 */
static bool recover_card(struct hook_work *w, bool again)
{
	const char *run_dir = w->job->o->run_dir;
	struct err err = { 0 };
	char text[3 * ERR_TEXT];
	int rc = work_recover(w->hw, run_dir, &w->spec, 0, &w->watch, &w->rec, &err);

	if (rc == -EBUSY)
		w->not_ours = true;
	if (rc)
		return hook_fail(w, work_recover_status(rc), err.text);
	if (!w->rec.found)
		return true;
	if (w->rec.later)
		work_take_drivers(run_dir, w->spec.bdf, &w->hold, &w->rec);
	/* what is not on the bus is looked for first, then it is tried again */
	if (w->rec.failed && !again && stage_look(w) && !is_there(w))
		return true;
	work_recovered(&w->rec, text, sizeof(text));
	hook_say(w, "%s", text);
	return true;
}

bool stage_recover(struct hook_work *w)
{
	return recover_card(w, false);
}

bool stage_recover_rest(struct hook_work *w)
{
	return !w->rec.failed || recover_card(w, true);
}

static bool not_found(struct hook_work *w)
{
	hook_say(w, "is not on the bus and a rescan does not find it%s",
		 hook_is_start(w) ? "; Proxmox VE will refuse to start with it" : "");
	return false;
}

/* The function that was named, or function 0: without it PVE has no card to give. */
bool stage_bring_back(struct hook_work *w)
{
	struct plan plan;
	struct err err = { 0 };
	bool done;

	if (is_there(w))
		return true;
	missing_plan(&plan, w->hw, &w->spec, MISSING_US);
	done = hook_errand(w, &plan, &err);
	plan_free(&plan);
	if (!done)
		return not_found(w);
	hook_say(w, "was not on the bus; a rescan found it");
	return stage_look(w);
}
