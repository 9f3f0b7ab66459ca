/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Addresses in the object tree: /object/instance/resource/resource instance, 0 to 4 numbers. Plain values
 * that own nothing. Pure; thread: any. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LWM2M_PATH_MAX 4
#define LWM2M_ID_MAX   65534 /* the highest identifier */
#define LWM2M_ID_NONE                                                                                        \
    65535 /* MAX_ID, reserved; here: "no number was given" (a Create that leaves the choice) */
#define LWM2M_PATH_TEXT sizeof "/65535/65535/65535/65535"

struct lwm2m_path {
    uint8_t n;                   /* numbers in use; 0 is the root */
    uint16_t id[LWM2M_PATH_MAX]; /* 0 beyond n */
};

/* LWM2M_PATH(3, 0, 1) is /3/0/1. */
#define LWM2M_PATH(...)                                                                                      \
    ((struct lwm2m_path){.n = sizeof((uint16_t[]){__VA_ARGS__}) / sizeof(uint16_t), .id = {__VA_ARGS__}})
#define LWM2M_ROOT ((struct lwm2m_path){0})

/* One identifier as a path segment has it: decimal, 0 to 65534, no sign, no leading zero. -EINVAL. */
int lwm2m_id_parse(const char *text, size_t len, uint16_t *ret);

/* "/" or "/3/0/1"; nothing else counts (no empty segment, no slash at the end). -EINVAL. */
int lwm2m_path_parse(const char *text, size_t len, struct lwm2m_path *ret);

/* Appends what one Uri-Path option holds; -EINVAL, and the path is as it was. */
int lwm2m_path_push(struct lwm2m_path *path, const char *segment, size_t len);

/* Fills and returns `text`. */
char *lwm2m_path_format(const struct lwm2m_path *path, char text[static LWM2M_PATH_TEXT]);

/* By number, a path before what lies below it: the order of all lists and payloads. */
int lwm2m_path_cmp(const struct lwm2m_path *a, const struct lwm2m_path *b);

/* Is `path` equal to `top`, or below it? */
bool lwm2m_path_within(const struct lwm2m_path *path, const struct lwm2m_path *top);

/* `path` with one more number; `path` must have room. */
struct lwm2m_path lwm2m_path_child(const struct lwm2m_path *path, uint16_t id);

/* The first `n` numbers of `path`, or all if it has less. */
struct lwm2m_path lwm2m_path_top(const struct lwm2m_path *path, uint8_t n);
