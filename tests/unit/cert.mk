# SPDX-License-Identifier: LGPL-2.1-or-later
check_PROGRAMS += tests/unit/test-cert
tests_unit_test_cert_SOURCES = tests/unit/test-cert.c tests/unit/pki.c tests/unit/pki.h
tests_unit_test_cert_CFLAGS = $(TEST_CFLAGS) $(OPENSSL_CFLAGS)
tests_unit_test_cert_LDADD = libcert.la libpolicy.la libbase.la $(OPENSSL_LIBS) $(GLIB_LIBS)

check_PROGRAMS += tests/unit/test-est
tests_unit_test_est_SOURCES = tests/unit/test-est.c tests/unit/tls-peer.c tests/unit/tls-peer.h \
	tests/unit/pki.c tests/unit/pki.h
tests_unit_test_est_CFLAGS = $(TEST_CFLAGS) $(OPENSSL_CFLAGS) $(GNUTLS_CFLAGS)
tests_unit_test_est_LDADD = libcert.la libnet.la libpolicy.la libbase.la $(CURL_LIBS) $(CARES_LIBS) $(OPENSSL_LIBS) \
	$(GNUTLS_LIBS) $(GLIB_LIBS)

check_PROGRAMS += tests/unit/test-cert-seeds
tests_unit_test_cert_seeds_SOURCES = tests/unit/test-cert-seeds.c
tests_unit_test_cert_seeds_CFLAGS = $(TEST_CFLAGS) $(OPENSSL_CFLAGS)
tests_unit_test_cert_seeds_LDADD = libcert.la libnet.la libpolicy.la libbase.la $(CURL_LIBS) $(CARES_LIBS) \
	$(OPENSSL_LIBS) $(GLIB_LIBS)
