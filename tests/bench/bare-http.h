/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A bare client of the MEF for the benchmarks: libcurl in one thread, with the options, headers and suite of
 * ours, and nothing that looks whether an answer is right. Failures end the program. */
#pragma once

#include <curl/curl.h>
#include <glib.h>
#include <stdint.h>

struct bare_http {
    CURL *easy;
    GString *answer;
    unsigned rqi;             /* of the last request */
    const char *export_label; /* set: what it gives on a new connection stands in `exported` */
    unsigned char exported[48];
};

void bare_http_open(struct bare_http *h, uint16_t port);
/* One request; its answer in h->answer. `type`, `body` NULL: none. */
void bare_http_send(struct bare_http *h, const char *method, const char *path, const char *type,
                    const char *body);
/* The registration with which each begins. */
void bare_http_register(struct bare_http *h);
void bare_http_close(struct bare_http *h);
