/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * mefplug/host.h: how a device agent (the host) loads and runs mefclient.so (the plugin).
 *
 * The whole ABI is one exported function and two tables of plain C types. This file is C89 and needs
 * <stddef.h> and <stdint.h> only. `mefplug(7)` tells the same story with an example.
 *
 *   1. dlopen(FILE, RTLD_NOW | RTLD_LOCAL), dlsym("mefplug_entry_v1").
 *   2. Fill a `struct mefplug_host` (memset to 0, then MEFPLUG_HOST_INIT(&h)) and call the entry.
 *   3. start(); then either poll get_fd() and call dispatch() (MEFPLUG_HAS_LOOP), or do nothing at all.
 *   4. stop(), destroy(), and dlclose() if you like: the object is linked `-z nodelete`, so its code stays
 *      mapped, but no thread, descriptor or memory of it stays.
 *
 * GROWTH. Both tables begin with their size and a minor version. Members are only ever appended, taking the
 * place of the reserved tail. Whoever reads a table reads a member only when MEFPLUG_HAS(table, member)
 * holds, and takes everything beyond as absent (NULL or 0). A member that took a reserved place is NULL in the
 * table of an older maker, so it has to be looked at too. So a host and a plugin of different minor versions
 * work together; an incompatible change would be a new symbol, mefplug_entry_v2.
 *
 * RETURN VALUES. 0 = done. Negative errno = something broke. Positive = one of MEFPLUG_OUTCOME below.
 * A sentence for a person goes to log() before the function returns.
 *
 * THREADS. All functions of `struct mefplug` are called from the thread that called start(), except
 * describe(), which any thread may call, destroy() and check_config(), which may be called from another
 * thread as long as nothing else runs, and stats(), which says by itself who may call it. The plugin makes threads of its own for the network, the token and
 * its store; they block all signals. Callbacks of the host are called from the thread named at each of them.
 *
 * FORK. In a child of the process that called the entry, every function answers -ECHILD and does nothing
 * (void functions just do nothing). exec, or start over with a new dlopen in a new process.
 *
 * GOOD GUEST. The plugin installs no signal handler and no fork handler, does not change the environment, the
 * locale, the umask or the working directory, never calls exit or abort, marks each descriptor close-on-exec,
 * uses neither the default sd_event nor a shared bus connection, and leaves NOTIFY_SOCKET alone.
 */
#ifndef MEFPLUG_HOST_H
#define MEFPLUG_HOST_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The minor version that this header describes. */
#define MEFPLUG_ABI_MINOR 1u

/* Is `member` inside the table that `p` points to, as its maker knew it? */
#define MEFPLUG_HAS(p, member)                                                                                \
    ((p)->size >= (size_t)((const char *)(&(p)->member + 1) - (const char *)(p)))

/* MEFPLUG_OUTCOME: positive return values. */
/* The configuration was refused as a whole; log() has been told FILE:LINE. From start(): nothing runs.
 * From reload(): the old configuration stays. A service exits with 78 (EX_CONFIG) after start(). */
#define MEFPLUG_BAD_CONFIG 1

/* mefplug_host.flags */
/* The host has an event loop: it polls get_fd() for input and calls dispatch(). Without this flag the plugin
 * runs the same loop on a thread of its own, and get_fd() and dispatch() answer -EOPNOTSUPP. */
#define MEFPLUG_HAS_LOOP 1u
/* The plugin may make threads. It needs this: without it the entry answers -EOPNOTSUPP. */
#define MEFPLUG_MAY_THREAD 2u
/* The host itself speaks sd_notify(3) and turns ready() and status() into READY=1 and STATUS=. The plugin
 * never does, with or without this flag; without it, what status() would say goes to the journal too. */
#define MEFPLUG_OWNS_NOTIFY 4u

/* Levels of log(): those of syslog(3). */
#define MEFPLUG_LOG_ERR 3
#define MEFPLUG_LOG_WARNING 4
#define MEFPLUG_LOG_NOTICE 5
#define MEFPLUG_LOG_INFO 6
#define MEFPLUG_LOG_DEBUG 7

/*
 * What the host gives. The table and every string in it are copied by mefplug_entry_v1(); the host may free
 * them when that has returned. `ctx` must stay valid until destroy() has returned. Strings are UTF-8; NULL
 * or "" means "not given", and then the configuration file, and last the built-in default, decides.
 * What is given here wins over the configuration file.
 */
struct mefplug_host {
    size_t size;        /* sizeof(struct mefplug_host) of the host's compiler run. Required. */
    uint32_t abi_minor; /* MEFPLUG_ABI_MINOR of the header that the host was compiled with */
    uint32_t flags;     /* MEFPLUG_HAS_LOOP | MEFPLUG_MAY_THREAD | MEFPLUG_OWNS_NOTIFY; unknown bits are ignored */

    void *ctx;          /* handed back to each callback; not looked at */

