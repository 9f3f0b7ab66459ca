/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mef-agent: the reference host. Loads mefclient.so through <mefplug/host.h>, gives it an event loop, and is
 * the process owner that a guest must not be: signals, sd_notify, exit codes (interfaces.md 4).
 * Ownership: main() owns the `struct agent`; the plugin copies what it is given. Thread: one, the main
 * thread; log() alone may come from the plugin's threads and writes one line with one call. */
#include <dlfcn.h>
#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

#include <mefplug/host.h>

#define STOP_USEC UINT64_C(1000000) /* "stop within a second from any state" */

enum { EXIT_STOPPED = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_CONFIGURATION = 78 };

struct agent {
    const char *plugin_path, *config, *bus, *state_dir, *runtime_dir, *log_target;
    bool check, cat;
    bool journal; /* stderr is the journal: lines carry their level */
    bool started, ready, said_ready;
    bool over;      /* `result` stands */
    unsigned trims; /* since something happened */
    void *object;   /* of dlopen */
    struct mefplug *plugin;
    sd_event *event;
    int result;
};

static void say(void *ctx, int level, const char *message)
{
    const struct agent *a = ctx;
    if (a->journal)
        fprintf(stderr, "<%d>mef-agent: %s\n", level & 7, message);
    else
        fprintf(stderr, "mef-agent: %s\n", message);
}

static void __attribute__((format(printf, 2, 3))) fail(struct agent *a, const char *format, ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, format);
    vsnprintf(text, sizeof(text), format, ap);
    va_end(ap);
    say(a, MEFPLUG_LOG_ERR, text);
}

/* ---- callbacks of the plugin -------------------------------------------------------------------------- */

static void on_status(void *ctx, const char *text)
{
    char line[512];
    snprintf(line, sizeof(line), "%s", text);
    for (char *p = line; *p; p++)
        if (*p == '\n' || *p == '\r')
            *p = ' ';
    (void)sd_notifyf(0, "STATUS=%s", line);
}

static void on_ready(void *ctx)
{
    struct agent *a = ctx;
    a->ready = true;
}

/* READY=1 means: start() has returned, and store and loop are up. */
static void say_ready(struct agent *a)
{
    if (!a->started || !a->ready || a->said_ready)
        return;
    a->said_ready = true;
    (void)sd_notify(0, "READY=1");
}

static void on_line(void *ctx, const char *line)
{
    struct agent *a = ctx;
    if (strncmp(line, "# ", 2) == 0)
        say(a, MEFPLUG_LOG_WARNING, line + 2);
    else
        puts(line);
}

/* ---- loading ------------------------------------------------------------------------------------------ */

static int load(struct agent *a)
{
    struct mefplug_host host = {
        .flags = MEFPLUG_HAS_LOOP | MEFPLUG_MAY_THREAD | MEFPLUG_OWNS_NOTIFY,
        .ctx = a,
        .name = "mef-agent",
        .config_path = a->config,
        .state_dir = a->state_dir,
        .runtime_dir = a->runtime_dir,
        .bus_address = a->bus,
        .log_target = a->log_target,
        .log = say,
        .status = on_status,
        .ready = on_ready,
    };
    char path[4096];
    mefplug_entry_fn entry;
    int r;

    MEFPLUG_HOST_INIT(&host);
    /* A name without a slash would be looked for in the library path. */
    r = snprintf(path, sizeof(path), "%s%s", strchr(a->plugin_path, '/') ? "" : "./", a->plugin_path);
    if (r < 0 || (size_t)r >= sizeof(path)) {
        fail(a, "the path given with --plugin is longer than %zu octets", sizeof(path) - 1);
        return -ENAMETOOLONG;
    }
    a->object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!a->object) {
        fail(a, "cannot load the plugin: %s", dlerror());
        return -ENOENT;
    }
    *(void **)&entry = dlsym(a->object, MEFPLUG_ENTRY_SYMBOL);
    if (!entry) {
        fail(a, "'%s' has no symbol %s: it is no plugin for this agent", path, MEFPLUG_ENTRY_SYMBOL);
        return -ENOEXEC;
    }
    r = entry(&host, &a->plugin);
    if (r != 0) {
        fail(a, "'%s' refused this host: %s", path, strerror(r < 0 ? -r : EPROTO));
        return r < 0 ? r : -EPROTO;
    }
    if (!MEFPLUG_HAS(a->plugin, check_config)) {
        fail(a, "'%s' is older than this agent; install the same release of both", path);
        return -EPROTO;
    }
    return 0;
}

