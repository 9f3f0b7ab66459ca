/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Identifiers with a syntax of their own (mef-protocol.md 1.8, 4.4, 4.7). Pure; thread: any. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plugin/base/limits.h"

/* MEFClientRegID, mafClientRegID: [A-Za-z0-9][A-Za-z0-9._-]{0,127}. */
bool resource_id_valid(const char *s);
/* sec:relKeyID: [A-Za-z0-9._-]{1,128}. */
bool relative_key_id_valid(const char *s);
/* Key identifier `RelativeKeyID@FQDN`. */
bool key_id_valid(const char *s);
/* The FQDN part of a key identifier: a pointer behind its '@'; NULL when key_id_valid() is false. */
const char *key_id_fqdn(const char *s);
/* KmIDs compare without regard to case. */
bool key_id_equal(const char *a, const char *b);
/* KpmID: any 1..128 printable ASCII octets (it is pre-provisioned). A blank counts as printable. */
bool kpm_id_valid(const char *s);
/* symmKeyID of a profile: a key identifier, or one behind a credential type prefix "1x-". */
bool symm_key_id_valid(const char *s);
/* The identifier without a "NN-" prefix, if what remains still contains '@'; else `s` itself (4.8). */
const char *key_id_strip_type(const char *s);

/* cmdID after decoding: 1..64 octets of UTF-8 without control characters. */
bool cmd_id_valid(const char *s, size_t len);
/* Node name: [A-Za-z0-9][A-Za-z0-9._-]{0,63}. */
bool node_name_valid(const char *s);

/* sec:credIDTypeID: a phrase for the credential, NULL when the number is not in the table. */
const char *cred_type_name(uint32_t type_id);
/* sec:credentialID `{typeID}-{value}`, split at the first '-'. ret_value points into `s`. -EINVAL: no '-',
 * type not in the table, value empty, over 255 octets or with octets outside [A-Za-z0-9._@-]. */
int credential_id_split(const char *s, uint32_t *ret_type, const char **ret_value);
/* Room for LIMIT 3 + 1 + 255 and NUL; -EINVAL when it would not split again. */
#define CREDENTIAL_ID_MAX 260
int credential_id_format(uint32_t type, const char *value, char ret[CREDENTIAL_ID_MAX]);

/* sec:deviceConfigURI `{devMgmtID}:{URI}`, split at the first ':'. *ret_id is any decimal number (one outside
 * devMgmtID is for the caller to refuse with 43); ret_uri points into `s`. -EINVAL: no number, no ':', or
 * what follows is no absolute URI. */
int device_config_uri_split(const char *s, uint32_t *ret_id, const char **ret_uri);
/* "{id}:{uri}", malloc'ed; NULL when out of memory. */
char *device_config_uri_format(uint32_t id, const char *uri);
