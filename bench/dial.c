// The client for what wrk and h2load do not measure: TLS handshakes and idle connections. TLS 1.3 alone, X25519 alone, one cipher
// suite, so that every gateway does the same cryptography. Certificates are not verified: it is the gateway that is measured.
//   dial new|resume PORT SECONDS     handshakes on 16 connections side by side; each ends when a ticket has come
//   dial hold PORT COUNT plain|tls   COUNT connections, one request each, then idle until standard input ends
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { side_by_side = 16, head_max = 8192 };
static const char request[] = "GET /1k/7 HTTP/1.1\r\nHost: localhost\r\n\r\n";

struct dialing { int socket; SSL *tls; double since; int ticketed, asked; };

static SSL_CTX *context;
static int asks; // this gateway gives tickets with its first response only, so each handshake is followed by a request
static SSL_SESSION *known; // the newest session, offered when resuming
static struct dialing dialings[side_by_side];
static long done, resumed, failed;
static char seen[128];

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static void die(const char *what) {
  fprintf(stderr, "dial: %s: %s\n", what, strerror(errno));
  ERR_print_errors_fp(stderr);
  exit(1);
}

// A copy, because OpenSSL marks the session of a connection that ends roughly as not resumable.
static int on_ticket(SSL *tls, SSL_SESSION *session) {
  SSL_SESSION_free(known);
  known = SSL_SESSION_dup(session);
  struct dialing *d = SSL_get_app_data(tls);
  if (d) d->ticketed = 1;
  return 0;
}

static void prepare(void) {
  context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256");
  SSL_CTX_set1_groups_list(context, "X25519");
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, on_ticket);
}

static SSL *session(int s) {
  SSL *tls = SSL_new(context);
  SSL_set_fd(tls, s);
  SSL_set_tlsext_host_name(tls, "localhost");
  SSL_set_connect_state(tls);
  return tls;
}

static int dial(int port, int flags) {
  int on = 1, s = socket(AF_INET, SOCK_STREAM | flags, 0);
  struct sockaddr_in where = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (s < 0 || (connect(s, (struct sockaddr *)&where, sizeof where) && errno != EINPROGRESS)) die("connect");
  setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return s;
}

static void begin(struct dialing *d, int poll, int port, int resume) {
  d->socket = dial(port, SOCK_NONBLOCK);
  d->tls = session(d->socket);
  d->since = now();
  d->ticketed = d->asked = 0;
  SSL_set_app_data(d->tls, (char *)d);
  if (resume && known) {
    SSL_SESSION *copy = SSL_SESSION_dup(known);
    SSL_set_session(d->tls, copy);
    SSL_SESSION_free(copy);
  }
  struct epoll_event e = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = d};
  epoll_ctl(poll, EPOLL_CTL_ADD, d->socket, &e);
}

static void end(struct dialing *d, int ok) {
  if (ok) {
    done++;
    resumed += SSL_session_reused(d->tls);
    SSL_shutdown(d->tls);
  } else {
    failed++;
  }
  SSL_free(d->tls);
  close(d->socket);
}

// 1 when the handshake is done and a ticket is here, 0 to wait, -1 when it failed.
static int proceed(struct dialing *d) {
  char byte[64];
  int r = SSL_is_init_finished(d->tls) ? 1 : SSL_do_handshake(d->tls);
  if (r == 1 && asks && !d->asked) d->asked = SSL_write(d->tls, request, sizeof request - 1) > 0;
  if (r == 1) r = SSL_read(d->tls, byte, sizeof byte);
  int reason = SSL_get_error(d->tls, r);
  if (d->ticketed) return 1;
  return reason == SSL_ERROR_WANT_READ || reason == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

static void describe(SSL *tls) {
  X509 *certificate = SSL_get0_peer_certificate(tls);
  snprintf(seen, sizeof seen, "%s %s %s%d", SSL_get_version(tls), SSL_CIPHER_get_name(SSL_get_current_cipher(tls)),
    certificate ? OBJ_nid2sn(EVP_PKEY_get_base_id(X509_get0_pubkey(certificate))) : "",
    certificate ? EVP_PKEY_get_bits(X509_get0_pubkey(certificate)) : 0);
}

static void handshakes(int port, double seconds, int resume) {
  int poll = epoll_create1(0);
  // The first one alone: its ticket is what the others resume.
  struct dialing first = {0};
  begin(&first, poll, port, 0);
  for (struct epoll_event e; proceed(&first) == 0;) {
    if (epoll_wait(poll, &e, 1, 1000) > 0) continue;
    if (asks || !SSL_is_init_finished(first.tls)) die("no ticket within a second");
    asks = 1;
  }
  if (!first.ticketed) die("the first handshake failed");
  describe(first.tls);
  end(&first, 1);
  done = resumed = 0;
  double until = now() + seconds;
  for (int i = 0; i < side_by_side; i++) begin(&dialings[i], poll, port, resume);
  while (now() < until) {
    struct epoll_event ready[side_by_side];
    int n = epoll_wait(poll, ready, side_by_side, 100);
    for (int i = 0; i < n; i++) {
      struct dialing *d = ready[i].data.ptr;
      int state = proceed(d);
      if (!state) continue;
      end(d, state > 0);
      begin(d, poll, port, resume);
    }
    for (int i = 0; n == 0 && i < side_by_side; i++)
      if (now() - dialings[i].since > 2) { end(&dialings[i], 0); begin(&dialings[i], poll, port, resume); }
  }
  printf("done %ld resumed %ld failed %ld %s%s\n", done, resumed, failed, seen, asks ? " with a request each" : "");
}

// Reads one whole response that carries a Content-Length.
static void one_request(int s, SSL *tls) {
  static char head[head_max + 1];
  size_t have = 0, wanted = 0;
  int sent = tls ? SSL_write(tls, request, sizeof request - 1) : (int)send(s, request, sizeof request - 1, MSG_NOSIGNAL);
  if (sent != sizeof request - 1) die("send");
  while (!wanted || have < wanted) {
    int n = tls ? SSL_read(tls, head + have, head_max - have) : (int)recv(s, head + have, head_max - have, 0);
    if (n <= 0) die("no whole response");
    have += n;
    head[have] = 0;
    char *blank = strstr(head, "\r\n\r\n"), *length = strcasestr(head, "\r\ncontent-length:");
    if (blank && !wanted) {
      if (!length || strncmp(head, "HTTP/1.1 200", 12)) die("not a 200 with a length");
      wanted = blank + 4 - head + atoi(length + 17);
    }
  }
}

static void hold(int port, int count, int over_tls) {
  struct timeval patience = {.tv_sec = 10};
  for (int i = 0; i < count; i++) {
    int s = dial(port, 0);
    setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    SSL *tls = over_tls ? session(s) : 0;
    if (tls && SSL_do_handshake(tls) != 1) die("handshake");
    one_request(s, tls);
  }
  printf("ready %d\n", count);
  fflush(stdout);
  for (char byte; read(0, &byte, 1) > 0;) {}
}

int main(int argc, char **argv) {
  prepare();
  if (argc == 4 && !strcmp(argv[1], "new")) handshakes(atoi(argv[2]), atof(argv[3]), 0);
  else if (argc == 4 && !strcmp(argv[1], "resume")) handshakes(atoi(argv[2]), atof(argv[3]), 1);
  else if (argc == 5 && !strcmp(argv[1], "hold")) hold(atoi(argv[2]), atoi(argv[3]), !strcmp(argv[4], "tls"));
  else { fprintf(stderr, "dial new|resume PORT SECONDS | dial hold PORT COUNT plain|tls\n"); return 2; }
}
