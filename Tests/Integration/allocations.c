// Counts a process's allocations: put in front of the C library by LD_PRELOAD, it adds each thread's to a place of its own in a file,
// which a test maps and reads while the process runs. Nothing is counted twice: what the library calls inside itself does not come here.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

// The counter of a thread is at its id modulo this; allocation_counter.py knows the number too.
#define PLACES 65536

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);

static uint64_t *counters;
static __thread uint64_t *mine __attribute__((tls_model("initial-exec")));

__attribute__((constructor)) static void begin(void) {
  const char *folder = getenv("ALLOCATION_COUNTERS");
  if (!folder) return;
  char path[4096];
  snprintf(path, sizeof path, "%s/%d", folder, (int)getpid());
  int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) return;
  if (ftruncate(file, PLACES * sizeof(uint64_t)) == 0) {
    void *map = mmap(NULL, PLACES * sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (map != MAP_FAILED) counters = map;
  }
  close(file);
}

static inline void count(void) {
  if (!mine) {
    if (!counters) return;
    mine = counters + (uint64_t)syscall(SYS_gettid) % PLACES;
  }
  __atomic_fetch_add(mine, 1, __ATOMIC_RELAXED);
}

void *malloc(size_t n) {
  count();
  return __libc_malloc(n);
}

void *calloc(size_t n, size_t size) {
  count();
  return __libc_calloc(n, size);
}

void *realloc(void *p, size_t n) {
  count();
  return __libc_realloc(p, n);
}

void *memalign(size_t alignment, size_t n) {
  count();
  return __libc_memalign(alignment, n);
}

void *aligned_alloc(size_t alignment, size_t n) {
  count();
  return __libc_memalign(alignment, n);
}

int posix_memalign(void **p, size_t alignment, size_t n) {
  count();
  void *block = __libc_memalign(alignment, n);
  if (!block && n) return ENOMEM;
  *p = block;
  return 0;
}
