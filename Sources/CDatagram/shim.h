// Many datagrams in one system call, which the C library declares under _GNU_SOURCE only. No logic.
#ifndef TIDEGATE_CDATAGRAM_H
#define TIDEGATE_CDATAGRAM_H
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

// GNU names are declared one by one: with _GNU_SOURCE this module's view of shared C types would differ from Swift's own Glibc module.
long syscall(long, ...);

/// struct mmsghdr of recvmmsg(2) under a name of its own, since a build that does see the original must not see it twice.
struct tg_datagram {
  struct msghdr header;
  /// Bytes received or sent, set by the kernel.
  unsigned int length;
};

static const int tg_datagram_truncated = MSG_TRUNC;

// The system calls alone: the library's are points of thread cancellation and pay for it at every call.
static inline int tg_receive_datagrams(int fd, struct tg_datagram *datagrams, unsigned int count) {
  return (int)syscall(SYS_recvmmsg, fd, datagrams, count, MSG_DONTWAIT, (void *)0);
}
static inline int tg_send_datagrams(int fd, struct tg_datagram *datagrams, unsigned int count) {
  return (int)syscall(SYS_sendmmsg, fd, datagrams, count, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static inline int tg_datagram_socket(int family) { return socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); }
static inline int tg_set_buffers(int fd, int receive, int send) {
  return setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive, sizeof receive) | setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send, sizeof send);
}
/// 0 lets an IPv6 socket speak to IPv4 peers by mapped addresses (RFC 3493 §5.3), 1 keeps the port free for an IPv4 socket.
static inline int tg_set_v6_only(int fd, int on) { return setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on); }

#endif