    const char *name;        /* of the host program, for log lines, e.g. "mef-agent" */
    const char *config_path; /* default: /etc/mefclient/mefclient.conf; must exist when given */
    const char *state_dir;   /* [paths] state-dir; an existing or creatable directory */
    const char *runtime_dir; /* [paths] runtime-dir */
    const char *bus_address; /* [bus] address, a D-Bus address; default: the system bus */
    const char *log_target;  /* [log] target: "journal", "console" or "auto" */

    /* More settings, each "SECTION.KEY=VALUE" as in mefclient.conf(5) (e.g. "bus.trusted-uids=1000"), the last
     * item NULL. They win over the file; an unknown key is a warning, a bad value MEFPLUG_BAD_CONFIG. */
    const char *const *options;

    /* One line for the host's own log, without line feed: level as above, never a secret. The plugin writes
     * its events to the journal (or the console) by itself; here come only the lines that the host's operator
     * must see: refused configuration, failed start, degraded operation. May be called from any thread, also
     * inside mefplug_entry_v1(); must not call back into the plugin. Optional. */
    void (*log)(void *ctx, int level, const char *message);

    /* Hint for hosts whose loop sleeps without polling get_fd(): call dispatch() soon. May be called from any
     * thread, also inside a function of the plugin; must not call back. Optional, unused without HAS_LOOP. */
    void (*wakeup)(void *ctx);

    /* One sentence about the present state, fit for STATUS=. Called on the loop thread (the thread that calls
     * dispatch(), or the plugin's own); must not call back. Optional. */
    void (*status)(void *ctx, const char *text);

    /* Called exactly once after a start() that returned 0, on the loop thread, when store and loop are up
     * (also with the bus or the token absent: then the state is degraded). It may come before start() has
     * returned. Must not call back. Optional. */
    void (*ready)(void *ctx);

    void *reserved[8]; /* must be NULL; later members take their place */
};

/* What describe() tells. All strings live as long as the plugin is mapped. */
struct mefplug_info {
    size_t size;
    uint32_t abi_minor;
    uint32_t reserved_flags;
    const char *name;                  /* "mefclient" */
    const char *version;               /* e.g. "0.1.0" */
    const char *profile;               /* which standard, e.g. "oneM2M MEF Client, TS-0032" */
    const char *const *features;       /* e.g. "est", "pkcs11"; last item NULL */
    void *reserved[4];
};

struct mefplug;

/* Receives the lines of check_config(); `line` ends without line feed and is valid during the call only. */
typedef void (*mefplug_line_fn)(void *ctx, const char *line);

/* check_config() flags */
#define MEFPLUG_CHECK_PRINT 1u /* also print the configuration as it would be used, in INI form */

/* How often something was counted. The layout is fixed: arrays of it are told. */
struct mefplug_count {
    uint32_t code;     /* what was counted, e.g. a cmdStatusCode as it was reported */
    uint32_t reserved; /* 0 */
    uint64_t count;    /* since start(); never goes down */
};

/* Something that a person should see to. The layout is fixed: arrays of it are told. */
struct mefplug_attention {
    const char *reason; /* a word that stays the same while the matter stands, e.g. "unreachable" */
    const char *text;   /* one sentence: what is wrong and what to do; never a secret */
};

/* mefplug_stat.flags */
#define MEFPLUG_STAT_REGISTERED 1u /* registered at its MEF, as far as is known here */

/* One registration at a MEF as it is now, or, with an empty label, the plugin as a whole (then `attention` is all
 * there is). Read a member only when MEFPLUG_HAS(stat, member) holds. Everything is valid during the call only. */
struct mefplug_stat {
    size_t size;
    uint32_t flags;         /* MEFPLUG_STAT_*; unknown bits are ignored */
    uint32_t n_statuses;    /* items of `statuses` */
    const char *label;      /* of the registration: its node's name, up to 64 octets of UTF-8; "" = the plugin */
    int64_t cert_not_after; /* end of validity of the certificate in use, microseconds since the epoch;
                             * 0 = a key is used, or the certificate is not in the token at present */
    uint64_t retries;       /* attempts that failed and were put off, since start(); never goes down */
    const struct mefplug_count *statuses; /* final statuses that the MEF has taken, by cmdStatusCode */
    const struct mefplug_attention *attention;
    uint32_t n_attention;   /* items of `attention`; 0 = nothing is wrong */
    uint32_t reserved_flags;
};

/* Receives what stats() tells. */
typedef void (*mefplug_stat_fn)(void *ctx, const struct mefplug_stat *stat);

/*
 * What the plugin gives. It belongs to the plugin and lives until destroy(). All members up to check_config
 * are present in every version; what follows says since when it is there.
 */
struct mefplug {
    size_t size;
    uint32_t abi_minor;
    uint32_t flags; /* 0 */

