/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is taken from the caller at the door, and given on to the programs it named. */
#ifndef GPURESET_CMD_ENTRY_H
#define GPURESET_CMD_ENTRY_H

/*
 * First of all in main(): descriptors 0 to 2 exist and no others are open, the
 * environment is empty, new files are for root alone.
 */
void entry_secure(void);

/* The caller's environment, for a script that is run in its name. */
char *const *entry_environ(void);

/* In a forked child before execve(): the caller's umask. */
void entry_give_back(void);

#endif
