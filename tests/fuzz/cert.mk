# SPDX-License-Identifier: LGPL-2.1-or-later
# Fuzz targets of plugin/cert and plugin/net. The seeds are also replayed by tests/unit/test-cert-seeds.
FUZZ_TARGETS += tests/fuzz/fuzz-est-pkcs7 tests/fuzz/fuzz-csrattrs tests/fuzz/fuzz-cert-checks tests/fuzz/fuzz-http-answer

tests_fuzz_fuzz_est_pkcs7_SOURCES = tests/fuzz/fuzz-est-pkcs7.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_est_pkcs7_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_est_pkcs7_LDADD = libcert.la libpolicy.la libbase.la $(OPENSSL_LIBS)

tests_fuzz_fuzz_csrattrs_SOURCES = tests/fuzz/fuzz-csrattrs.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_csrattrs_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_csrattrs_LDADD = libcert.la libpolicy.la libbase.la $(OPENSSL_LIBS)

tests_fuzz_fuzz_cert_checks_SOURCES = tests/fuzz/fuzz-cert-checks.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_cert_checks_CFLAGS = $(AM_CFLAGS) $(OPENSSL_CFLAGS)
tests_fuzz_fuzz_cert_checks_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_cert_checks_LDADD = libcert.la libpolicy.la libbase.la $(OPENSSL_LIBS)

tests_fuzz_fuzz_http_answer_SOURCES = tests/fuzz/fuzz-http-answer.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_http_answer_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_http_answer_LDADD = libnet.la libcert.la libpolicy.la libbase.la $(CURL_LIBS) $(CARES_LIBS) $(OPENSSL_LIBS)
