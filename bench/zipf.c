// The client of the work `killratio`: many keys, asked for by Zipf's law at a fixed rate, over several nodes. A request whose connection
// breaks is tried once more at each other node, as behind DNS.
//   zipf KEYS EXPONENT RATE SECONDS SECONDS SEED PORT...
// First asks for every key once. Then prints, of each of the two spans: asked N hits N failed N; a hit is an answer that Cache-Status calls
// one. Whoever reads the first line may kill a node then: the second span begins with its line's end.
#define _GNU_SOURCE
#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { lanes = 64, answer_max = 8192, body_size = 1024, ports_max = 16 };
static const double patience = 5;

struct lane {
  int socket, port, tries, busy;      // the port's index
  long key;
  double asked;
  size_t have;
  char answer[answer_max + 1];
};

static struct lane crew[lanes];
static int ports[ports_max], port_count, poll_fd;
static long asked, hits, failed, key_count;
static double *sums;
static uint64_t state;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static void die(const char *what) {
  fprintf(stderr, "zipf: %s: %s\n", what, strerror(errno));
  exit(1);
}

static double chance(void) {          // splitmix64
  uint64_t z = state += 0x9e3779b97f4a7c15;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return ((z ^ z >> 31) >> 11) * 0x1p-53;
}

static long draw(void) {
  double wanted = chance() * sums[key_count - 1];
  long low = 0, high = key_count - 1;
  while (low < high) {
    long middle = (low + high) / 2;
    if (sums[middle] <= wanted) low = middle + 1; else high = middle;
  }
  return low;
}

static int dial(struct lane *l) {
  int on = 1;
  struct sockaddr_in where = {.sin_family = AF_INET, .sin_port = htons(ports[l->port]), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  l->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (l->socket < 0) die("socket");
  if (connect(l->socket, (struct sockaddr *)&where, sizeof where)) {
    close(l->socket);
    l->socket = -1;
    return 0;
  }
  setsockopt(l->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  struct epoll_event e = {.events = EPOLLIN, .data.ptr = l};
  if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, l->socket, &e)) die("epoll");
  return 1;
}

static void give_up(struct lane *l) {
  if (l->socket >= 0) close(l->socket);
  l->socket = -1;
  l->port = (l->port + 1) % port_count;
}

// Asks, at the next node where this one does not take it.
static void ask(struct lane *l) {
  char request[256];
  int n = snprintf(request, sizeof request, "GET /1k/%ld HTTP/1.1\r\nHost: localhost\r\n\r\n", l->key);
  l->have = 0;
  l->asked = now();
  for (; l->tries < port_count; l->tries++) {
    if ((l->socket >= 0 || dial(l)) && send(l->socket, request, n, MSG_NOSIGNAL) == n) return;
    give_up(l);
  }
  failed++;
  l->busy = 0;
}

static void begin(struct lane *l, long key) {
  l->key = key, l->tries = 0, l->busy = 1;
  asked++;
  ask(l);
}

static void again(struct lane *l) {
  give_up(l);
  l->tries++;
  ask(l);
}

static void receive(struct lane *l) {
  ssize_t n = recv(l->socket, l->answer + l->have, answer_max - l->have, MSG_DONTWAIT);
  if (n < 0 && errno == EAGAIN) return;
  if (!l->busy) return give_up(l);
  if (n <= 0) return again(l);
  l->answer[l->have += n] = 0;
  char *blank = strstr(l->answer, "\r\n\r\n"), *cached = strcasestr(l->answer, "\r\ncache-status:");
  if (!blank || l->have < (size_t)(blank + 4 - l->answer) + body_size) return;
  if (strncmp(l->answer, "HTTP/1.1 200", 12)) failed++;
  *blank = 0;
  if (cached && cached < blank) {
    char *end = strstr(cached + 2, "\r\n");
    if (end) *end = 0;
    hits += strstr(cached, "; hit") != 0;
  }
  l->busy = 0;
}

// Asks until `seconds` are over at so many requests a second, or for the keys in turn where there is no rate.
static void go(double rate, double seconds) {
  double begun = now();
  asked = hits = failed = 0;
  for (int working = 1; working;) {
    double past = now() - begun;
    working = 0;
    for (int i = 0; i < lanes; i++) {
      struct lane *l = &crew[i];
      if (l->busy && now() > l->asked + patience) again(l);
      int wants = rate ? past < seconds && asked < past * rate : asked < key_count;
      if (!l->busy && wants) begin(l, rate ? draw() : asked);
      working |= l->busy;
    }
    working |= rate ? past < seconds : asked < key_count;
    struct epoll_event ready[lanes];
    int n = epoll_wait(poll_fd, ready, lanes, 1);
    for (int i = 0; i < n; i++) {
      struct lane *l = ready[i].data.ptr;
      if (l->socket >= 0) receive(l);
    }
  }
}

int main(int argc, char **argv) {
  port_count = argc - 7;
  if (port_count < 1 || port_count > ports_max || (key_count = atol(argv[1])) < 1) {
    fprintf(stderr, "zipf KEYS EXPONENT RATE SECONDS SECONDS SEED PORT...\n");
    return 2;
  }
  for (int i = 0; i < port_count; i++) ports[i] = atoi(argv[7 + i]);
  state = strtoull(argv[6], 0, 10);
  sums = calloc(key_count, sizeof *sums);
  if (!sums) die("memory");
  for (long i = 0; i < key_count; i++) sums[i] = (i ? sums[i - 1] : 0) + pow(i + 1, -atof(argv[2]));
  poll_fd = epoll_create1(EPOLL_CLOEXEC);
  for (int i = 0; i < lanes; i++) crew[i] = (struct lane){.socket = -1, .port = i % port_count};
  go(0, 0);
  for (int span = 0; span < 2; span++) {
    go(atof(argv[3]), atof(argv[4 + span]));
    printf("asked %ld hits %ld failed %ld\n", asked, hits, failed);
    fflush(stdout);
  }
}
