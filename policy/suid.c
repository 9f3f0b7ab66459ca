/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of m2m:suid (mef-protocol.md 4.3, mo-tree.md 3.1). Pure; thread: any. */
#include "policy/suid.h"

#include <errno.h>
#include <stddef.h>

#include "plugin/base/cleanup.h"
#include "plugin/base/str.h"

static const struct row {
    uint8_t suid;
    bool procedure; /* MO_NODE knows what to do */
    const char *parent, *text;
} rows[] = {
    {10, false, "MEFClientRegCfg", "pre-provisioned key for a MEF"},
    {11, true, "MAFClientRegCfg", "pre-provisioned key for a MAF"},
    {12, true, "registration", "pre-provisioned key for SAEF"},
    {13, true, "dataCollection", "pre-provisioned key for ESPrim"},
    {14, false, NULL, "pre-provisioned key for ESData encryption"},
    {15, false, NULL, "pre-provisioned key for ESData signature"},
    {21, true, "MAFClientRegCfg", "key from a MEF for a MAF"},
    {22, true, "registration", "key from a MEF for SAEF"},
    {23, true, "dataCollection", "key from a MEF for ESPrim"},
    {24, false, NULL, "key from a MEF for ESData encryption"},
    {25, false, NULL, "key from a MEF for ESData signature"},
    /* TS-0004 has no 31; the command procedures name it (mo-tree.md E-08). */
    {31, true, "MAFClientRegCfg", "key from a MAF for a MAF"},
    {32, true, "registration", "key from a MAF for SAEF"},
    {33, true, "dataCollection", "key from a MAF for ESPrim"},
    {34, false, NULL, "key from a MAF for ESData encryption"},
    {35, false, NULL, "key from a MAF for ESData signature"},
    {40, false, "MEFClientRegCfg", "certificate for a MEF"},
    {41, true, "MAFClientRegCfg", "certificate for a MAF"},
    {42, true, "registration", "certificate for SAEF"},
    {43, true, "dataCollection", "certificate for ESPrim"},
    {44, false, NULL, "certificate for ESData encryption"},
    {45, false, NULL, "certificate for ESData signature"},
};

static const struct row *find(uint64_t suid)
{
    for (size_t i = 0; i < ELEMENTS(rows); i++)
        if (rows[i].suid == suid)
            return &rows[i];
    return NULL;
}

bool suid_valid(uint64_t suid)
{
    return find(suid) != NULL;
}

int suid_parse(const char *text, uint32_t *ret)
{
    uint64_t v;
    if (!text || str_to_u64(text, UINT32_MAX, &v) < 0 || !find(v))
        return -EINVAL;
    *ret = (uint32_t)v;
    return 0;
}

enum suid_kind suid_kind(uint32_t suid)
{
    return (enum suid_kind)(suid / 10);
}

enum suid_scope suid_scope(uint32_t suid)
{
    return (enum suid_scope)(suid % 10);
}

bool suid_has_procedure(uint32_t suid)
{
    const struct row *r = find(suid);
    return r && r->procedure;
}

const char *suid_parent_type(uint32_t suid)
{
    const struct row *r = find(suid);
    return r ? r->parent : NULL;
}

const char *suid_describe(uint32_t suid)
{
    const struct row *r = find(suid);
    return r ? r->text : NULL;
}
