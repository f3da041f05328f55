// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * gpureset hook release BDF|VM...: a start failed in Proxmox after our pre-start, and
 * nobody starts again: what is held for it is put back by hand, as post-stop would.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "cmd/hook.h"
#include "cmd/hook_held.h"
#include "cmd/open.h"
#include "cmd/work.h"
#include "run/held.h"
#include "run/idle.h"

#define RELEASE_US 60000000ull

/* One slot, from the supervisor's side to the worker's (inherited by fork). */
struct release_job {
	const struct options *o;
	const struct quirk_db *db;
	const struct config *conf;
	struct bdf_spec spec;
};

/* In the worker. */
struct release {
	const struct release_job *job;
	struct work_watch told;
	struct exec_watch watch;
	struct hw *hw;
	struct hold hold;
	bool drivers;                   /* the host gets the card back */
	struct recovery rec;
	char vms[512];                  /* for whom it was held */
	char *steps;                    /* -n: a line each, or JSON */
	size_t len;
	size_t left;                    /* values that are held still */
	bool stays;                     /* a host driver among them, by after-stop */
};

struct releases {
	struct release_job job[MAX_TARGETS];
	size_t n;
	const char *vm;                 /* whose cards are looked up; NULL: a card's */
	const struct options *o;
};

/* --- may it be put back? --------------------------------------------------------- */

static int release_waits(const struct release *r, struct err *err)
{
	uint64_t now = hw_now(r->hw);
	const struct hold_vm *vm = held_waits(&r->hold, 0, NULL, HELD_ANY, now);
	char slot[BDF_STR];
	unsigned age;

	if (!vm)
		return 0;
	bdf_slot_str(r->job->spec.bdf, slot);
	if (!vm->since_s || vm->locked_s)
		return err_set(err, EBUSY, "%s: the start or stop of VM %s is under way "
			       "(Proxmox VE has its lock); try again when it is over",
			       slot, vm->name);
	age = (unsigned)held_age_s(vm, now);
	return err_set(err, EBUSY, "%s: it was made ready for the start of VM %s %u s "
		       "ago, which may be under way; try again in %u s", slot, vm->name,
		       age, HELD_WAIT_S - age);
}

static int release_owner(const struct release *r, struct err *err)
{
	const struct options *o = r->job->o;
	struct pve_resvs resvs = { 0 };
	char slot[BDF_STR];
	unsigned owner;
	int rc = pve_resv_read(&resvs, o->qemu_run, err);

	owner = rc ? 0 : hook_owner(&resvs, o, &r->job->spec, 0);
	pve_resv_free(&resvs);
	if (!owner)
		return rc;
	return err_set(err, EBUSY, "%s belongs to VM %u; its stop puts back what is held",
		       bdf_slot_str(r->job->spec.bdf, slot), owner);
}

static int release_in_use(const struct release *r, struct err *err)
{
	struct hw_holder who;
	struct bdf fn[SLOT_FNS];
	size_t n = held_functions(r->hw, r->job->spec.bdf, fn);
	int rc = idle_wait(r->hw, fn, n, hw_now(r->hw), NULL, NULL, &who, err);

	return rc == -ETIMEDOUT ? -EBUSY : rc;
}

static int release_may(const struct release *r, struct err *err)
{
	int rc = release_waits(r, err);

	if (!rc)
		rc = release_owner(r, err);
	return rc ? rc : release_in_use(r, err);
}

/* --- it is put back --------------------------------------------------------------- */

static void release_settings(struct release *r)
{
	const struct hold *h = &r->hold;
	struct settings set;

	config_settings(r->job->conf, h->nvms ? h->vm[h->nvms - 1].name : NULL,
			r->job->spec.bdf, true, &set);
	r->drivers = set.after_stop == AFTER_STOP_HOST_DRIVER;
	held_vms_str(h, r->vms, sizeof(r->vms));
}

static void release_show(struct release *r, const struct quirk *quirk)
{
	FILE *f = open_memstream(&r->steps, &r->len);
	struct json j = { .out = f };
	struct plan plan;
	char line[512];

	if (!f)
		return;
	hold_back_plan(&plan, r->hw, quirk, &r->hold, r->drivers);
	for (size_t i = 0; i < plan.attempt[0].nsteps; i++) {
		step_print(&plan.attempt[0].step[i], line, sizeof(line));
		if (r->job->o->json)
			json_string(&j, NULL, line);
		else
			fprintf(f, "  would be put back: %s\n", line);
	}
	plan_free(&plan);
	fclose(f);
}

