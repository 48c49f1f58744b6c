// libssl and libcrypto, with those of their macros that Swift cannot see as functions. No logic.
#ifndef TIDEGATE_COPENSSL_H
#define TIDEGATE_COPENSSL_H
#include <malloc.h>
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

static inline void tg_bio_clear_retry(BIO *b) { BIO_clear_retry_flags(b); }
static inline void tg_bio_retry_read(BIO *b) { BIO_clear_retry_flags(b); BIO_set_retry_read(b); }
static inline void tg_bio_retry_write(BIO *b) { BIO_clear_retry_flags(b); BIO_set_retry_write(b); }

// Options and controls that OpenSSL offers as macros only.
typedef int (*tg_servername_cb)(SSL *, int *, void *);
typedef int (*tg_ticket_key_cb)(SSL *, unsigned char *, unsigned char *, EVP_CIPHER_CTX *, EVP_MAC_CTX *, int);
static const uint64_t tg_ssl_options_common = SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION;
static const uint64_t tg_ssl_options_server = SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA;
// A peer link: the pre-shared key is looked up anew for each connection, so that a key that was removed opens none.
static const uint64_t tg_ssl_options_peer = SSL_OP_NO_TICKET;
static const long tg_ssl_modes =
  SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER;
static inline long tg_ssl_ctx_set_mode(SSL_CTX *c, long mode) { return SSL_CTX_set_mode(c, mode); }
static inline int tg_ssl_ctx_set_min_version(SSL_CTX *c, int version) { return (int)SSL_CTX_set_min_proto_version(c, version); }
static inline int tg_ssl_ctx_set_max_version(SSL_CTX *c, int version) { return (int)SSL_CTX_set_max_proto_version(c, version); }
static inline int tg_ssl_ctx_set_groups(SSL_CTX *c, const char *list) { return (int)SSL_CTX_set1_groups_list(c, list); }
static inline long tg_ssl_ctx_set_session_cache_mode(SSL_CTX *c, long mode) { return SSL_CTX_set_session_cache_mode(c, mode); }
static inline void tg_ssl_ctx_set_servername_callback(SSL_CTX *c, tg_servername_cb f, void *arg) {
  SSL_CTX_set_tlsext_servername_callback(c, f);
  SSL_CTX_set_tlsext_servername_arg(c, arg);
}
static inline int tg_ssl_ctx_set_ticket_key_callback(SSL_CTX *c, tg_ticket_key_cb f) {
  return SSL_CTX_set_tlsext_ticket_key_evp_cb(c, f);
}
static inline int tg_ssl_set_min_version(SSL *s, int version) { return (int)SSL_set_min_proto_version(s, version); }
static inline int tg_ssl_set_max_version(SSL *s, int version) { return (int)SSL_set_max_proto_version(s, version); }
static inline int tg_ssl_set_sigalgs(SSL *s, const char *list) { return (int)SSL_set1_sigalgs_list(s, list); }
static inline int tg_err_reason(unsigned long code) { return ERR_GET_REASON(code); }
static inline int tg_ssl_set_host_name(SSL *s, const char *name) { return (int)SSL_set_tlsext_host_name(s, name); }
static inline int tg_ssl_ex_index(CRYPTO_EX_free *f) { return CRYPTO_get_ex_new_index(CRYPTO_EX_INDEX_SSL, 0, 0, 0, 0, f); }
static inline int tg_ssl_ctx_ex_index(CRYPTO_EX_free *f) { return CRYPTO_get_ex_new_index(CRYPTO_EX_INDEX_SSL_CTX, 0, 0, 0, 0, f); }
// RFC 2253 with UTF-8 left readable.
static const unsigned long tg_name_flags = XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB;
static inline int tg_x509_count(const STACK_OF(X509) *chain) { return sk_X509_num(chain); }
static inline X509 *tg_x509_at(const STACK_OF(X509) *chain, int i) { return sk_X509_value(chain, i); }
static inline int tg_x509_object_count(const STACK_OF(X509_OBJECT) *objects) { return sk_X509_OBJECT_num(objects); }
static inline X509_OBJECT *tg_x509_object_at(const STACK_OF(X509_OBJECT) *objects, int i) { return sk_X509_OBJECT_value(objects, i); }
static inline int tg_general_name_count(const GENERAL_NAMES *names) { return sk_GENERAL_NAME_num(names); }
static inline GENERAL_NAME *tg_general_name_at(const GENERAL_NAMES *names, int i) { return sk_GENERAL_NAME_value(names, i); }
// The dNSName of a general name, or NULL when it is of another kind.
static inline const ASN1_STRING *tg_general_name_dns(const GENERAL_NAME *n) { return n->type == GEN_DNS ? n->d.dNSName : 0; }
static inline long tg_bio_memory(BIO *b, char **bytes) { return BIO_get_mem_data(b, bytes); }
// Keys an HMAC-SHA-256 context with 32 bytes.
static inline int tg_mac_set_sha256_key(EVP_MAC_CTX *m, unsigned char *key) {
  OSSL_PARAM p[3] = {
    OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key, 32),
    OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0),
    OSSL_PARAM_construct_end(),
  };
  return EVP_MAC_CTX_set_params(m, p);
}

#endif
