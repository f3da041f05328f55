// SPDX-License-Identifier: GPL-2.0-or-later
/* gpureset hook install|remove VMID...: a VM's hookscript, set through qm. */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "cmd/hook.h"
#include "cmd/hook_place.h"
#include "cmd/run_program.h"
#include "run/supervise.h"

/* One VM's turn. */
struct turn {
	const struct options *o;
	struct pve_vm vm;
	char node[64];          /* another one, which the VM is on now; "": this one */
	struct hook_script now, want;
	bool has_now;           /* @now is valid, with its path */
	int asked;              /* a signal came meanwhile: the last turn */
};

/* --- the configuration --------------------------------------------------------- */

/* Which other node of the cluster has it? */
static bool turn_elsewhere(struct turn *t)
{
	char path[PATH_MAX];
	struct dirent *e;
	DIR *d;

	snprintf(path, sizeof(path), "%s/nodes", t->o->pve_dir);
	d = opendir(path);
	while (d && !t->node[0] && (e = readdir(d))) {
		snprintf(path, sizeof(path), "%s/nodes/%s/qemu-server/%u.conf",
			 t->o->pve_dir, e->d_name, t->vm.vmid);
		if (e->d_name[0] != '.' && !access(path, F_OK))
			snprintf(t->node, sizeof(t->node), "%.63s", e->d_name);
	}
	if (d)
		closedir(d);
	return t->node[0] != '\0';
}

static int turn_read(struct turn *t, struct diag *diag, struct err *err)
{
	struct diag none;
	int rc;

	diag_init(&none);
	rc = pve_conf_read(&t->vm, t->o->pve_dir, NULL, t->vm.vmid, diag ? diag : &none,
			   err);
	if (rc == -ENOENT && turn_elsewhere(t))
		rc = pve_conf_read(&t->vm, t->o->pve_dir, t->node, t->vm.vmid, &none,
				   err);
	diag_free(&none);
	return rc;
}

/* --- qm ------------------------------------------------------------------------ */

/* Does the configuration now say what qm was asked for? */
static int turn_verify(struct turn *t, const char *want, struct err *err)
{
	int rc = turn_read(t, NULL, err);

	if (!rc && strcmp(t->vm.hookscript, want) != 0)
		rc = err_set(err, EIO, "%s ended well, but the hookscript is '%s', not "
			     "'%s'", t->o->qm, t->vm.hookscript, want);
	return rc;
}

/* @volid "": none. */
static int turn_set(struct turn *t, const char *volid, struct err *err)
{
	char id[16];
	const char *const argv[] = {
		t->o->qm, "set", id, volid[0] ? "--hookscript" : "--delete",
		volid[0] ? volid : "hookscript", NULL,
	};
	const struct program p = { .argv = argv };
	struct program_end end;
	int rc;

	snprintf(id, sizeof(id), "%u", t->vm.vmid);
	if (t->o->dry_run) {
		printf("VM %s: would run: %s set %s %s %s\n", id, argv[0], id, argv[3],
		       argv[4]);
		return 0;
	}
	rc = program_run(&p, &end, err);
	if (rc)
		return rc;
	t->asked = end.asked;
	if (end.status)
		return err_set(err, EIO, "%s set %s ended with status %d; its hookscript "
			       "stays as it was", t->o->qm, id, end.status);
	return turn_verify(t, volid, err);
}

/* --- what the VM has now ------------------------------------------------------- */

static int turn_now(struct turn *t, struct err *err)
{
	int rc;

	if (!t->vm.hookscript[0])
		return 0;
	rc = hook_script_parse(&t->now, t->vm.hookscript, err);
	if (!rc)
		rc = hook_script_find(&t->now, t->o, err);
	t->has_now = !rc;
	return rc;
}

/* Ours under a name that somebody else gave it. */
static bool turn_other_name(const struct turn *t)
{
	enum hook_file file = hook_script_look(t->now.path, t->o);

	return !hook_script_named(&t->now) &&
	       (file == HOOK_FILE_OURS || file == HOOK_FILE_OLD);
}

static void turn_say(const struct turn *t, const char *what)
{
	const char *chained = hook_script_chained(&t->want);

	printf("VM %u: %s%s%s\n", t->vm.vmid, what, chained ? "; it runs also " : "",
	       chained ? chained : "");
}

/* qm sets what is on its own node alone. */
static int turn_not_here(const struct turn *t, struct err *err)
{
	return err_set(err, ENOENT, "it is on node %s now; run this there", t->node);
}

/* --- install ------------------------------------------------------------------- */

static int install_set(struct turn *t, struct err *err)
{
	int placed = hook_place(&t->want, t->o, err), rc;

	if (placed < 0)
		return placed;
	rc = turn_set(t, t->want.volid, err);
	if (rc && placed)
		hook_unplace(&t->want, t->o);
	if (rc)
		return rc;
	turn_say(t, "hook installed");
	if (!hook_script_local(&t->want))
		printf("VM %u: its hookscript is on storage '%s': each node that may run "
		       "the VM needs gpureset\n", t->vm.vmid, t->want.storage);
	return 0;
}

