/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* token-tool: puts symmetric keys into a token, lists and deletes objects; for the demo and the tests, which
 * so need no OpenSC. Key and PIN come from files, never from the command line. Not installed. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "pkcs11/token.h"
#include "plugin/base/limits.h"
#include "plugin/base/str.h"

#define HEX_MAX (2 * LIMIT_PSK)

static int usage(FILE *to)
{
    (void)fputs(
        "usage: token-tool --module PATH --uri URI --pin-file FILE COMMAND\n"
        "  init-secret LABEL FILE   store the key in FILE (hexadecimal, '-' = standard input) as LABEL\n"
        "  list                     one object a line: class, id, label, SHA-256 of a certificate\n"
        "  delete LABEL             delete all objects with this label\n",
        to);
    return to == stdout ? 0 : 2;
}

static int failed(const char *what, const char *text)
{
    (void)fprintf(stderr, "token-tool: %s: %s\n", what, text);
    return 1;
}

/* Hexadecimal from a file or standard input into a secret; white space at the end is dropped. */
static int read_hex(const char *path, struct secret **ret)
{
    _cleanup_(secret_freep) struct secret *text = NULL, *value = NULL;
    _cleanup_(closep) int own = -1;
    int fd = STDIN_FILENO;
    size_t len = 0, room = LIMIT_PSK;

    if (!streq(path, "-")) {
        own = fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            return -errno;
    }
    if (secret_new(HEX_MAX + 16, &text) < 0 || secret_new(LIMIT_PSK, &value) < 0)
        return -ENOMEM;
    while (len < text->room) {
        ssize_t n = read(fd, text->data + len, text->room - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        len += (size_t)n;
    }
    while (len > 0 && strchr(" \t\r\n", text->data[len - 1]))
        len--;
    if (len == 0 || hex_decode((const char *)text->data, len, value->data, &room) < 0)
        return -EINVAL;
    value->len = room;
    *ret = TAKE_PTR(value);
    return 0;
}

static int init_secret(struct token *t, const char *label, const char *path)
{
    _cleanup_(secret_freep) struct secret *value = NULL;
    struct mef_error e = {0};
    int r = read_hex(path, &value);

    if (r == -EINVAL)
        return failed(path, "not 1 to 64 octets in hexadecimal");
    if (r < 0)
        return failed(path, strerror(-r));
    return token_put_secret(t, label, value, &e) < 0 ? failed(label, e.text) : 0;
}

static int print_object(void *ctx, const struct token_object *o)
{
    const char *class = o->class == TOKEN_PRIVATE_KEY   ? "private-key"
                        : o->class == TOKEN_PUBLIC_KEY  ? "public-key"
                        : o->class == TOKEN_CERTIFICATE ? "certificate"
                                                        : "secret-key";
    char id[2 * TOKEN_ID_MAX + 1] = "-", sha256[65] = "-";

    if (o->id_len)
        hex_encode(o->id, o->id_len, id);
    if (o->sha256)
        hex_encode(o->sha256, 32, sha256);
    (void)printf("%s\t%s\t%s\t%s\n", class, id, o->label, sha256);
    return 0;
}

static int run(struct token *t, int argc, char **argv)
{
    struct mef_error e = {0};

    if (argc == 3 && streq(argv[0], "init-secret"))
        return init_secret(t, argv[1], argv[2]);
    if (argc == 1 && streq(argv[0], "list"))
        return token_enumerate(t, TOKEN_ANY, true, print_object, NULL, &e) < 0 ? failed("list", e.text) : 0;
    if (argc == 2 && streq(argv[0], "delete"))
        return token_delete_label(t, TOKEN_ANY, argv[1], NULL, &e) < 0 ? failed(argv[1], e.text) : 0;
    return usage(stderr);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"module", required_argument, NULL, 'm'},
        {"uri", required_argument, NULL, 'u'},
        {"pin-file", required_argument, NULL, 'p'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct token_params params = {0};
    struct token *t = NULL;
    struct mef_error e = {0};
    int c, r;

    while ((c = getopt_long(argc, argv, "+m:u:p:h", options, NULL)) != -1) {
        switch (c) {
        case 'm':
            params.module = optarg;
            break;
        case 'u':
            params.uri = optarg;
            break;
        case 'p':
            params.pin_file = optarg;
            break;
        case 'h':
            return usage(stdout);
        default:
            return usage(stderr);
        }
    }
    if (optind >= argc || !params.uri)
        return usage(stderr);
    if (token_new(&params, &t, &e) < 0)
        return failed("token", e.text);
    r = token_open(t, &e) < 0 ? failed("token", e.text) : run(t, argc - optind, argv + optind);
    token_free(t);
    return r;
}
