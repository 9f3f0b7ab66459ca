# SPDX-License-Identifier: LGPL-2.1-or-later
check_PROGRAMS += tests/e2e/test-mo-node
tests_e2e_test_mo_node_SOURCES = tests/e2e/test-mo-node.c tests/unit/tls-peer.c tests/unit/tls-peer.h tests/unit/pki.c tests/unit/pki.h
tests_e2e_test_mo_node_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS) $(OPENSSL_CFLAGS) $(GNUTLS_CFLAGS)
tests_e2e_test_mo_node_LDADD = $(E2E_LDADD) libp11.la libpolicy.la libbase.la $(P11KIT_LIBS) $(OPENSSL_LIBS) $(GNUTLS_LIBS)

check_PROGRAMS += tests/e2e/test-keys
tests_e2e_test_keys_SOURCES = tests/e2e/test-keys.c
tests_e2e_test_keys_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS) $(OPENSSL_CFLAGS)
tests_e2e_test_keys_LDADD = $(E2E_LDADD) libp11.la libpolicy.la libbase.la $(P11KIT_LIBS) $(OPENSSL_LIBS)

check_PROGRAMS += tests/e2e/test-by-hand
tests_e2e_test_by_hand_SOURCES = tests/e2e/test-by-hand.c tests/unit/tls-peer.c tests/unit/tls-peer.h tests/unit/pki.c tests/unit/pki.h
tests_e2e_test_by_hand_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS) $(OPENSSL_CFLAGS) $(GNUTLS_CFLAGS)
tests_e2e_test_by_hand_LDADD = $(E2E_LDADD) libp11.la libpolicy.la libbase.la $(P11KIT_LIBS) $(OPENSSL_LIBS) $(GNUTLS_LIBS)

check_PROGRAMS += tests/e2e/test-maf
tests_e2e_test_maf_SOURCES = tests/e2e/test-maf.c
tests_e2e_test_maf_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS) $(OPENSSL_CFLAGS)
tests_e2e_test_maf_LDADD = $(E2E_LDADD) libp11.la libpolicy.la libbase.la $(P11KIT_LIBS) $(OPENSSL_LIBS)

check_PROGRAMS += tests/e2e/test-renewal
tests_e2e_test_renewal_SOURCES = tests/e2e/test-renewal.c
tests_e2e_test_renewal_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS)
tests_e2e_test_renewal_LDADD = $(E2E_LDADD) libp11.la libpolicy.la libbase.la $(P11KIT_LIBS) $(OPENSSL_LIBS)

check_PROGRAMS += tests/e2e/test-vectors
tests_e2e_test_vectors_SOURCES = tests/e2e/test-vectors.c tests/unit/tls-peer.c tests/unit/tls-peer.h tests/unit/pki.c tests/unit/pki.h
tests_e2e_test_vectors_CFLAGS = $(tests_e2e_test_mo_node_CFLAGS)
tests_e2e_test_vectors_LDADD = $(tests_e2e_test_mo_node_LDADD)

check_PROGRAMS += tests/e2e/test-triggers
tests_e2e_test_triggers_SOURCES = tests/e2e/test-triggers.c
tests_e2e_test_triggers_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS)
tests_e2e_test_triggers_LDADD = $(E2E_LDADD) libp11.la libpolicy.la libbase.la $(P11KIT_LIBS) $(OPENSSL_LIBS)
# Two MEFs, two MAFs, two stakeholders.
check_PROGRAMS += tests/e2e/test-multi
tests_e2e_test_multi_SOURCES = tests/e2e/test-multi.c
tests_e2e_test_multi_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS)
tests_e2e_test_multi_LDADD = $(tests_e2e_test_maf_LDADD)
