/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The names inside a certificate. Internal to plugin/cert; inside a scope. Thread: the caller's. */
#pragma once

#include <openssl/x509.h>

#include "plugin/base/buf.h"
#include "policy/subject-id.h"

/* The subjectAltName holds exactly this one: URI octet for octet, dNSName without regard to case, OID equal.
 */
bool names_contain(const X509 *cert, const struct san *san);
/* A dNSName with a '*' in it. */
bool names_any_wildcard(const X509 *cert);
/* The first URI, dNSName or registeredID as text, malloc'ed, "" if none; NULL = out of memory. */
char *names_first(const X509 *cert);
/* RFC 2253 form, printable UTF-8, malloc'ed; NULL = out of memory. */
char *name_text(const X509_NAME *name);
