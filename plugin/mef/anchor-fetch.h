/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The certificate of a [trustAnchorCred] out of the network (8.3.9.9.7; mo-tree.md 3.8). Thread: a worker. */
#pragma once

#include "plugin/base/ports.h"

/* One HTTPS GET of `uri`: no redirects, 30 s at most, 64 KiB at most, status 200, and the content is exactly
 * one X.509 certificate (DER, or one PEM block) that matches `fingerprint`. The server is checked against the
 * machine's trust anchors and `anchors` (may be NULL). 0 with a copy for the caller; -ECANCELED; any other
 * negative errno or positive transport outcome with a sentence: there is no such certificate. */
int anchor_fetch(const struct transport *t, const char *uri, const char *fingerprint,
                 const struct der_list *anchors, const struct wait *wait, struct der *ret,
                 struct mef_error *reterr);

/* The payload alone, for anchor_fetch and the fuzzer. -EINVAL, -ENOMEM. */
int anchor_read(const char *data, size_t len, const char *fingerprint, struct der *ret,
                struct mef_error *reterr);
