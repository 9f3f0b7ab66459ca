/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mef-sim: options, start and stop. See sim.h for the parts and docs/mef-sim.md for the use. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

#include "plugin/base/limits.h"
#include "tests/sim/sim.h"

static const char help[] =
    "usage: mef-sim --listen ADDRESS:PORT --fqdn NAME --ca DIR [--psk ID=HEX]... [--psk-file ID=FILE]...\n"
    "               [--scenario FILE] [--log FILE] [--ready-file FILE] [--state FILE] [--role mef|maf]\n"
    "               [--mef-state FILE]\n"
    "\n"
    "A oneM2M MEF with EST for tests: registration, commands, certificates, over TLS 1.2 with pre-shared "
    "keys\n"
    "(suite 00AE) and certificates (suite C023) on one port.\n"
    "\n"
    "  --listen ADDRESS:PORT  where to listen; [ADDRESS]:PORT for IPv6; port 0: any\n"
    "  --fqdn NAME            FQDN of the MEF, and the name in its certificate\n"
    "  --ca DIR               holds ca.pem (your trust anchor) and ca.key; made when absent\n"
    "  --psk ID=HEX           a pre-shared key (Kpm) and its psk_identity; the last '=' divides\n"
    "  --psk-file ID=FILE     the same, hex in a file\n"
    "  --scenario FILE        JSON: commands, faults, EST (docs/mef-sim.md); default: the worked example\n"
    "  --log FILE             a JSON line per request\n"
    "  --ready-file FILE      written when all is up: port=N, control=N, ca=PATH\n"
    "  --state FILE           registrations and reports survive a restart there\n"
    "  --role maf             be a MAF: no commands, keys of SUID 31 to 35, exporter label for MAFs\n"
    "  --mef-state FILE       the --state of the MEF whose keys for us (SUID 21) are our master credentials\n"
    "  --help, --version\n"
    "\n"
    "From your own test: start it with --listen 127.0.0.1:0, wait for the ready file, point your client's "
    "resolver at\n"
    "127.0.0.1 for NAME, trust DIR/ca.pem, and use an identity of --psk. Then read the log; each line says "
    "what was\n"
    "asked and answered, and \"violation\" lists what the client did against the rules. Steer it by\n"
    "  curl http://127.0.0.1:CONTROL/sim/state\n"
    "  curl -d '{\"class\":\"CERT_PROV\"}' http://127.0.0.1:CONTROL/sim/commands\n"
    "  curl -d '{\"at\":{\"op\":\"update\"},\"do\":\"drop-after\"}' http://127.0.0.1:CONTROL/sim/faults\n"
    "  curl -X POST http://127.0.0.1:CONTROL/sim/reset-connections\n"
    "Exit status: 0 stopped by SIGTERM or SIGINT, 1 failure, 2 usage.\n";

struct options {
    const char *listen, *scenario, *ready;
    int fd;
};

