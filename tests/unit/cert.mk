# SPDX-License-Identifier: LGPL-2.1-or-later
check_PROGRAMS += tests/unit/test-cert
tests_unit_test_cert_SOURCES = tests/unit/test-cert.c tests/unit/pki.c tests/unit/pki.h
tests_unit_test_cert_CFLAGS = $(TEST_CFLAGS) $(OPENSSL_CFLAGS)
tests_unit_test_cert_LDADD = libcert.la libpolicy.la libbase.la $(OPENSSL_LIBS) $(GLIB_LIBS)

check_PROGRAMS += tests/unit/test-cert-shared
tests_unit_test_cert_shared_SOURCES = tests/unit/test-cert-shared.c tests/unit/pki.c tests/unit/pki.h
tests_unit_test_cert_shared_CFLAGS = $(TEST_CFLAGS) $(OPENSSL_CFLAGS)
tests_unit_test_cert_shared_LDADD = libcert.la libpolicy.la libbase.la $(OPENSSL_LIBS) $(GLIB_LIBS)

est_ca = tests/unit/est-ca.c tests/unit/est-ca.h tests/unit/pki.c tests/unit/pki.h

check_PROGRAMS += tests/unit/test-est tests/unit/test-est-tls
tests_unit_test_est_SOURCES = tests/unit/test-est.c $(est_ca)
tests_unit_test_est_CFLAGS = $(TEST_CFLAGS) $(OPENSSL_CFLAGS)
tests_unit_test_est_LDADD = libcert.la libpolicy.la libbase.la $(OPENSSL_LIBS) $(GLIB_LIBS)
tests_unit_test_est_tls_SOURCES = tests/unit/test-est-tls.c tests/unit/tls-peer.c tests/unit/tls-peer.h $(est_ca)
tests_unit_test_est_tls_CFLAGS = $(TEST_CFLAGS) $(OPENSSL_CFLAGS) $(GNUTLS_CFLAGS)
tests_unit_test_est_tls_LDADD = libnet.la libcert.la libpolicy.la libbase.la $(CURL_LIBS) $(CARES_LIBS) \
	$(OPENSSL_LIBS) $(GNUTLS_LIBS) $(GLIB_LIBS)

check_PROGRAMS += tests/unit/test-cert-seeds
tests_unit_test_cert_seeds_SOURCES = tests/unit/test-cert-seeds.c
tests_unit_test_cert_seeds_CFLAGS = $(TEST_CFLAGS) $(OPENSSL_CFLAGS)
tests_unit_test_cert_seeds_LDADD = libnet.la libcert.la libpolicy.la libbase.la $(CURL_LIBS) $(CARES_LIBS) \
	$(OPENSSL_LIBS) $(GLIB_LIBS)
