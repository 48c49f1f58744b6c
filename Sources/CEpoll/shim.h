// What Swift's Glibc overlay does not reach: epoll, eventfd, signalfd, timerfd, accept4 and a few socket calls whose C forms are macros
// or take unions. No logic.
#ifndef TIDEGATE_CEPOLL_H
#define TIDEGATE_CEPOLL_H
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

// GNU names are declared one by one: with _GNU_SOURCE this module's view of shared C types would differ from Swift's own Glibc module.
long syscall(long, ...);
int accept4(int, struct sockaddr *, socklen_t *, int);
int memfd_create(const char *, unsigned);
pid_t gettid(void);
#ifndef MFD_CLOEXEC
#define MFD_CLOEXEC 1U
#define MFD_ALLOW_SEALING 2U
#endif
#ifndef F_ADD_SEALS
#define F_ADD_SEALS 1033
#define F_SEAL_SHRINK 2
#define F_SEAL_GROW 4
#endif

/// accept4(2) as an exported name of the GNU library: non-blocking and close-on-exec from the start.
static inline int tg_accept(int listener, struct sockaddr_storage *address, socklen_t *length) {
  *length = sizeof *address;
  return accept4(listener, (struct sockaddr *)address, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

static inline int tg_socket(int family, int type) { return socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); }

// The library's send and recv are points of thread cancellation and pay for it at every call; these are the system calls alone.
static inline ssize_t tg_send(int fd, const void *bytes, size_t count) {
  return syscall(SYS_sendto, fd, bytes, count, MSG_NOSIGNAL, (void *)0, 0);
}
static inline ssize_t tg_send2(int fd, const void *first, size_t first_count, const void *second, size_t second_count) {
  struct iovec parts[2] = {{(void *)first, first_count}, {(void *)second, second_count}};
  struct msghdr message = {0};
  message.msg_iov = parts;
  message.msg_iovlen = 2;
  return syscall(SYS_sendmsg, fd, &message, MSG_NOSIGNAL);
}
static inline ssize_t tg_receive(int fd, void *bytes, size_t count) {
  return syscall(SYS_recvfrom, fd, bytes, count, 0, (void *)0, (void *)0);
}

static inline uint64_t tg_now(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline int tg_timer(void) { return timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC); }
/// At nanoseconds of CLOCK_MONOTONIC; 0 disarms.
static inline int tg_timer_arm(int fd, uint64_t at) {
  struct itimerspec when = {{0, 0}, {(time_t)(at / 1000000000u), (long)(at % 1000000000u)}};
  return timerfd_settime(fd, TFD_TIMER_ABSTIME, &when, NULL);
}

/// prctl(2) is variadic, which Swift cannot call.
static inline int tg_die_with_parent(int signal) { return prctl(PR_SET_PDEATHSIG, (unsigned long)signal, 0, 0, 0); }
static inline int tg_name_thread(const char *name) { return prctl(PR_SET_NAME, (unsigned long)name, 0, 0, 0); }

static inline int tg_errno(void) { return errno; }
static inline void tg_set_errno(int value) { errno = value; }

#endif
