/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mef-sim, the reference MEF: what its parts share.
 *
 * The main thread accepts. Each TLS connection has a front thread (front.c) that ends TLS with GnuTLS and
 * hands the octets to libmicrohttpd through a socket pair, so that it sees, and can spoil, every octet that
 * leaves. libmicrohttpd's one thread parses HTTP and runs the MEF (web.c, mef.c, est.c). A second
 * libmicrohttpd daemon serves the control port (control.c). `lock` guards everything below it in struct sim.
 */
#pragma once

#include <glib.h>
#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <jansson.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "plugin/base/cleanup.h"
#include "plugin/base/str.h"
#include "plugin/base/when.h"

#define SIM_MAX_CONNECTIONS   128u       /* at a time; more wait in the backlog */
#define SIM_MAX_BODY          65536u     /* octets of a request body; as the client's own limit (2.5) */
#define SIM_MAX_ANSWER        (4u << 20) /* octets of one answer as it comes from libmicrohttpd */
#define SIM_MAX_REGISTRATIONS 256u
#define SIM_MAX_COMMANDS      1000u /* waiting commands of one registration */
#define SIM_MAX_FAULTS        1000u
#define SIM_MAX_RECORDS       10000u     /* reports, enrolments: the oldest go first */
#define SIM_MAX_ENDLESS       (1u << 30) /* even an endless body ends here */
#define SIM_EXPORT            48         /* mef-protocol.md 3.5.3 */

static inline void json_freep(json_t **j)
{
    json_decref(*j);
}

static inline void g_freep(void *p)
{
    g_free(*(void **)p);
}

/* A fault of the scenario that has matched a request; `spec` is its JSON object. NULL members: none. */
enum spoil_kind {
    SPOIL_NONE,
    SPOIL_DROP,           /* no answer, the connection is cut */
    SPOIL_DELAY,          /* the answer comes `ms` later */
    SPOIL_SILENT,         /* no answer, the connection stays */
    SPOIL_TRUNCATE,       /* the first `bytes` octets, then the connection is cut */
    SPOIL_GARBAGE,        /* `bytes` octets of noise instead */
    SPOIL_HUGE,           /* a well-formed answer with a body of `bytes` octets */
    SPOIL_ENDLESS,        /* a body without an end */
    SPOIL_ENDLESS_HEADER, /* header lines without an end */
    SPOIL_CHUNKED,        /* the right answer, in chunks of `bytes` octets */
    SPOIL_DRIBBLE,        /* the right answer in pieces of `bytes` octets, each `ms` after the other */
    SPOIL_CLOSE,          /* the right answer, then an orderly end of the connection */
    SPOIL_ALERT,          /* a fatal TLS alert `code` instead */
};

struct spoil {
    enum spoil_kind kind;
    size_t bytes; /* 0: not given */
    unsigned ms, code;
};

/* What the front must know of an answer that is on its way through libmicrohttpd. */
struct coming {
    struct spoil spoil;
    bool bare_reason; /* a primitive: no reason phrase */
    char *rqi;        /* of the request, or NULL */
};

struct sim;

/* One TLS connection. Written by its front thread before libmicrohttpd sees it, read-only after, save what
 * stands below `lock`. */
struct conn {
    struct sim *sim;
    unsigned number; /* 1, 2, ... */
    int fd;          /* TCP */
    int inner;       /* our end of the socket pair */
    gnutls_session_t tls;
    char *identity; /* psk_identity or SAN; "" without authentication */
    bool by_certificate, is_psk;
    GBytes *psk;         /* of the handshake, or NULL */
    char suite[5];       /* "00AE" */
    char *sni;           /* NULL when there was none */
    gnutls_datum_t peer; /* DER of the client certificate */
    char *tls_unique;    /* base64; NULL when it cannot be had */
    uint8_t export[SIM_EXPORT];
    GPtrArray *violations;                            /* of the handshake (char *) */
    json_t *offered;                                  /* suites of the ClientHello */
    const char *handshake_fault;                      /* static text: what a callback refused, or NULL */
    int handshake_alert;                              /* the alert that says so */
    json_t *fault;                                    /* connection fault of the scenario, or NULL */
    gnutls_certificate_credentials_t own_certificate; /* made for this connection (wrong-cert), or NULL */

