// The origin behind every gateway under measurement: one thread, edge-triggered epoll, keep-alive and pipelining, answers made before
// the first request. It reads requests without bodies and looks at the path's start alone: /64k answers 64 KiB, /chunked 1 KiB in one
// chunk, /slow/N/ a head after N milliseconds and then 64 KiB over two seconds, /count how many others were asked for, /count/slow how
// many slow ones, /tag/N/ 1 KiB tagged `bench-N`, /noise/N 64 KiB that no one compresses, everything else 1 KiB. Answers may be cached for a day from the start on. Whoever compares the slow body (crowd.c)
// knows its pattern.
//   origin PORT
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { request_max = 8192, answers_queued_max = 64, slow_clients_max = 4096, slow_body = 65536, slow_pieces = 32, count_digits = 20, kinds = 64 };
static const double slow_seconds = 2, slow_tick = 0.005;

struct answer { char *bytes; size_t count, body; };
static struct answer answer_1k, answer_64k, answer_chunked, answer_slow, answer_count, answer_tagged[kinds], answer_noise[kinds];
static unsigned long long asked, asked_slow; // requests but those for the counts

struct client {
  int socket;
  size_t received;                                 // bytes of `request` in use
  size_t sent;                                     // of the first queued answer
  unsigned first, queued;                          // a ring of answers that wait for the socket
  const struct answer *ring[answers_queued_max];
  double head_due;                                 // of a slow answer
  char request[request_max];
};

static struct client *slow_clients[slow_clients_max];
static int slow_count;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static struct answer make(const char *framing, const char *before, size_t body, const char *after) {
  struct answer a = {malloc(body + 1024), 0, body};
  char date[64];
  time_t started = time(0);
  strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", gmtime(&started));
  a.count = sprintf(a.bytes, "HTTP/1.1 200 OK\r\nServer: origin\r\nDate: %s\r\nContent-Type: text/plain\r\n"
    "ETag: \"4f1c-5a\"\r\nCache-Control: max-age=86400\r\n%s\r\n\r\n%s", date, framing, before);
  memset(a.bytes + a.count, '.', body);
  a.count += body;
  a.count += sprintf(a.bytes + a.count, "%s", after);
  return a;
}

// Each 16 bytes of the slow body say where they stand.
static struct answer make_slow(void) {
  struct answer a = make("Content-Length: 65536", "", slow_body, "");
  char *body = a.bytes + a.count - slow_body, record[17];
  for (size_t i = 0; i < slow_body; i += 16) {
    sprintf(record, "%015zu\n", i);
    memcpy(body + i, record, 16);
  }
  return a;
}

static struct answer make_tagged(int tag) {
  char fields[64];
  sprintf(fields, "Cache-Tag: bench-%d\r\nContent-Length: 1024", tag);
  return make(fields, "", 1024, "");
}

static struct answer make_noise(unsigned kind) {
  struct answer a = make("Content-Length: 65536", "", 65536, "");
  unsigned long long state = kind + 1;
  for (size_t i = 0; i < a.body; i++) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17; // xorshift64
    a.bytes[a.count - a.body + i] = (char)(state >> 32);
  }
  return a;
}

static const struct answer *begin_slow(struct client *c, long milliseconds) {
  asked_slow++;
  if (slow_count == slow_clients_max) return &answer_1k;
  slow_clients[slow_count++] = c;
  c->head_due = now() + milliseconds / 1e3;
  return &answer_slow;
}

static void end_slow(struct client *c) {
  for (int i = slow_count; i-- > 0;)
    if (slow_clients[i] == c) slow_clients[i] = slow_clients[--slow_count];
}

// How much of this answer is due by now.
static size_t due(const struct client *c, const struct answer *a) {
  double since = now() - c->head_due;
  if (a != &answer_slow) return a->count;
  if (since < 0) return 0;
  size_t pieces = since < slow_seconds ? (size_t)(since / slow_seconds * slow_pieces) : slow_pieces;
  return a->count - a->body + pieces * (slow_body / slow_pieces);
}