static int usage(const char *format, ...) G_GNUC_PRINTF(1, 2);
static int usage(const char *format, ...)
{
    va_list args;
    fputs("mef-sim: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputs("\nTry 'mef-sim --help'.\n", stderr);
    return 2;
}

/* ID=HEX; hex may end in white space when it comes from a file. */
static int add_psk(struct sim *sim, const char *text, bool from_file)
{
    const char *divide = strrchr(text, '=');
    uint8_t key[LIMIT_PSK];
    size_t n = sizeof key;
    _cleanup_(g_freep) char *content = NULL;
    if (!divide || divide == text || divide - text > (ptrdiff_t)LIMIT_PSK_IDENTITY)
        return usage("'%s' is not ID=%s", text, from_file ? "FILE" : "HEX");
    if (from_file && !g_file_get_contents(divide + 1, &content, NULL, NULL))
        return usage("cannot read '%s'", divide + 1);
    const char *hex = content ? g_strstrip(content) : divide + 1;
    if (hex_decode(hex, strlen(hex), key, &n) < 0 || n == 0)
        return usage("the key of '%.*s' is not 1 to %u octets in hex", (int)(divide - text), text, LIMIT_PSK);
    g_hash_table_insert(sim->psk, g_strndup(text, (gsize)(divide - text)), g_bytes_new(key, n));
    return 0;
}

/* The option `name` with its value, as --name VALUE or --name=VALUE. */
static bool takes(char **argv, int *i, const char *name, const char **ret)
{
    size_t n = strlen(name);
    if (strncmp(argv[*i], name, n) != 0)
        return false;
    if (argv[*i][n] == '=')
        *ret = argv[*i] + n + 1;
    else if (argv[*i][n] == '\0' && argv[*i + 1])
        *ret = argv[++*i];
    else
        return false;
    return true;
}

static int parse(struct sim *sim, struct options *o, int argc, char **argv)
{
    const char *value = NULL, *fqdn = NULL, *ca = NULL, *log = NULL, *state = NULL, *role = "mef",
               *mef = NULL;
    int r = 0;
    for (int i = 1; i < argc && r == 0; i++) {
        if (streq(argv[i], "--help")) {
            fputs(help, stdout);
            return -1;
        } else if (streq(argv[i], "--version")) {
            puts("mef-sim " VERSION);
            return -1;
        } else if (takes(argv, &i, "--listen", &o->listen) || takes(argv, &i, "--fqdn", &fqdn) ||
                   takes(argv, &i, "--ca", &ca) || takes(argv, &i, "--scenario", &o->scenario) ||
                   takes(argv, &i, "--log", &log) || takes(argv, &i, "--ready-file", &o->ready) ||
                   takes(argv, &i, "--state", &state) || takes(argv, &i, "--role", &role) ||
                   takes(argv, &i, "--mef-state", &mef)) {
            continue;
        } else if (takes(argv, &i, "--psk-file", &value)) {
            r = add_psk(sim, value, true);
        } else if (takes(argv, &i, "--psk", &value)) {
            r = add_psk(sim, value, false);
        } else {
            r = usage("'%s' is unknown, or its value is missing", argv[i]);
        }
    }
    if (r != 0)
        return r;
    if (!o->listen || !fqdn || !ca)
        return usage("--listen, --fqdn and --ca are needed");
    if (!fqdn_valid(fqdn))
        return usage("'%s' is no FQDN", fqdn);
    if (!streq(role, "mef") && !streq(role, "maf"))
        return usage("--role is mef or maf");
    sim->maf = streq(role, "maf");
    sim->mef_state_path = g_strdup(mef);
    sim->fqdn = g_ascii_strdown(fqdn, -1);
    sim->ca_dir = g_canonicalize_filename(ca, NULL);
    sim->log_path = g_strdup(log);
    sim->state_path = g_strdup(state);
    return 0;
}

static int open_listener(struct sim *sim, struct options *o)
{
    const char *colon = strrchr(o->listen, ':');
    uint64_t port = 0;
    if (!colon || str_to_u64(colon + 1, 65535, &port) < 0)
        return usage("--listen '%s' is not ADDRESS:PORT", o->listen);
    bool bracket = *o->listen == '[' && colon > o->listen + 1 && colon[-1] == ']';
    _cleanup_(g_freep) char *host =
        g_strndup(o->listen + bracket, (gsize)(colon - o->listen) - (bracket ? 2 : 0));
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_PASSIVE, .ai_socktype = SOCK_STREAM},
                    *found = NULL;
    int one = 1;
    if (getaddrinfo(host, colon + 1, &hints, &found) != 0)
        return usage("'%s' is no IP address", host);
    o->fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool ok = o->fd >= 0 && setsockopt(o->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 &&
              bind(o->fd, found->ai_addr, found->ai_addrlen) == 0 && listen(o->fd, 128) == 0;
    int error = errno;
    freeaddrinfo(found);
    if (!ok) {
        fprintf(stderr, "mef-sim: cannot listen on '%s': %s\n", o->listen, g_strerror(error));
        return 1;
    }
    struct sockaddr_storage at;
    socklen_t n = sizeof at;
    getsockname(o->fd, (struct sockaddr *)&at, &n);
    sim->port = ntohs(at.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&at)->sin6_port
                                               : ((struct sockaddr_in *)&at)->sin_port);
    return 0;
}

/* Everything up, nothing accepted yet. 0, or the exit status with the reason on stderr. */
static int start(struct sim *sim, struct options *o)
{
    _cleanup_(g_freep) char *error = NULL;
    if (scenario_load(sim, o->scenario, &error) < 0 || ca_open(sim, &error) < 0 ||
        tls_open(sim, &error) < 0 || state_load(sim, &error) < 0) {
        fprintf(stderr, "mef-sim: %s\n", error);
        return 1;
    }
    if (sim->log_path) {
        sim->log = fopen(sim->log_path, "ae");
        if (!sim->log) {
            fprintf(stderr, "mef-sim: cannot write '%s': %s\n", sim->log_path, g_strerror(errno));
            return 1;
        }
    }
    int r = open_listener(sim, o);
    if (r != 0)
        return r;
    if (web_open(sim) < 0 || control_open(sim) < 0) {
        fprintf(stderr, "mef-sim: cannot start libmicrohttpd: %s\n", g_strerror(errno));
        return 1;
    }
    return 0;
}