static void unload(struct agent *a)
{
    if (a->plugin)
        a->plugin->destroy(a->plugin);
    a->plugin = NULL;
    if (a->object)
        dlclose(a->object);
    a->object = NULL;
}

/* --check-config and --cat-config: the exit code. */
static int check(struct agent *a)
{
    int r = a->plugin->check_config(a->plugin, a->cat ? MEFPLUG_CHECK_PRINT : 0, on_line, a);
    if (r == 0) {
        if (!a->cat)
            puts("The configuration is good.");
        return EXIT_STOPPED;
    }
    if (r == MEFPLUG_BAD_CONFIG)
        return EXIT_CONFIGURATION;
    fail(a, "cannot check the configuration: %s", strerror(-r));
    return EXIT_FAILED;
}

/* ---- the loop ----------------------------------------------------------------------------------------- */

static void leave(struct agent *a, int result)
{
    a->result = result;
    a->over = true;
}

static int on_stop(sd_event_source *s, const struct signalfd_siginfo *si, void *userdata)
{
    struct agent *a = userdata;
    (void)sd_notify(0, "STOPPING=1\nSTATUS=Stopping");
    leave(a, EXIT_STOPPED);
    return 0;
}

static int on_reload(sd_event_source *s, const struct signalfd_siginfo *si, void *userdata)
{
    struct agent *a = userdata;
    struct timespec now;
    int r;

    clock_gettime(CLOCK_MONOTONIC, &now);
    (void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu",
                     (unsigned long long)now.tv_sec * 1000000 + (unsigned long long)now.tv_nsec / 1000);
    r = a->plugin->reload(a->plugin);
    if (r == MEFPLUG_BAD_CONFIG)
        (void)sd_notify(0, "STATUS=The new configuration was refused; the old one is in use");
    else if (r < 0)
        fail(a, "reload failed: %s; the old configuration is in use", strerror(-r));
    (void)sd_notify(0, "READY=1");
    return 0;
}

static int make_loop(struct agent *a)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
    sigset_t mask;
    int r;

    /* Before the plugin makes threads, so that only signalfd gets them. The owner of the process may ignore
     * SIGPIPE. */
    sigemptyset(&mask);
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        sigaddset(&mask, signals[i]);
    sigprocmask(SIG_BLOCK, &mask, NULL);
    signal(SIGPIPE, SIG_IGN);

    r = sd_event_new(&a->event);
    for (size_t i = 0; r >= 0 && i < sizeof(signals) / sizeof(signals[0]); i++)
        r = sd_event_add_signal(a->event, NULL, signals[i], signals[i] == SIGHUP ? on_reload : on_stop, a);
    if (r >= 0)
        r = sd_event_set_watchdog(a->event, true); /* nothing without WATCHDOG_USEC */
    if (r < 0)
        fail(a, "cannot make the event loop: %s", strerror(-r));
    return r < 0 ? r : 0;
}

/* Signals and the watchdog, which come seldom. */
static int turn(struct agent *a)
{
    int r;

    while (!a->over && (r = sd_event_run(a->event, 0)) != 0)
        if (r < 0)
            return r;
    return 0;
}

/* What an exchange has left behind is given back to the system once nothing has happened for a while: the
 * next may be a day away. Twice, since the threads may end their part after the loop. Only the owner of a
 * process may say so. */