static const struct answer *choose(struct client *c, const char *request) {
  const char *path = strchr(request, ' ');
  if (path && !strncmp(path, " /count", 7)) {
    unsigned long long counted = strncmp(path, " /count/slow", 12) ? asked : asked_slow;
    sprintf(answer_count.bytes + answer_count.count - count_digits, "%0*llu", count_digits, counted);
    return &answer_count;
  }
  asked++;
  if (path && !strncmp(path, " /slow/", 7)) return begin_slow(c, atol(path + 7));
  if (path && !strncmp(path, " /64k", 5)) return &answer_64k;
  if (path && !strncmp(path, " /tag/", 6)) return &answer_tagged[strtoul(path + 6, 0, 10) % kinds];
  if (path && !strncmp(path, " /noise/", 8)) return &answer_noise[strtoul(path + 8, 0, 10) % kinds];
  if (path && !strncmp(path, " /chunked", 9)) return &answer_chunked;
  return &answer_1k;
}

// Writes queued answers until the socket is full or nothing is due; -1 when the connection is broken.
static int flush(struct client *c) {
  while (c->queued) {
    const struct answer *a = c->ring[c->first];
    size_t ready = due(c, a);
    if (c->sent == ready) return 0;
    ssize_t n = send(c->socket, a->bytes + c->sent, ready - c->sent, MSG_NOSIGNAL);
    if (n < 0) return errno == EAGAIN ? 0 : -1;
    c->sent += n;
    if (c->sent < a->count) continue;
    if (a == &answer_slow) end_slow(c);
    c->sent = 0;
    c->first = (c->first + 1) % answers_queued_max;
    c->queued--;
  }
  return 0;
}

// Queues an answer for every whole request that has arrived and keeps the rest.
static void take_requests(struct client *c) {
  char *at = c->request, *end = c->request + c->received;
  while (c->queued < answers_queued_max) {
    char *blank = memmem(at, end - at, "\r\n\r\n", 4);
    if (!blank) break;
    *blank = 0;
    c->ring[(c->first + c->queued++) % answers_queued_max] = choose(c, at);
    at = blank + 4;
  }
  c->received = end - at;
  memmove(c->request, at, c->received);
}

// Serves what the socket holds; -1 when the connection is over.
static int serve(struct client *c) {
  for (;;) {
    if (flush(c)) return -1;
    take_requests(c);
    if (c->queued) {
      if (flush(c)) return -1;
      if (c->queued) return 0; // the socket is full: go on when it takes bytes again
      continue;
    }
    if (c->received == request_max) return -1;
    ssize_t n = recv(c->socket, c->request + c->received, request_max - c->received, 0);
    if (n == 0 || (n < 0 && errno != EAGAIN)) return -1;
    if (n < 0) return 0;
    c->received += n;
  }
}

// Serves, and forgets the client when its connection is over.
static void proceed(struct client *c) {
  if (!serve(c)) return;
  end_slow(c);
  close(c->socket);
  free(c);
}

static int listen_on(int port) {
  int on = 1, s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  struct sockaddr_in where = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(s, (struct sockaddr *)&where, sizeof where) || listen(s, 4096)) { perror("origin"); exit(1); }
  return s;
}

static void accept_all(int poll, int listener) {
  for (int on = 1, s; (s = accept4(listener, 0, 0, SOCK_NONBLOCK)) >= 0;) {
    setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct client *c = calloc(1, sizeof *c);
    c->socket = s;
    struct epoll_event e = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = c};
    epoll_ctl(poll, EPOLL_CTL_ADD, s, &e);
  }
}

int main(int argc, char **argv) {
  if (argc != 2) { fprintf(stderr, "origin PORT\n"); return 2; }
  answer_1k = make("Content-Length: 1024", "", 1024, "");
  answer_64k = make("Content-Length: 65536", "", 65536, "");
  answer_chunked = make("Transfer-Encoding: chunked", "400\r\n", 1024, "\r\n0\r\n\r\n");
  answer_slow = make_slow();
  for (int i = 0; i < kinds; i++) answer_tagged[i] = make_tagged(i), answer_noise[i] = make_noise(i);
  answer_count = make("Cache-Control: no-store\r\nContent-Length: 20", "", count_digits, "");
  int listener = listen_on(atoi(argv[1])), poll = epoll_create1(0);
  struct epoll_event ready[128], e = {.events = EPOLLIN, .data.ptr = 0};
  epoll_ctl(poll, EPOLL_CTL_ADD, listener, &e);
  for (;;) {
    int n = epoll_wait(poll, ready, 128, slow_count ? (int)(slow_tick * 1e3) : -1);
    for (int i = 0; i < n; i++) {
      struct client *c = ready[i].data.ptr;
      if (!c) { accept_all(poll, listener); continue; }
      proceed(c);
    }
    for (int i = slow_count; i-- > 0;) proceed(slow_clients[i]);
  }
}