static int write_ready(struct sim *sim, const char *path)
{
    _cleanup_(g_freep) char *text =
        g_strdup_printf("port=%u\ncontrol=%u\nca=%s/ca.pem\n", sim->port, sim->control_port, sim->ca_dir);
    GError *e = NULL;
    if (!path || g_file_set_contents(path, text, -1, &e)) /* by a new file and rename */
        return 0;
    fprintf(stderr, "mef-sim: %s\n", e->message);
    g_error_free(e);
    return 1;
}

static void accept_until_signal(struct sim *sim, int listener, int signals)
{
    for (;;) {
        pthread_mutex_lock(&sim->lock);
        bool full = sim->threads >= SIM_MAX_CONNECTIONS;
        pthread_mutex_unlock(&sim->lock);
        struct pollfd p[2] = {{signals, POLLIN, 0}, {full ? -1 : listener, POLLIN, 0}};
        if (poll(p, 2, full ? 100 : -1) < 0 && errno != EINTR)
            return;
        if (p[0].revents)
            return;
        if (p[1].revents) {
            /* Under the lock, as where a front makes its pair: so that ThreadSanitizer sees an order between
             * the uses of one descriptor number, which libmicrohttpd frees behind its back. */
            pthread_mutex_lock(&sim->lock);
            int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
            pthread_mutex_unlock(&sim->lock);
            if (fd >= 0)
                front_accept(sim, fd);
        }
    }
}

static void stop(struct sim *sim)
{
    uint64_t one = 1;
    pthread_mutex_lock(&sim->lock);
    sim->stopping = true;
    if (write(sim->stop_fd, &one, sizeof one) < 0)
        fprintf(stderr, "mef-sim: %s\n", g_strerror(errno));
    front_abort_all(sim);
    pthread_cond_broadcast(&sim->changed);
    while (sim->threads > 0)
        pthread_cond_wait(&sim->changed, &sim->lock);
    pthread_mutex_unlock(&sim->lock);
}

static void close_all(struct sim *sim, struct options *o)
{
    if (sim->control)
        MHD_stop_daemon(sim->control);
    if (sim->web)
        MHD_stop_daemon(sim->web);
    if (o->fd >= 0)
        close(o->fd);
    if (sim->log)
        fclose(sim->log);
    tls_close(sim);
    ca_close(sim);
    json_decref(sim->scenario);
    json_decref(sim->faults);
    json_decref(sim->state);
    json_decref(sim->refused);
    g_hash_table_unref(sim->conns);
    g_hash_table_unref(sim->rqis);
    g_hash_table_unref(sim->psk);
    g_free(sim->fqdn);
    g_free(sim->ca_dir);
    g_free(sim->log_path);
    g_free(sim->state_path);
    g_free(sim->mef_state_path);
    close(sim->stop_fd);
    pthread_cond_destroy(&sim->changed);
    pthread_mutex_destroy(&sim->lock);
}

int main(int argc, char **argv)
{
    struct sim sim = {.stop_fd = eventfd(0, EFD_CLOEXEC)};
    struct options o = {.fd = -1};
    pthread_condattr_t attr;
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGTERM);
    sigaddset(&mask, SIGINT);
    pthread_sigmask(SIG_BLOCK, &mask, NULL);
    signal(SIGPIPE, SIG_IGN);
    _cleanup_(closep) int signals = signalfd(-1, &mask, SFD_CLOEXEC);
    pthread_mutex_init(&sim.lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&sim.changed, &attr);
    pthread_condattr_destroy(&attr);
    sim.conns = g_hash_table_new(NULL, NULL);
    sim.rqis = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    sim.psk = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_bytes_unref);
    int r = parse(&sim, &o, argc, argv);
    if (r == 0)
        r = start(&sim, &o);
    if (r == 0)
        r = write_ready(&sim, o.ready);
    if (r == 0) {
        accept_until_signal(&sim, o.fd, signals);
        stop(&sim);
    }
    close_all(&sim, &o);
    return r < 0 ? 0 : r;
}