static int wait_for(struct agent *a, struct pollfd *p, nfds_t n)
{
    static const int after_ms[] = {1000, 4000, -1};
    int r = poll(p, n, after_ms[a->trims]);

    if (r == 0)
        (void)malloc_trim(0);
    a->trims = r == 0 ? a->trims + 1 : 0;
    return r < 0 ? -errno : 0;
}

/* The plugin's descriptor beside the loop rather than in it: a loop in a loop is one more turn for each call
 * on the bus. The watchdog is fed by turn(), so a plugin that hangs starves it. */
static int loop(struct agent *a, int fd)
{
    struct pollfd p[] = {{.fd = fd, .events = POLLIN}, {.fd = sd_event_get_fd(a->event), .events = POLLIN}};

    for (int r = turn(a); !a->over;) {
        if (r == 0)
            r = wait_for(a, p, sizeof(p) / sizeof(p[0]));
        if (r == -EINTR) {
            r = 0;
            continue;
        }
        if (r == 0 && p[1].revents)
            r = turn(a);
        if (r < 0)
            return r;
        if (p[0].revents && !a->over && (r = a->plugin->dispatch(a->plugin)) < 0) {
            fail(a, "the plugin's loop is broken: %s", strerror(-r));
            leave(a, EXIT_FAILED);
        }
        say_ready(a);
    }
    return 0;
}

/* The exit code. */
static int run(struct agent *a)
{
    int r = a->plugin->start(a->plugin);
    if (r == MEFPLUG_BAD_CONFIG)
        return EXIT_CONFIGURATION;
    if (r != 0) {
        fail(a, "the plugin did not start: %s", strerror(r < 0 ? -r : EPROTO));
        return EXIT_FAILED;
    }
    a->started = true;
    a->result = EXIT_FAILED;
    int fd = r = a->plugin->get_fd(a->plugin);
    if (r >= 0)
        r = a->plugin->dispatch(a->plugin);
    if (r >= 0) {
        say_ready(a);
        r = loop(a, fd);
    }
    if (r < 0)
        fail(a, "the event loop failed: %s", strerror(-r));
    a->event = sd_event_unref(a->event);
    r = a->plugin->stop(a->plugin, STOP_USEC);
    if (r == -ETIMEDOUT) {
        /* That thread goes on: what libraries do at exit (OpenSSL frees its locks) would pull their state
         * away under it. */
        say(a, MEFPLUG_LOG_WARNING, "a call into the PKCS#11 module hung and was left behind");
        _exit(fflush(NULL) == 0 ? a->result : EXIT_FAILED);
    }
    if (r != 0) {
        fail(a, "the plugin did not stop cleanly: %s", strerror(r < 0 ? -r : EPROTO));
        return EXIT_FAILED;
    }
    return a->result;
}

/* ---- command line ------------------------------------------------------------------------------------- */

static void help(FILE *to)
{
    fputs("Usage: mef-agent [OPTION]...\n"
          "Loads the MEF client plugin and runs it in the foreground.\n\n"
          "  --config FILE       configuration (/etc/mefclient/mefclient.conf)\n"
          "  --bus ADDRESS       D-Bus address (the system bus)\n"
          "  --state-dir DIR     durable state (/var/lib/mefclient, or $STATE_DIRECTORY)\n"
          "  --runtime-dir DIR   run-time files (/run/mefclient, or $RUNTIME_DIRECTORY)\n"
          "  --plugin FILE       plugin to load (" PLUGINDIR "/mefclient.so)\n"
          "  --log-target T      journal, console or auto\n"
          "  --check-config      say whether the configuration is good, and leave\n"
          "  --cat-config        print the configuration as it would be used, and leave\n"
          "  --version           print the version, and leave\n"
          "  --help              print this, and leave\n\n"
          "SIGHUP reads the configuration again; SIGTERM and SIGINT stop.\n"
          "Exit status: 0 stopped, 1 failure, 2 wrong usage, 78 configuration refused.\n",
          to);
}