static int install_show(struct turn *t, bool set, struct err *err)
{
	char text[2 * PATH_MAX + 64];
	int rc = hook_place_text(&t->want, t->o, text, sizeof(text), err);

	if (rc)
		return rc;
	if (text[0])
		printf("VM %u: would %s\n", t->vm.vmid, text);
	if (set)
		return turn_set(t, t->want.volid, err);
	if (!text[0])
		turn_say(t, "has the hook already");
	return 0;
}

/* It is set; is all there that it needs? */
static int install_repair(struct turn *t, struct err *err)
{
	bool whole = hook_script_look(t->want.path, t->o) == HOOK_FILE_OURS;
	char chained[PATH_MAX];
	int rc;

	if (t->o->dry_run)
		return install_show(t, false, err);
	rc = hook_place(&t->want, t->o, err);
	if (rc >= 0)
		rc = hook_chain_find(t->want.path, chained, sizeof(chained), err);
	if (rc >= 0 && t->node[0])
		printf("VM %u is on node %s; its hook is ready on this one, too\n",
		       t->vm.vmid, t->node);
	else if (rc >= 0)
		turn_say(t, whole ? "has the hook already" : "hook repaired");
	return rc < 0 ? rc : 0;
}

/* The script that is there has to run after us as it does now: PVE's own checks. */
static int install_chain(struct turn *t, struct err *err)
{
	char path[PATH_MAX];
	size_t len = strlen(t->now.path) - strlen(t->now.name);
	int rc = hook_script_beside(&t->want, &t->now, HOOK_CHAIN, t->now.name, err);

	if (rc)
		return rc;
	if (snprintf(t->want.path, sizeof(t->want.path), "%.*s%s", (int)len, t->now.path,
		     t->want.name) >= (int)sizeof(t->want.path))
		return err_set(err, ENAMETOOLONG, "%.200s...: this path is too long",
			       t->now.path);
	rc = hook_chain_find(t->want.path, path, sizeof(path), err);
	return rc < 0 ? rc : 0;
}

static int install_fresh(struct turn *t, struct err *err)
{
	int rc = hook_script_parse(&t->want, HOOK_LOCAL, err);

	return rc ? rc : hook_script_find(&t->want, t->o, err);
}

static int install_turn(struct turn *t, struct err *err)
{
	int rc = turn_now(t, err);

	if (rc)
		return rc;
	if (t->vm.is_template)
		printf("VM %u is a template, which never starts; a VM cloned from it has "
		       "its hookscript\n", t->vm.vmid);
	if (t->has_now && turn_other_name(t)) {
		printf("VM %u: has the hook already, as %s\n", t->vm.vmid, t->now.volid);
		return 0;
	}
	if (t->has_now && hook_script_named(&t->now)) {
		t->want = t->now;
		return install_repair(t, err);
	}
	if (t->node[0])
		return turn_not_here(t, err);
	rc = t->has_now ? install_chain(t, err) : install_fresh(t, err);
	if (!rc)
		rc = t->o->dry_run ? install_show(t, true, err) : install_set(t, err);
	return rc;
}

/* --- remove -------------------------------------------------------------------- */

static void remove_file(const struct turn *t)
{
	if (hook_script_named(&t->now) && hook_unplace(&t->now, t->o))
		printf("removed %s, which no guest needs any more\n", t->now.path);
}

static int remove_delete(struct turn *t, struct err *err)
{
	int rc = turn_set(t, "", err);

	if (!rc && !t->o->dry_run)
		printf("VM %u: hook removed\n", t->vm.vmid);
	return rc;
}

/* A script that is gone is none to go back to: qm would refuse it. */
static int remove_chained(struct turn *t, struct err *err)
{
	const char *name = hook_script_chained(&t->now);
	char path[PATH_MAX];
	int rc = hook_chain_find(t->now.path, path, sizeof(path), err);

	if (rc == -ENOENT || rc == -ELOOP || !*name) {
		printf("VM %u: %s, which was its hookscript before, is not there any "
		       "more\n", t->vm.vmid, *name ? name : "a script without a name");
		return remove_delete(t, err);
	}
	rc = hook_script_beside(&t->want, &t->now, "", name, err);
	if (!rc)
		rc = turn_set(t, t->want.volid, err);
	if (!rc && !t->o->dry_run)
		printf("VM %u: hook removed; %s is its hookscript again\n", t->vm.vmid,
		       t->want.volid);
	return rc;
}

static int remove_none(const struct turn *t)
{
	printf("VM %u has no gpureset hook%s%s\n", t->vm.vmid,
	       t->vm.hookscript[0] ? "; its hookscript is " : "", t->vm.hookscript);
	return 0;
}

