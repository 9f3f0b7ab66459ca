/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mef-sim as a MAF (mef-protocol.md 3.7): master credentials that a MEF provisioned, and the names that a MAF
 * gives them. The MEF's --state file stands for the retrieval at the MEF. */
#include "tests/sim/sim.h"

#define HALF 16u /* 3.5.3: of a distributed key the first half is the PSK */

static bool is_target(const char *fqdn, const json_t *tgis)
{
    json_t *t;
    size_t i;

    json_array_foreach((json_t *)tgis, i,
                       t) if (json_is_string(t) && str_ieq(json_string_value(t), fqdn)) return true;
    return false;
}

/* RelativeKeyID@MEF-FQDN, as the MEF has it. */
static GBytes *from_mef(struct sim *sim, const char *identity)
{
    _cleanup_(json_freep) json_t *state =
        sim->mef_state_path ? json_load_file(sim->mef_state_path, 0, NULL) : NULL;
    const char *at = strchr(identity, '@');
    json_t *key;
    size_t i;

    if (!at)
        return NULL;
    json_array_foreach(json_object_get(state, "keys"), i, key)
    {
        const char *ri = json_text(key, "ri", ""), *value = json_text(key, "kv", NULL);
        gsize n;
        if (!value || strlen(ri) != (size_t)(at - identity) || strncmp(ri, identity, strlen(ri)) != 0 ||
            json_number(key, "suid", 0) != 21 || !is_target(sim->fqdn, json_object_get(key, "tgis")))
            continue;
        guchar *octets = g_base64_decode(value, &n);
        GBytes *psk = n >= HALF ? g_bytes_new(octets, HALF) : NULL;
        g_free(octets);
        return psk;
    }
    return NULL;
}

GBytes *maf_find_psk(struct sim *sim, const char *identity)
{
    uint8_t key[HALF];
    size_t n = sizeof key;

    if (!sim->maf)
        return NULL;
    pthread_mutex_lock(&sim->lock);
    const char *hex = json_text(json_object_get(sim->state, "assigned"), identity, NULL);
    GBytes *psk = hex && hex_decode(hex, strlen(hex), key, &n) == 0 ? g_bytes_new(key, n) : NULL;
    pthread_mutex_unlock(&sim->lock);
    return psk ? psk : from_mef(sim, identity);
}

const char *maf_assign(struct request *r)
{
    const char *name = json_text(json_object_get(r->sim->scenario, "registration"), "assign", NULL);
    char hex[2 * HALF + 1];
    gsize n = 0;
    const void *octets = r->conn->psk ? g_bytes_get_data(r->conn->psk, &n) : NULL;

    if (!r->sim->maf || !name || n != HALF)
        return NULL;
    _cleanup_(g_freep) char *id = g_strdup_printf("%s@%s", name, r->sim->fqdn);
    json_t *all = json_object_get(r->sim->state, "assigned");
    hex_encode(octets, n, hex);
    json_object_set_new(all, id, json_string(hex));
    if (!streq(id, r->conn->identity))
        mef_bind_certificate(r->sim, r->conn->identity, id);
    json_object_set_new(r->sim->state, "assigned-id", json_string(id));
    return json_text(r->sim->state, "assigned-id", NULL);
}