static int release_do(struct release *r, const struct quirk *quirk, struct err *err)
{
	const struct release_job *j = r->job;
	int rc;

	if (j->o->dry_run) {
		release_show(r, quirk);
		return 0;
	}
	rc = held_put_back(r->hw, j->o->run_dir, j->spec.bdf, quirk, r->drivers,
			   &r->hold, &r->watch, hw_now(r->hw) + RELEASE_US, err);
	r->left = r->hold.n;
	for (size_t i = 0; i < r->left; i++)
		r->stays |= !r->drivers && !strcmp(r->hold.item[i].name, "driver");
	return rc;
}

/* What keeps a card in D0 is not put back. One that is gone has no entry to ask. */
static int release_study(struct release *r, struct err *err)
{
	const struct release_job *j = r->job;
	const struct plan_opts opts = { 0 };
	struct study s = { .quirk = NULL };
	int status = 0;

	if (hw_attr_exists(r->hw, j->spec.bdf, "vendor"))
		status = study_target(&s, r->hw, j->db, &j->spec, &opts, err);
	if (!status && release_do(r, s.quirk, err))
		status = EXIT_FAILED;
	study_free(&s);
	return status;
}

/* What a killed hook left comes first, as its drivers are held from then on. */
static int release_recover(struct release *r, struct err *err)
{
	const struct release_job *j = r->job;
	int rc;

	if (j->o->dry_run)
		return 0;
	rc = work_recover(r->hw, j->o->run_dir, &j->spec, 0, &r->watch, &r->rec, err);
	if (!rc && r->rec.later)
		work_take_drivers(j->o->run_dir, j->spec.bdf, &r->hold, &r->rec);
	return work_recover_status(rc);
}

static int release_slot(struct release *r, struct err *err)
{
	int rc = held_read(r->job->o->run_dir, r->job->spec.bdf, &r->hold, err);
	int status;

	if (rc)
		return EXIT_CONFIG;
	if (!r->hold.n && !r->hold.nvms)
		return EXIT_HEALTHY;
	release_settings(r);
	rc = release_may(r, err);
	if (rc)
		return rc == -EBUSY ? EXIT_BUSY : EXIT_FAILED;
	status = release_recover(r, err);
	return status ? status : release_study(r, err);
}

/* --- what is said ------------------------------------------------------------------ */

struct release_report {
	const struct release *run;
	bool held;
	int status;
	const struct err *err;
};

static void release_text(const struct release *r, bool held, const struct err *err,
			 FILE *to)
{
	char slot[BDF_STR], text[3 * ERR_TEXT];

	bdf_slot_str(r->job->spec.bdf, slot);
	if (r->rec.found) {
		work_recovered(&r->rec, text, sizeof(text));
		fprintf(to, "%s: %s\n", slot, text);
	}
	if (err->code)
		fprintf(to, "gpureset: %s\n", err->text);
	else if (!held)
		fprintf(to, "%s: nothing is held\n", slot);
	else
		fprintf(to, "%s: %s held%s%s; %s%s\n", slot, r->job->o->dry_run ? "is" :
			"was", r->vms[0] ? " for VM " : "", r->vms, r->job->o->dry_run ?
			"nothing is done" : "put back", r->stays ?
			", but it stays with vfio-pci (after-stop)" : "");
	if (r->steps)
		fwrite(r->steps, 1, r->len, to);
}

static void release_json(const struct release *r, bool held, int status,
			 const struct err *err, FILE *to)
{
	struct json j = { .out = to };
	char slot[BDF_STR];

	json_object(&j, NULL);
	json_string(&j, "slot", bdf_slot_str(r->job->spec.bdf, slot));
	json_int(&j, "exit", status);
	json_bool(&j, "dry_run", r->job->o->dry_run);
	json_bool(&j, "held", held);
	json_string(&j, "vms", r->vms);
	json_int(&j, "left", (long long)r->left);
	json_array(&j, "steps");
	if (r->len)
		json_raw(&j, NULL, r->steps, r->len);
	json_array_end(&j);
	if (err->code)
		json_string(&j, "error", err->text);
	json_object_end(&j);
}

static void release_report(const void *about, FILE *to)
{
	const struct release_report *say = about;
	const struct options *o = say->run->job->o;

	if (o->json)
		release_json(say->run, say->held, say->status, say->err, to);
	else if (say->status || !o->quiet)
		release_text(say->run, say->held, say->err, to);
}