    /* guarded by sim->lock */
    GQueue coming;      /* struct coming *, one for each answer that the handler has made */
    bool split_request; /* header and body of the present request came in several records */
    bool inner_open;    /* libmicrohttpd holds the other end */
    bool aborted;       /* control port or stop: cut it */
};

struct sim {
    /* set up by main, read-only later */
    char *fqdn, *ca_dir, *log_path, *state_path;
    bool maf;             /* --role maf */
    char *mef_state_path; /* of the MEF that provisions our master credentials, or NULL */
    unsigned port, control_port;
    int stop_fd; /* eventfd: readable when all must end */
    gnutls_x509_crt_t ca_cert;
    gnutls_privkey_t ca_key;
    gnutls_priority_t priority;
    gnutls_psk_server_credentials_t psk_credentials;
    gnutls_certificate_credentials_t certificate; /* the good server certificate */
    GHashTable *psk;                              /* identity -> GBytes */
    struct MHD_Daemon *web, *control;

    pthread_mutex_t lock;
    pthread_cond_t changed; /* requests, connections or state moved */
    json_t *scenario;       /* as read, defaults filled in */
    json_t *faults;         /* array; matched ones are counted inside */
    json_t *state;          /* registrations, bindings, enrolments, reports, keys */
    json_t *refused;        /* identity -> {"at", "rsc"} */
    GHashTable *conns;      /* number -> struct conn */
    GHashTable *rqis;       /* "fr rqi" -> what was asked with it */
    unsigned next_conn, requests, sequence;
    unsigned threads; /* front threads alive */
    FILE *log;
    bool stopping;
};

/* A request as the MEF sees it. Owned by web.c. */
struct request {
    struct sim *sim;
    struct conn *conn;
    struct MHD_Connection *mhd;
    char *uri;          /* as on the wire, query included */
    char *path, *query; /* its two parts; query NULL when absent */
    char *method, *version;
    GByteArray *body;
    bool too_large, done;
    unsigned number;      /* 1, 2, ... over all connections */
    const char *op;       /* create retrieve update delete, or an EST operation, or other; static */
    const char *resource; /* base registration command key est other; static */
    const char *fr, *rqi, *rvi, *content_type; /* header values, NULL when absent; libmicrohttpd's */
    GPtrArray *violations;                     /* char * */
    json_t *fault;                             /* the spec that hit it (owned), or NULL */
};

struct answer {
    int status;
    unsigned rsc;     /* 0: not a primitive */
    GByteArray *body; /* NULL: none */
    char *content_type, *location, *transfer_encoding, *retry_after;
    json_t *headers; /* scenario fault: name -> value or null, laid over the others */
};

/* sim.c: text and time */
void violation(GPtrArray *list, const char *format, ...) G_GNUC_PRINTF(2, 3);
int64_t sim_clock(const struct sim *sim); /* microseconds; the scenario may hold it still. Under lock */
char *base64_lines(const void *data, size_t n, unsigned columns); /* columns 0: one line */
char *random_hex(unsigned octets);
json_t *strings_to_json(GPtrArray *list); /* NULL-safe */
/* The object's member as text; fallback (maybe NULL) when it is absent or no string. Borrowed. */
const char *json_text(const json_t *object, const char *key, const char *fallback);
json_int_t json_number(const json_t *object, const char *key, json_int_t fallback);
/* Appends, and drops the oldest beyond SIM_MAX_RECORDS; steals value. */
void record_append(json_t *array, json_t *value);

/* ca.c: the MEF's certification authority. Functions return 0 or a GnuTLS error. */
enum cert_flaw {
    CERT_GOOD,
    CERT_OTHER_NAME,
    CERT_NO_NAME,
    CERT_WILDCARD,
    CERT_EXPIRED,
    CERT_NOT_YET,
    CERT_SELF_SIGNED,
    CERT_OTHER_CA,
    CERT_OTHER_KEY,
    CERT_NONE, /* not a flaw: no certificate at all (EST answers an empty list) */
    CERT_UNKNOWN = -1,
};
enum cert_flaw cert_flaw_parse(const char *word); /* NULL: good */
int ca_open(struct sim *sim, char **ret_error);
void ca_close(struct sim *sim);
/* Key and certificate for a server of that name. */
int ca_server_certificate(struct sim *sim, const char *fqdn, enum cert_flaw flaw,
                          gnutls_x509_privkey_t *ret_key, gnutls_x509_crt_t *ret_cert);
