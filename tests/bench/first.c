/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A MEF and a first certificate from it, for either side of an enrolment. */
#include <string.h>

#include "plugin/cert/chain.h"
#include "tests/bench/enrolment.h"

const struct san enrolment_san = {SAN_DNS, "gw42.in-cse.m2m.example.com"};

void first_certificate(struct first *f, const char *dir, const char *fqdn, const char *scenario,
                       struct evp_pkey_st *key)
{
    struct csr_params params = {.key = key, .subject_id = ENROLMENT_ID, .san = &enrolment_san};
    struct der cert = {0}, anchor = {0};
    struct mef_error why = {0};
    g_autofree char *pem = NULL;

    f->sim = sim_start(dir, fqdn, scenario, NULL);
    if (csr_build(&params, &f->csr, &why) < 0)
        g_error("%s", why.text);
    g_autofree char *text = g_base64_encode(f->csr.data, f->csr.len);
    json_t *body = json_pack("{s:s}", "csr", text),
           *answer = sim_call(f->sim, "POST", "/sim/issue", body, NULL);
    const char *issued = json_string_value(json_object_get(answer, "certificate"));
    g_assert_cmpint(cert_from_text(issued, strlen(issued), &cert), ==, 0);
    g_assert_true(g_file_get_contents(sim_ca_path(f->sim), &pem, NULL, NULL));
    g_assert_cmpint(cert_from_text(pem, strlen(pem), &anchor), ==, 0);
    g_assert_cmpint(der_list_add(&f->chain, cert.data, cert.len), ==, 0);
    g_assert_cmpint(der_list_add(&f->anchors, anchor.data, anchor.len), ==, 0);
    free(cert.data);
    free(anchor.data);
    json_decref(body);
    json_decref(answer);
}

void first_done(struct first *f)
{
    sim_stop(f->sim);
    free(f->csr.data);
    der_list_clear(&f->chain);
    der_list_clear(&f->anchors);
}