    /* Reads the configuration, opens the store and starts. Blocks on local files only, never on the bus, the
     * network or the token. Once per plugin object.
     * 0; MEFPLUG_BAD_CONFIG; -EALREADY (started before); -EACCES, -EROFS, -ENOSPC, -EIO (state directory);
     * -EBUSY (another process uses the state directory); -ENOMEM; -ECHILD. After a failure nothing runs and
     * only destroy() makes sense. */
    int (*start)(struct mefplug *plugin);

    /* The descriptor to poll for input (POLLIN, level-triggered), the same from start() to stop(); it belongs
     * to the plugin: do not read or close it. -EOPNOTSUPP without MEFPLUG_HAS_LOOP, -ENOTCONN when not
     * started, -ECHILD. */
    int (*get_fd)(struct mefplug *plugin);

    /* Does what is due, for some milliseconds at most, and never waits; what is left makes the descriptor
     * readable again. Needs no timer of the host. Calling it when nothing is due is harmless.
     * 0; -EOPNOTSUPP, -ENOTCONN, -ECHILD as above; any other negative errno: the loop is broken for good,
     * call stop() and destroy(). */
    int (*dispatch)(struct mefplug *plugin);

    /* Reads the configuration again. All or nothing. 0; MEFPLUG_BAD_CONFIG (the old one stays, log() was told
     * where and why); -ENOTCONN when not started; -ENOMEM; -ECHILD. */
    int (*reload)(struct mefplug *plugin);

    /* Ends what runs: exchanges are cut off, workers joined, the store closed, the bus name given up. What
     * was under way is journalled and goes on after the next start. `deadline_usec` is how long this may
     * take, in microseconds from the call; 0 = the default, one second. The descriptor of get_fd() is closed
     * when it returns. 0; -ETIMEDOUT: a token call hung and was left behind (its thread cannot be ended); all
     * else is stopped; -ECHILD. Not started or stopped already: 0. */
    int (*stop)(struct mefplug *plugin, uint64_t deadline_usec);

    /* Frees the plugin object, stopping it first (as stop(plugin, 0)) if need be. NULL is fine. */
    void (*destroy)(struct mefplug *plugin);

    /* Who are you? Any thread, at any time between the entry and destroy(), also in a forked child.
     * Never NULL. */
    const struct mefplug_info *(*describe)(const struct mefplug *plugin);

    /* Reads the configuration that start() would read, and changes nothing. Before start() or after stop().
     * `flags`: MEFPLUG_CHECK_PRINT or 0. Each warning, each error (FILE:LINE: what is wrong) and, with
     * MEFPLUG_CHECK_PRINT, each line of the resulting configuration is given to `line(line_ctx, text)`:
     * warnings and errors begin with "# ". 0 = would be accepted; MEFPLUG_BAD_CONFIG; -ENOMEM; -EINVAL (line
     * is NULL); -EBUSY (running); -ECHILD. */
    int (*check_config)(struct mefplug *plugin, uint32_t flags, mefplug_line_fn line, void *line_ctx);

    /* Since minor version 1. Figures for a monitoring system: calls `each(each_ctx, stat)` once for the plugin as
     * a whole (label "") and once for every registration, in no particular order. The calls come on the calling
     * thread before stats() returns, from one snapshot; they may take as long as they like and may call any function
     * but stop() and destroy(). Blocks for some milliseconds at most, never on the bus, the network or the token.
     * Thread: with MEFPLUG_HAS_LOOP the thread that called start(); without it any thread, between the return of
     * start() and the call of stop() or destroy(), but never inside a callback of the host's table.
     * 0; -EINVAL (each is NULL); -ENOTCONN when not started; -ENOMEM; -ECHILD. After a failure nothing was told. */
    int (*stats)(struct mefplug *plugin, mefplug_stat_fn each, void *each_ctx);

    void *reserved[7]; /* NULL; later members take their place */
};

/* Sets the first two members of a host table that the host has zeroed. */
#define MEFPLUG_HOST_INIT(h) ((void)((h)->size = sizeof(*(h)), (h)->abi_minor = MEFPLUG_ABI_MINOR))

/*
 * The entry. Checks the table, copies it and makes a plugin object; starts nothing, opens nothing.
 *   host   the host's table; size must reach at least to `flags`
 *   ret    where the object goes; untouched unless 0 is returned
 * 0; -EINVAL (host or ret is NULL, size is too small); -EOPNOTSUPP (no MEFPLUG_MAY_THREAD); -ENOMEM. A larger
 * table, another minor version, unknown flags and reserved members are no error. Thread: any. Several objects may exist at once, with state directories and
 * bus addresses of their own.
 */
typedef int (*mefplug_entry_fn)(const struct mefplug_host *host, struct mefplug **ret);
#define MEFPLUG_ENTRY_SYMBOL "mefplug_entry_v1"
#if defined(__GNUC__)
__attribute__((visibility("default")))
#endif
int mefplug_entry_v1(const struct mefplug_host *host, struct mefplug **ret);

#ifdef __cplusplus
}
#endif

#endif
