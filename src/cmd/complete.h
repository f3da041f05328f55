/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gpureset --complete WORD...: what a shell offers in place of the last word. */
#ifndef GPURESET_CMD_COMPLETE_H
#define GPURESET_CMD_COMPLETE_H

/*
 * @argv[0] is the program as it was typed, what follows the words of the line up to the
 * cursor, the last one maybe empty. Prints a line for each candidate: the word, a tab,
 * what it is. A line that is only a tab means names of files. Reads only what every user
 * may read. Returns 0.
 */
int complete(int argc, char **argv);

#endif