/* A certificate for the CSR, subject and SAN copied. lifetime in seconds. */
int ca_issue(struct sim *sim, gnutls_x509_crq_t crq, enum cert_flaw flaw, int64_t lifetime,
             gnutls_x509_crt_t *ret_cert);
char *cert_identity(gnutls_x509_crt_t cert); /* first SAN as text; else the CN; else "". g_free */

/* tls.c */
int tls_open(struct sim *sim, char **ret_error);
void tls_close(struct sim *sim);
int tls_session(struct conn *c);   /* c->tls ready for the handshake */
void tls_describe(struct conn *c); /* after the handshake: identity, suite, SNI, exporter */

/* front.c */
void front_accept(struct sim *sim, int fd); /* takes fd */
void front_abort_all(struct sim *sim);      /* under lock: cut every connection */

/* web.c */
int web_open(struct sim *sim);
void answer_set(struct answer *a, int status, const void *body, size_t n, const char *content_type);

/* mef.c and key.c. Called under lock. */
void mef_handle(struct request *r, struct answer *a);
void answer_primitive(struct request *r, struct answer *a, unsigned rsc,
                      json_t *content); /* steals content */
void answer_error(struct answer *a, unsigned rsc, const char *format, ...) G_GNUC_PRINTF(3, 4);
/* The registration's live entry, or NULL. */
/* The member `root` of the content (new reference); NULL with the answer set. */
json_t *content_of(struct request *r, struct answer *a, const char *root);
json_t *mef_registration(struct sim *sim, const char *id);
void mef_bind_certificate(struct sim *sim, const char *enroller, const char *identity);
void key_create(struct request *r, struct answer *a, json_t *content);
void key_handle(struct request *r, struct answer *a, json_t *key);
json_t *key_find(struct sim *sim, const char *id);
/* Checks `et`, `lbl`; false with the answer set. */
bool mef_check_common(struct request *r, struct answer *a, json_t *content, bool et_needed,
                      char ret_et[TIMESTAMP_LEN]);
bool fqdn_valid(const char *s);

/* command.c. Called under lock. */
bool command_waiting(json_t *reg);
/* The next command's representation for an answer (new reference): the unreported one again, or the next, or
 * NO_MORE_COMMANDS. */
json_t *command_issue(struct sim *sim, json_t *reg);
void command_retrieve(struct request *r, struct answer *a, json_t *reg);
void command_update(struct request *r, struct answer *a, json_t *reg);
/* Adds scenario forms (one object or an array) to a registration. -EINVAL with a sentence. */
int command_queue(struct sim *sim, json_t *reg, json_t *commands, char **ret_error);
int command_check(json_t *commands, char **ret_error);

/* est.c. Called under lock. False when the path is none of EST's. */
bool est_handle(struct request *r, struct answer *a);
const char *est_operation(struct sim *sim, const char *path); /* static word, or NULL */

/* scenario.c */
int scenario_load(struct sim *sim, const char *path, char **ret_error);     /* path NULL: the default one */
int scenario_add_faults(struct sim *sim, json_t *faults, char **ret_error); /* borrowed */
/* A copy of the fault that this request hits, or NULL; counts. Under lock. */
json_t *fault_match(struct request *r);
json_t *fault_match_connection(struct sim *sim, unsigned number);
bool fault_before(const json_t *fault); /* the request is not processed at all */
/* Does what changes the answer's content; what is left for the front goes to *ret. */
void fault_apply(struct request *r, struct answer *a, struct spoil *ret);
void fault_spoil(const json_t *fault, struct spoil *ret);

/* maf.c: what is different at a MAF */
/* The key of a psk_identity that is not pre-provisioned: one that a MEF registered for us, or a KmID that we
 * assigned (new reference), or NULL. Takes the lock. */
GBytes *maf_find_psk(struct sim *sim, const char *identity);
/* assignedSymmKeyID for the answer to a registration, when the scenario says so and the client came with a
 * key of a MEF; NULL otherwise. Under lock; owned by the state. */
const char *maf_assign(struct request *r);

/* state.c */
int state_load(struct sim *sim, char **ret_error);
void state_save(struct sim *sim); /* under lock; without --state nothing */

/* control.c */
int control_open(struct sim *sim);

/* log.c. Under lock. */
void log_request(struct request *r, const struct answer *a);
void log_connection(struct conn *c, const char *event, const char *detail);
