/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* login, logout, set-key: the calls that busctl cannot make, since a secret goes over the bus as a descriptor
 * only. It is read from a file, the standard input or a terminal without echo, never from the command line.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "dbus/ctl/ctl.h"
#include "plugin/base/limits.h"
#include "plugin/base/secret.h"
#include "plugin/base/str.h"

#define SECRET_MAX (LIMIT_PIN + 2) /* the longest, its line end, and one that shows that it is too long */

/* Up to the end, or up to the end of a line: octets in `s`. */
static int read_all(int fd, bool line, struct secret *s)
{
    s->len = 0;
    while (s->len < s->room) {
        ssize_t n = read(fd, s->data + s->len, line ? 1 : s->room - s->len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0 || (line && s->data[s->len] == '\n'))
            break;
        s->len += (size_t)n;
    }
    return 0;
}

/* A line from the terminal that is not shown; its interrupt key is taken as a character, so that the terminal
 * is never left without echo. */
static int ask(const char *prompt, struct secret *s)
{
    struct termios before, quiet;

    if (tcgetattr(STDIN_FILENO, &before) < 0)
        return -errno;
    quiet = before;
    quiet.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
    fputs(prompt, stderr);
    if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) < 0)
        return -errno;
    int r = read_all(STDIN_FILENO, true, s);
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    fputc('\n', stderr);
    if (r == 0 && memchr(s->data, before.c_cc[VINTR], s->len))
        r = -ECANCELED;
    return r;
}

static int get(const char *from, const char *prompt, struct secret *s)
{
    if (streq(from, "-"))
        return isatty(STDIN_FILENO) ? ask(prompt, s) : read_all(STDIN_FILENO, false, s);
    int fd = open(from, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return -errno;
    int r = read_all(fd, false, s);
    close(fd);
    return r;
}

/* The whole secret lies in the pipe when the service gets its end: nobody waits for us. */
static int into_pipe(const struct secret *s, int *ret)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    ssize_t n = write(ends[1], s->data, s->len);
    int r = n == (ssize_t)s->len ? 0 : n < 0 ? -errno : -EIO;
    close(ends[1]);
    if (r < 0)
        close(ends[0]);
    else
        *ret = ends[0];
    return r;
}

static int send_secret(struct ctl *c, const char *path, const char *interface, const char *member,
                       const char *from, const char *prompt)
{
    _cleanup_(secret_freep) struct secret *s = NULL;
    DBusMessage *m = bus_method(path, interface, member), *reply = NULL;
    DBusMessageIter i, dict;
    int fd = -1, r = secret_new(SECRET_MAX, &s);

    if (r == 0)
        r = get(from, prompt, s);
    if (r == 0)
        r = into_pipe(s, &fd);
    if (r < 0 || !m) {
        if (m)
            dbus_message_unref(m);
        return ctl_fail(c, CTL_FAILED, "InvalidArguments", "cannot read '%s': %s", from,
                        strerror(r < 0 ? -r : ENOMEM));
    }
    dbus_message_iter_init_append(m, &i);
    bool ok = dbus_message_iter_append_basic(&i, DBUS_TYPE_UNIX_FD, &fd) &&
              dbus_message_iter_open_container(&i, DBUS_TYPE_ARRAY, "{sv}", &dict) &&
              dbus_message_iter_close_container(&i, &dict);
    close(fd); /* the message has its own */
    if (!ok) {
        dbus_message_unref(m);
        m = NULL;
    }
    r = bus_call(c, m, &reply);
    if (reply)
        dbus_message_unref(reply);
    return r;
}

/* The one token that the service has seen. */
static int find_token(struct ctl *c, char **ret)
{
    json_t *objects = NULL;
    int r = bus_objects(c, &objects);

    if (r != 0)
        return r;
    json_t *paths = objects_with(objects, "Token");
    const char *path = json_string_value(json_array_get(paths, 0));
    *ret = path ? strdup(path) : NULL;
    json_decref(paths);
    json_decref(objects);
    return *ret ? 0 : ctl_fail(c, CTL_NOT_FOUND, "NotFound", "the service has seen no token yet");
}

static int said(struct ctl *c, const char *text)
{
    if (c->json)
        return ctl_print_json(c, json_object());
    puts(text);
    return CTL_OK;
}

int run_login(struct ctl *c, const struct ctl_args *a)
{
    _cleanup_(freep) char *path = NULL;
    int r = find_token(c, &path);

    if (r == 0)
        r = send_secret(c, path, "org.mefclient1.Token", "Login", a->words ? a->word[0] : "-", "PIN: ");
    return r ? r : said(c, "Logged in.");
}

int run_logout(struct ctl *c, const struct ctl_args *a)
{
    _cleanup_(freep) char *path = NULL;
    DBusMessage *reply = NULL;
    int r = find_token(c, &path);

    if (r == 0)
        r = bus_call(c, bus_method(path, "org.mefclient1.Token", "Logout"), &reply);
    if (reply)
        dbus_message_unref(reply);
    return r ? r : said(c, "Logged out.");
}

int run_set_key(struct ctl *c, const struct ctl_args *a)
{
    _cleanup_(freep) char *path = NULL;
    int r = ctl_find(c, a->word[0], objects_find_node, &path);

    if (r == 0)
        r = send_secret(c, path, "org.mefclient1.AuthenticationProfile", "SetSymmetricKey",
                        a->words > 1 ? a->word[1] : "-", "Key: ");
    return r ? r : said(c, "The key is in the token.");
}