static int release_work(struct job *job, struct channel *ch)
{
	const struct release_job *j = job->arg;
	struct release r = { .job = j, .told = { .ch = ch, .verbose = j->o->verbose } };
	struct err err = { 0 };
	int status;

	channel_step(ch, "looking at what is held", 1000000);
	r.watch = work_watch(&r.told);
	r.hw = open_hw(j->o, &err);
	status = r.hw ? release_slot(&r, &err) : open_status(&err);
	if (!status && err.code)
		err.code = 0;
	work_report(ch, release_report, &(struct release_report){
			&r, r.vms[0] || r.hold.n || r.left, status, &err });
	free(r.steps);
	hw_close(r.hw);
	return status;
}

/* --- which cards -------------------------------------------------------------------- */

static int release_add(struct bdf slot, void *arg)
{
	struct releases *all = arg;
	struct hold h;

	if (all->vm && (held_read(all->o->run_dir, slot, &h, NULL) ||
			!hold_vm_find(&h, all->vm)))
		return 0;
	for (size_t i = 0; i < all->n; i++)
		if (bdf_eq(all->job[i].spec.bdf, slot))
			return 0;
	if (all->n < MAX_TARGETS)
		all->job[all->n++].spec = (struct bdf_spec){ slot, true };
	return 0;
}

/* A card, or a VM: "101", or a libvirt guest's name, for which something is held. */
static int release_word(struct releases *all, const char *word)
{
	struct err err = { 0 };
	struct bdf_spec spec;
	size_t before = all->n;

	all->vm = NULL;
	if (!bdf_parse(word, &spec, &err)) {
		spec.bdf.fn = 0;
		return release_add(spec.bdf, all);
	}
	all->vm = word;
	if (held_slots(all->o->run_dir, release_add, all, &err))
		return complain(EXIT_CONFIG, "%s", err.text);
	if (all->n > before)
		return 0;
	if (!pve_vmid(word, NULL))
		return complain(EXIT_USAGE, "'%.40s' is no card, and nothing is held for "
				"a VM of that name", word);
	if (!all->o->json && !all->o->quiet)
		printf("VM %s: nothing is held for it\n", word);
	return 0;
}

static int release_all(struct releases *all, const struct quirk_db *db,
		       const struct config *conf)
{
	struct job jobs[MAX_TARGETS];
	int rc = 0;

	for (size_t i = 0; i < all->o->nwords && !rc; i++)
		rc = release_word(all, all->o->word[i]);
	if (rc)
		return rc;
	memset(jobs, 0, sizeof(jobs));
	for (size_t i = 0; i < all->n; i++) {
		struct release_job *j = &all->job[i];

		j->o = all->o;
		j->db = db;
		j->conf = conf;
		jobs[i] = (struct job){ .slot = j->spec.bdf, .no_lock = all->o->dry_run,
					.work = release_work, .arg = j };
	}
	return work_supervise(all->o, jobs, all->n);
}

static int release_run(int argc, char **argv)
{
	struct options o;
	struct config conf = { 0 };
	struct quirk_db db = { 0 };
	struct releases all = { .o = &o };
	int rc = options_parse(&o, &cmd_hook_release, argc, argv);

	if (rc)
		return rc;
	if (o.help) {
		options_help(&cmd_hook_release, stdout);
		return 0;
	}
	if (!o.nwords)
		return complain(EXIT_USAGE, "release which card, or which VM's? gpureset "
				"hook status says what is held");
	if (geteuid() != 0)
		return complain(EXIT_USAGE, "only root can %s; try sudo", o.dry_run ?
				"read what is held" : "put things back");
	rc = config_open(&conf, o.config);
	if (!rc)
		rc = load_quirks_to_act(&o, &db);
	if (!rc)
		rc = release_all(&all, &db, &conf);
	quirk_db_free(&db);
	config_free(&conf);
	return rc;
}

static const struct status_row release_status[] = {
	{ 0, "nothing is held any more" },
	{ 1, "no such card or VM" },
	{ 2, "not all could be put back; what is left is still written down" },
	{ 5, "a VM uses the card, or its start is under way" },
	{ 6, "the configuration, or the list of what is held, cannot be read" },
	{ 0, NULL }
};

const struct command cmd_hook_release = {
	.name = "hook release",
	.args = "BDF|VMID... [options]",
	.summary = "put back what is held for a start that failed",
	.more = "For a VM whose start failed after the hook had made its card ready. No "
		"card is reset; whether the host's drivers get it back, after-stop in "
		GPURESET_CONFIG " says.",
	.options = "*njvqECQRP",
	.status = release_status,
	.example = { { "hook release 0b:00", "this card" },
		     { "hook release 100", "the cards that are held for this VM" } },
	.run = release_run,
};