enum {
    OPT_CONFIG = 256,
    OPT_BUS,
    OPT_STATE,
    OPT_RUNTIME,
    OPT_PLUGIN,
    OPT_LOG,
    OPT_CHECK,
    OPT_CAT,
    OPT_VERSION,
    OPT_HELP
};

static const struct option options[] = {
    {"config", required_argument, NULL, OPT_CONFIG},
    {"bus", required_argument, NULL, OPT_BUS},
    {"state-dir", required_argument, NULL, OPT_STATE},
    {"runtime-dir", required_argument, NULL, OPT_RUNTIME},
    {"plugin", required_argument, NULL, OPT_PLUGIN},
    {"log-target", required_argument, NULL, OPT_LOG},
    {"check-config", no_argument, NULL, OPT_CHECK},
    {"cat-config", no_argument, NULL, OPT_CAT},
    {"version", no_argument, NULL, OPT_VERSION},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0},
};

/* -1 = go on, else the exit code. */
static int parse(struct agent *a, int argc, char **argv)
{
    int c;
    while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0)
        switch (c) {
        case OPT_CONFIG:
            a->config = optarg;
            break;
        case OPT_BUS:
            a->bus = optarg;
            break;
        case OPT_STATE:
            a->state_dir = optarg;
            break;
        case OPT_RUNTIME:
            a->runtime_dir = optarg;
            break;
        case OPT_PLUGIN:
            a->plugin_path = optarg;
            break;
        case OPT_LOG:
            a->log_target = optarg;
            break;
        case OPT_CHECK:
            a->check = true;
            break;
        case OPT_CAT:
            a->check = a->cat = true;
            break;
        case OPT_VERSION:
            puts("mef-agent " PACKAGE_VERSION);
            return EXIT_STOPPED;
        case OPT_HELP:
            help(stdout);
            return EXIT_STOPPED;
        default:
            fputs("Try 'mef-agent --help'.\n", stderr);
            return EXIT_USAGE;
        }
    if (optind < argc) {
        fail(a, "'%s' is not understood: there are only options; try 'mef-agent --help'", argv[optind]);
        return EXIT_USAGE;
    }
    if (a->log_target && strcmp(a->log_target, "journal") && strcmp(a->log_target, "console") &&
        strcmp(a->log_target, "auto")) {
        fail(a, "--log-target is journal, console or auto, not '%s'", a->log_target);
        return EXIT_USAGE;
    }
    return -1;
}

/* $STATE_DIRECTORY and $RUNTIME_DIRECTORY as systemd sets them: the first of a list. */
static const char *from_environment(const char *name, char *room, size_t size)
{
    const char *value = secure_getenv(name);
    if (!value || !*value || strlen(value) >= size)
        return NULL;
    memcpy(room, value, strlen(value) + 1);
    room[strcspn(room, ":")] = '\0';
    return room;
}

int main(int argc, char **argv)
{
    struct agent a = {.plugin_path = PLUGINDIR "/mefclient.so"};
    char state[4096], runtime[4096];
    int r;

    (void)mallopt(M_ARENA_MAX, 1); /* few threads, and seldom at once: a heap for each only keeps more free */
    a.journal = getenv("JOURNAL_STREAM") != NULL && !isatty(STDERR_FILENO);
    a.state_dir = from_environment("STATE_DIRECTORY", state, sizeof(state));
    a.runtime_dir = from_environment("RUNTIME_DIRECTORY", runtime, sizeof(runtime));
    r = parse(&a, argc, argv);
    if (r >= 0)
        return r;
    if (!a.check && make_loop(&a) < 0)
        return EXIT_FAILED;
    if (load(&a) < 0)
        r = EXIT_FAILED;
    else
        r = a.check ? check(&a) : run(&a);
    unload(&a);
    sd_event_unref(a.event);
    if (fflush(stdout) != 0 && r == EXIT_STOPPED)
        r = EXIT_FAILED;
    return r;
}
