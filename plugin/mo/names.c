/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plugin/mo/names.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>

#include "plugin/base/str.h"
#include "policy/ids.h"

static const enum mo_attr attrs[] = {MO_SYMM_KEY_ID, MO_MY_CERT_FINGERPRINT, MO_CERT_FINGERPRINT};

static int add(struct mo_names *names, enum mo_attr attr, const char *text)
{
    struct fingerprint fp;

    if (!text)
        return 0;
    if (attr == MO_SYMM_KEY_ID)
        return strv_push(&names->keys, key_id_strip_type(text));
    if (fingerprint_parse(text, &fp) < 0)
        return 0;
    struct fingerprint *more = reallocarray(names->certs, names->n_certs + 1, sizeof *more);
    if (!more)
        return -ENOMEM;
    names->certs = more;
    more[names->n_certs++] = fp;
    return 0;
}

int mo_names_of_tree(const struct mo_tree *tree, struct mo_names *ret)
{
    struct mo_names names = {0};
    int r = 0;

    for (size_t i = 0; r == 0 && i < mo_tree_count(tree); i++)
        for (size_t k = 0; r == 0 && k < ELEMENTS(attrs); k++)
            r = add(&names, attrs[k], mo_node_text(mo_tree_nth(tree, i), attrs[k]));
    if (r < 0)
        mo_names_clear(&names);
    *ret = names;
    return r;
}

static int add_row(struct mo_names *names, const char *text, struct mef_error *reterr)
{
    json_t *json = json_loads(text ? text : "", 0, NULL);
    int r = json ? 0 : mef_fail(reterr, MEF_ERROR_FAILED, "a row of mo_node is damaged; restore state.db");

    for (size_t k = 0; r == 0 && k < ELEMENTS(attrs); k++)
        r = add(names, attrs[k], json_string_value(json_object_get(json, mo_attr_info(attrs[k])->name)));
    json_decref(json);
    return r;
}

int mo_names_of_store(struct sql *sql, struct mo_names *ret, struct mef_error *reterr)
{
    _cleanup_(stmt_done) struct stmt s = {0};
    struct mo_names names = {0};
    int r = stmt_prepare(&s, sql, "SELECT attrs FROM mo_node", reterr);

    while (r == 0 && (r = stmt_step(&s, reterr)) == 1) {
        _cleanup_(freep) char *text = NULL;
        r = stmt_col_text(&s, 0, &text);
        if (r == 0)
            r = add_row(&names, text, reterr);
    }
    if (r < 0)
        mo_names_clear(&names);
    *ret = names;
    return r;
}

bool mo_names_key(const struct mo_names *names, const char *label)
{
    for (char **s = names->keys; s && *s; s++)
        if (streq(*s, label))
            return true;
    return false;
}

bool mo_names_cert(const struct mo_names *names, const uint8_t sha256[32])
{
    for (size_t i = 0; i < names->n_certs; i++)
        if (fingerprint_matches(&names->certs[i], sha256))
            return true;
    return false;
}

void mo_names_clear(struct mo_names *names)
{
    strv_free(names->keys);
    free(names->certs);
    *names = (struct mo_names){0};
}
