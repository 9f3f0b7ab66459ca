/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The file of a myCertFileCred, by its form only (mo-tree.md 1.6, 5.3): no private key, 1 to 8 certificates,
 * at most 64 KiB. What the certificates say is for those who use them. Pure; thread: any. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plugin/base/err.h"

/* One of the three media types, in any case and with or without blanks behind ';'. */
bool cert_file_format_known(const char *format);
/* `content`: PEM text for application/x-pem-file, else base64 of the DER. InvalidArguments, LimitExceeded. */
int cert_file_check(const char *format, const char *content, struct mef_error *reterr);
/* The certificates of a file that passed the check, in its order. A nonzero return of `each` ends the walk
 * and is returned. */
int cert_file_each(const char *format, const char *content,
                   int (*each)(void *ctx, const uint8_t *der, size_t len), void *ctx);
