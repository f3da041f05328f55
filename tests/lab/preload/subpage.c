// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * subpage.so, preloaded into QEMU 7.2 here: memory of one size is only ever used
 * again for the same purpose.
 *
 * Debian 12's QEMU 7.2 uses freed memory in software emulation. A register write that
 * changes the memory map (a BAR, COMMAND, the IOMMU being switched on) rebuilds the
 * map; the old map's "subpage", through which that very write came in, is freed by the
 * RCU thread as soon as cpu_reloading_memory_map() has let go of it; and when the write
 * returns, access_with_adjusted_size() reads mr->dev from the subpage and, if there is
 * one, writes through it. With ordinary devices the gap is too short to matter. Proxy
 * devices wait for their server in it, up to 90 ms seen, and then one boot in some
 * thirty crashed; with MALLOC_PERTURB_ set, four in six.
 *
 * The dev of a subpage is always NULL. So subpages (8.3 KiB, from calloc) get blocks
 * that nothing else gets, and a stale reader finds NULL, as it would have before.
 */
#include <malloc.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>

#define SMALLEST	8192u	/* what counts as a subpage */
#define LARGEST		9216u	/* what it gets */

/* glibc's own, under the names it has for programs that replace them */
void *__libc_calloc(size_t n, size_t size);
void __libc_free(void *block);

struct spare {
	struct spare *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct spare *pool;

static void *take(void)
{
	struct spare *s;

	pthread_mutex_lock(&lock);
	s = pool;
	if (s)
		pool = s->next;
	pthread_mutex_unlock(&lock);
	return s;
}

void *calloc(size_t n, size_t size)
{
	size_t bytes;
	void *block;

	if (__builtin_mul_overflow(n, size, &bytes) ||
	    bytes < SMALLEST || bytes > LARGEST)
		return __libc_calloc(n, size);
	block = take();
	return block ? memset(block, 0, LARGEST) : __libc_calloc(1, LARGEST);
}

void free(void *block)
{
	size_t size = block ? malloc_usable_size(block) : 0;
	struct spare *s = block;

	/* usable: rounded up by less than a unit of the allocator */
	if (size < LARGEST || size >= LARGEST + 16) {
		__libc_free(block);
		return;
	}
	pthread_mutex_lock(&lock);
	s->next = pool;
	pool = s;
	pthread_mutex_unlock(&lock);
}
