/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * /etc/gpureset/gpureset.conf: "key = value" lines, '#' comments, sections for VMs and
 * for cards. What the person who runs this host allows for good, where nobody is there
 * to be asked, and what hookscripts do.
 *
 *     allow-untested = ID ... | all           ids of quirk files; adds up
 *     hook = reset | only-report | skip
 *     after-stop = vfio | host-driver
 *     pre-start-timeout = 120s                5s to 3600s
 *     post-stop-timeout = 50s                 10s to 55s
 *     start-anyway = no | yes
 *
 *     [vm 101 "my guest"]                     VMIDs, or names of libvirt guests
 *     [card 0b:00 0c:00]                      slots
 *
 * Each key may stand at the top and in each section; the section of the VM is stronger
 * than that of the card, and that is stronger than the top.
 */
#ifndef GPURESET_CMD_CONFIG_H
#define GPURESET_CMD_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bdf.h"
#include "base/diag.h"
#include "base/err.h"
#include "plan/plan.h"

#define GPURESET_CONFIG PLAN_CONFIG_FILE
#define CONFIG_ALLOWED 64       /* ids after allow-untested, in all of a file */

struct options;
struct config_section;

/* What a hookscript does with the VM's cards. */
enum hook_policy {
	HOOK_RESET,
	HOOK_ONLY_REPORT,       /* look and say, change nothing */
	HOOK_SKIP,              /* not even look */
};

/* Whose the card is when the VM has stopped. */
enum after_stop {
	AFTER_STOP_VFIO,        /* it waits for the next VM, bound as it is */
	AFTER_STOP_HOST_DRIVER, /* the host's drivers that were found get it back */
};

/* All zeros is a configuration that says nothing. */
struct config {
	struct config_section *section; /* [0]: the top */
	size_t n, room;
	size_t nallowed;        /* ids in all of them */
};

/* What holds for one VM and one card. */
struct settings {
	enum hook_policy hook;
	enum after_stop after_stop;
	uint64_t pre_start_us, post_stop_us;
	bool start_anyway;              /* the VM starts, whatever became of the card */
	const char *allowed[CONFIG_ALLOWED];    /* for struct plan_opts */
	size_t nallowed;
};

/*
 * Parse @text (@len bytes, of the file @path) into @conf, which is zeroed first. Every
 * error of the file goes to @diag with line and column. Free with config_free().
 */
void config_parse(struct config *conf, const char *path, const char *text, size_t len,
		  struct diag *diag);
void config_free(struct config *conf);

/*
 * Read and parse @path. With @trust, file and folder must belong to root and nobody
 * else may write to them, and the file may be no symbolic link. -ENOENT: no such file;
 * other negative errno: it cannot be read, or is not to be trusted, with @err; -EINVAL:
 * errors in @diag. After any error @conf says nothing.
 */
int config_load(struct config *conf, const char *path, bool trust, struct diag *diag,
		struct err *err);

/*
 * The trusted file @path, or with NULL the installed one, which need not exist. Returns
 * 0 or EXIT_CONFIG after messages on stderr; @conf then says nothing.
 */
int config_open(struct config *conf, const char *path);

/*
 * What holds for the VM @vm ("101", a libvirt guest's name; NULL: none) and, with
 * @has_card, for the card in the slot of @card. What nobody has said is the default:
 * reset, vfio, 120 s, 50 s, no. The ids in @out belong to @conf.
 */
void config_settings(const struct config *conf, const char *vm, struct bdf card,
		     bool has_card, struct settings *out);

/* @vm as it is written in a section's header: my-guest, "my guest". */
const char *config_vm_str(const char *vm, char *buf, size_t size);

/*
 * config_open() of what @o names (--config); what its top allows goes to @o->plan, and
 * @conf to @o->conf. @conf must live as long as @o.
 */
int config_apply(struct config *conf, struct options *o);

/*
 * What @conf (NULL: nothing) allows for the card in the slot of @card, without a VM:
 * the options of a plan by hand, instead of those of the top. Points into @conf.
 */
void config_card(const struct config *conf, struct bdf card, struct plan_opts *opts);

#endif
