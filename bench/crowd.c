// The client of the work `collapse`: a crowd that asks for one thing at once. Every connection is open and has had an answer before; then
// all ask, and each notes when its first byte came and compares the whole body with the pattern of the origin's slow answer (origin.c).
//   crowd PATH COUNT PORT...     COUNT connections, dealt out to the ports in turn
// Prints: whole N failed N sent MS median MS last MS body MS: how long asking took, then first bytes after the very first one, then how
// long the last body took from there.
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { head_max = 4096, body_size = 65536, record_size = 16, events_max = 256, count_max = 20000, ports_max = 64 };
static const double patience = 20;
static const char warm_path[] = "/1k/7";

struct member {
  int socket;
  double first;                       // when its first byte came; 0: not yet
  size_t head, body;                  // bytes that have come
  enum { in_head, in_body, whole, failed } state;
  char text[head_max + 1];
};

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static void die(const char *what) {
  fprintf(stderr, "crowd: %s: %s\n", what, strerror(errno));
  exit(1);
}

static int dial(int port) {
  int on = 1, s = socket(AF_INET, SOCK_STREAM, 0);
  struct timeval limit = {.tv_sec = (time_t)patience};
  struct sockaddr_in where = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (s < 0 || connect(s, (struct sockaddr *)&where, sizeof where)) die("connect");
  setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  return s;
}

static void ask(int s, const char *path) {
  char request[512];
  int n = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);
  if (n >= (int)sizeof request) die("the path is too long");
  if (send(s, request, n, MSG_NOSIGNAL) != n) die("send");
}

// The length of the body that a head announces; -1 while the head is not whole, -2 when it is not a 200 with a length.
static long announced(const char *head) {
  const char *blank = strstr(head, "\r\n\r\n"), *length = strcasestr(head, "\r\ncontent-length:");
  if (!blank) return -1;
  return length && length < blank && !strncmp(head, "HTTP/1.1 200", 12) ? atol(length + 17) : -2;
}

// One request and its answer of any content, so that no connection's beginning is measured.
static void warm(int s) {
  char text[head_max + 1];
  size_t have = 0;
  ask(s, warm_path);
  for (long body = -1;;) {
    ssize_t n = recv(s, text + have, head_max - have, 0);
    if (n <= 0) die("no whole first answer");
    have += n;
    text[have] = 0;
    if ((body = announced(text)) == -2) die("the first answer is not a 200 with a length");
    if (body >= 0 && have >= strstr(text, "\r\n\r\n") + 4 - text + (size_t)body) return;
  }
}

// Whether these bytes are those that the origin sends from here on.
static int as_sent(size_t at, const char *bytes, size_t count) {
  char record[record_size + 1];
  while (count) {
    size_t within = at % record_size, n = record_size - within < count ? record_size - within : count;
    snprintf(record, sizeof record, "%015zu\n", at - within);
    if (memcmp(record + within, bytes, n)) return 0;
    at += n, bytes += n, count -= n;
  }
  return 1;
}

static int take_body(struct member *m, const char *bytes, size_t count) {
  if (m->body + count > body_size || !as_sent(m->body, bytes, count)) return failed;
  m->body += count;
  return m->body == body_size ? whole : in_body;
}

static int take_head(struct member *m, const char *bytes, size_t count) {
  size_t room = head_max - m->head, n = count < room ? count : room;
  memcpy(m->text + m->head, bytes, n);
  m->text[m->head += n] = 0;
  long length = announced(m->text);
  if (length == -1) return n < count ? failed : in_head;
  if (length != body_size) return failed;
  size_t end = strstr(m->text, "\r\n\r\n") + 4 - m->text, before = m->head - n;
  return take_body(m, bytes + (end - before), count - (end - before));
}

// Reads what has come for a member.
static void receive(struct member *m) {
  static char bytes[65536];
  while (m->state < whole) {
    ssize_t n = recv(m->socket, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN) return;
    if (n > 0 && !m->first) m->first = now();
    if (n <= 0) m->state = failed;
    else m->state = m->state == in_head ? take_head(m, bytes, n) : take_body(m, bytes, n);
  }
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void report(const struct member *crowd, int count, double sent) {
  double *first = calloc(count, sizeof *first), ended = now();
  int n = 0, done = 0;
  for (int i = 0; i < count; i++) {
    if (crowd[i].first) first[n++] = crowd[i].first;
    done += crowd[i].state == whole;
  }
  if (!n) die("nobody got a byte");
  qsort(first, n, sizeof *first, ascending);
  printf("whole %d failed %d sent %.3f median %.3f last %.3f body %.3f\n", done, count - done, sent * 1e3,
    (first[n / 2] - first[0]) * 1e3, (first[n - 1] - first[0]) * 1e3, (ended - first[0]) * 1e3);
  free(first);
}

int main(int argc, char **argv) {
  int count = argc > 2 ? atoi(argv[2]) : 0, ports = argc - 3;
  if (ports < 1 || ports > ports_max || count < 1 || count > count_max) {
    fprintf(stderr, "crowd PATH COUNT PORT...\n");
    return 2;
  }
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  struct member *crowd = calloc(count, sizeof *crowd);
  if (!crowd) die("memory");
  int poll = epoll_create1(0);
  for (int i = 0; i < count; i++) {
    crowd[i].socket = dial(atoi(argv[3 + i % ports]));
    warm(crowd[i].socket);
    struct epoll_event e = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.ptr = &crowd[i]};
    if (epoll_ctl(poll, EPOLL_CTL_ADD, crowd[i].socket, &e)) die("epoll");
  }
  double begun = now();
  for (int i = 0; i < count; i++) ask(crowd[i].socket, argv[1]);
  double sent = now() - begun;
  for (int open = count; open && now() < begun + patience;) {
    struct epoll_event ready[events_max];
    int n = epoll_wait(poll, ready, events_max, 100);
    for (int i = 0; i < n; i++) {
      struct member *m = ready[i].data.ptr;
      if (m->state >= whole) continue;
      receive(m);
      open -= m->state >= whole;
    }
  }
  report(crowd, count, sent);
}
