// SPDX-License-Identifier: GPL-2.0-or-later
/* What a recording leaves out of texts that others wrote. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/record.h"

#define MAC_PAIRS 6

static bool scrub_hex(const char *at, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!isxdigit((unsigned char)at[i]))
			return false;
	return true;
}

/* Length of "00:1b:21:3a:4f:5c" (or with '-', or longer); 0: no such thing here. */
static size_t scrub_mac(const char *at)
{
	char sep = scrub_hex(at, 2) ? at[2] : 0;
	size_t pairs = 1, n = 2;

	if (sep != ':' && sep != '-')
		return 0;
	while (at[n] == sep && scrub_hex(at + n + 1, 2)) {
		pairs++;
		n += 3;
	}
	return pairs >= MAC_PAIRS && !isxdigit((unsigned char)at[n]) ? n : 0;
}

/* Length of "123e4567-e89b-12d3-a456-426614174000", likewise. */
static size_t scrub_uuid(const char *at)
{
	static const size_t part[] = { 8, 4, 4, 4, 12 };
	size_t n = 0;

	for (size_t i = 0; i < sizeof(part) / sizeof(*part); i++) {
		if (i && at[n++] != '-')
			return 0;
		if (!scrub_hex(at + n, part[i]))
			return 0;
		n += part[i];
	}
	return isxdigit((unsigned char)at[n]) ? 0 : n;
}

/* Length of "192.168.1.20", likewise; versions of programs have three numbers. */
static size_t scrub_ip4(const char *at)
{
	size_t n = 0;

	for (int part = 0; part < 4; part++) {
		size_t digits = strspn(at + n, "0123456789");

		if (!digits || digits > 3 || (part < 3 && at[n + digits] != '.'))
			return 0;
		n += digits + (part < 3);
	}
	return isalnum((unsigned char)at[at[n] == '.' ? n + 1 : n]) ? 0 : n;
}

/* Length of "fe80::5054:ff:fe12:3456", likewise; "0::/a" is a control group. */
static size_t scrub_ip6(const char *at)
{
	size_t n = strspn(at, "0123456789abcdefABCDEF:"), groups = 0;
	bool gap = false;

	for (size_t i = 0; i < n; i++) {
		groups += at[i] != ':' && (!i || at[i - 1] == ':');
		gap |= i && at[i] == ':' && at[i - 1] == ':';
	}
	return gap && groups > 1 && !isalnum((unsigned char)at[n]) ? n : 0;
}

/* Length of the name in "/home/alice/quirks", likewise. */
static size_t scrub_home(const char *text, const char *at)
{
	static const char home[] = "/home/";
	size_t n = sizeof(home) - 1;

	if ((size_t)(at - text) < n || strncmp(at - n, home, n))
		return 0;
	return strcspn(at, "/ \t\n'\",:;)");
}

static bool scrub_in_name(char c)
{
	return isalnum((unsigned char)c) || c == '-' || c == '_';
}

/* Length of this host's name, where it is a word of its own; likewise. */
static size_t scrub_host(const char *text, const char *at)
{
	static char host[256];
	size_t n;

	if (!host[0] && gethostname(host, sizeof(host) - 1) < 0)
		return 0;
	n = strlen(host);
	if (n < 3 || !strcmp(host, "localhost") || strncmp(at, host, n))
		return 0;
	return (at == text || !scrub_in_name(at[-1])) && !scrub_in_name(at[n]) ? n : 0;
}

/* Of numbers, which begin where no other one has. */
static size_t scrub_number(const char *at)
{
	size_t n = scrub_mac(at);

	n = n ? n : scrub_uuid(at);
	n = n ? n : scrub_ip4(at);
	return n ? n : scrub_ip6(at);
}

/*
 * Length of a word that means "the rest is a serial number", likewise. "s/n" is one by
 * itself alone: @inside a longer one it is part of a path.
 */
static size_t scrub_serial(const char *at, bool inside)
{
	static const char *const word[] = {
		"serial number", "serialnumber", "serial_number", "serial no", "serial:",
		"serial=",
	};

	if (!inside && !strncasecmp(at, "s/n", 3))
		return 3;
	for (size_t i = 0; i < sizeof(word) / sizeof(*word); i++)
		if (!strncasecmp(at, word[i], strlen(word[i])))
			return strlen(word[i]);
	return 0;
}

static void scrub_x(char *at, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (isalnum((unsigned char)at[i]))
			at[i] = 'x';
}

void record_scrub(char *text)
{
	bool hex = false, word = false; /* inside of one */

	for (char *at = text; *at; at++) {
		size_t n = hex ? 0 : scrub_number(at);

		n = n ? n : scrub_home(text, at);
		n = n ? n : scrub_host(text, at);
		if (n) {
			scrub_x(at, n);
			at += n - 1;
		} else if (scrub_serial(at, word)) {
			at += scrub_serial(at, word);
			scrub_x(at, strlen(at));
			return;
		}
		hex = isxdigit((unsigned char)*at);
		word = isalnum((unsigned char)*at);
	}
}

/* Parameters by the beginning of their names. */
static const char *const cmdline_kept[] = {
	"iommu", "intel_iommu", "amd_iommu", "pci", "vfio", "video", "initcall_blacklist",
	"amdgpu", "radeon", "nouveau", "nvidia", "i915", "xe.", "nomodeset",
	"module_blacklist", "modprobe.blacklist", "mem_sleep_default", "lockdown",
};

static bool cmdline_matters(const char *word)
{
	for (size_t i = 0; i < sizeof(cmdline_kept) / sizeof(*cmdline_kept); i++)
		if (!strncmp(word, cmdline_kept[i], strlen(cmdline_kept[i])))
			return true;
	return false;
}

void record_cmdline(const char *cmdline, char *buf, size_t size)
{
	size_t n = 0;

	buf[0] = '\0';
	while (*cmdline) {
		size_t len = strcspn(cmdline, " \n");

		if (cmdline_matters(cmdline) && n + len + 2 < size)
			n += (size_t)snprintf(buf + n, size - n, "%s%.*s", n ? " " : "",
					      (int)len, cmdline);
		cmdline += len;
		cmdline += strspn(cmdline, " \n");
	}
}
