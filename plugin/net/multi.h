/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* curl_multi_init() whose own file descriptors are closed in a child of the host. Thread: any. */
#pragma once

#include <curl/curl.h>

CURLM *multi_new(void); /* NULL: out of memory or descriptors */