static int remove_turn(struct turn *t, struct err *err)
{
	int rc = turn_now(t, err);

	if (t->node[0])
		return turn_not_here(t, err);
	/* one that PVE cannot read, or that is nobody knows where, is not ours by name */
	if (!t->has_now && !hook_script_named(&t->now))
		return remove_none(t);
	if (rc)
		return rc;
	if (!hook_script_named(&t->now) && !turn_other_name(t))
		return remove_none(t);
	rc = hook_script_chained(&t->now) ? remove_chained(t, err) :
					    remove_delete(t, err);
	if (!rc && !t->o->dry_run)
		remove_file(t);
	return rc;
}

/* --- commands ------------------------------------------------------------------ */

static int turns_check(const struct options *o, unsigned *vmid, bool show)
{
	struct err err;
	struct diag diag;
	int rc = 0;

	diag_init(&diag);
	for (size_t i = 0; i < o->nwords; i++) {
		struct turn t = { .o = o, .vm.vmid = pve_vmid(o->word[i], &err) };

		vmid[i] = t.vm.vmid;
		if (!vmid[i] || turn_read(&t, &diag, &err) < 0)
			rc = complain(EXIT_USAGE, "%s", err.text);
	}
	if (show)
		diag_print(&diag, stderr);
	diag_free(&diag);
	if (rc && o->nwords > 1)
		complain(rc, "nothing was done to the others");
	return rc;
}

/* One VM's failure is no reason to leave the others without. */
static int turns_do(const struct options *o, const unsigned *vmid,
		    int (*turn)(struct turn *t, struct err *err))
{
	int rc = 0, asked = 0;

	for (size_t i = 0; i < o->nwords && !asked; i++) {
		struct turn t = { .o = o, .vm.vmid = vmid[i] };
		struct err err;
		int failed = turn_read(&t, NULL, &err);

		if (!failed)
			failed = turn(&t, &err);
		fflush(stdout);
		if (failed)
			rc = complain(EXIT_FAILED, "VM %u: %s", vmid[i], err.text);
		asked = t.asked;
	}
	if (asked)
		raise(asked);
	return rc;
}

static int turns_options(struct options *o, const struct command *cmd, int argc,
			 char **argv)
{
	int rc = options_parse(o, cmd, argc, argv);

	if (rc || o->help)
		return rc;
	if (!o->nwords)
		return complain(EXIT_USAGE, "which VM? Name it by its number, as in "
				"gpureset %s 101", cmd->name);
	if (geteuid() != 0)
		return complain(EXIT_USAGE, "only root can change a VM's hookscript; try "
				"sudo");
	if (o->pve_hook[0] != '/' || o->snippets[0] != '/')
		return complain(EXIT_USAGE, "--pve-hook and --snippets take a path from "
				"the root on");
	return 0;
}

struct turns {
	const struct command *cmd;
	bool install;
	int (*turn)(struct turn *t, struct err *err);
};

static int turns_run(const struct turns *t, int argc, char **argv)
{
	unsigned vmid[MAX_WORDS] = { 0 };
	struct options o;
	int rc = turns_options(&o, t->cmd, argc, argv);

	if (rc)
		return rc;
	if (o.help) {
		options_help(t->cmd, stdout);
		return 0;
	}
	if (t->install && access(o.pve_hook, X_OK) < 0)
		return complain(EXIT_FAILED, "%s: %s; install gpureset first", o.pve_hook,
				strerror(errno));
	rc = turns_check(&o, vmid, t->install);
	return rc ? rc : turns_do(&o, vmid, t->turn);
}

static int install_run(int argc, char **argv)
{
	static const struct turns install = { &cmd_hook_install, true, install_turn };

	return turns_run(&install, argc, argv);
}

static int remove_run(int argc, char **argv)
{
	static const struct turns take_off = { &cmd_hook_remove, false, remove_turn };

	return turns_run(&take_off, argc, argv);
}

static const struct status_row turns_status[] = {
	{ 0, "done, or nothing was to do" },
	{ 1, "wrong arguments, or no such VM: nothing was done" },
	{ 2, "a VM is on another node, or qm, pvesm or a file failed; the others are "
	     "done" },
	{ 0, NULL }
};

const struct command cmd_hook_install = {
	.name = "hook install",
	.args = "VMID... [--dry-run]",
	.summary = "make gpureset the hookscript of these VMs",
	.more = "A hookscript that the VM has already is chained: it runs as well, and "
		"its exit status still counts. A storage needs no content type "
		"`snippets` for this. In a cluster each node that may run the VM needs "
		"gpureset. For a hookscript on storage `local`, run this on each of "
		"them: first where the VM is.",
	.status = turns_status,
	.example = { { "hook install 100 101", "both VMs' cards are looked after" } },
	.options = "*nDXVTK",
	.run = install_run,
};

const struct command cmd_hook_remove = {
	.name = "hook remove",
	.args = "VMID... [--dry-run]",
	.summary = "put back the hookscript that was there before, or none",
	.more = "A chained hookscript becomes the VM's only one again. Our file goes "
		"from the snippets folder when no guest of the cluster names it, in a "
		"snapshot neither.",
	.status = turns_status,
	.example = { { "hook remove 100", "as if it had never been there" } },
	.options = "*nDXVTK",
	.run = remove_run,
};
