# SPDX-License-Identifier: LGPL-2.1-or-later
# A token that misbehaves, under a whole client.
noinst_LTLIBRARIES += libtesttokencells.la
libtesttokencells_la_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS) $(P11KIT_CFLAGS)
libtesttokencells_la_SOURCES = tests/e2e/token-cells.c tests/e2e/token-cells.h

noinst_PROGRAMS += tests/e2e/token-matrix
tests_e2e_token_matrix_SOURCES = tests/e2e/token-matrix.c
tests_e2e_token_matrix_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS) $(P11KIT_CFLAGS)
tests_e2e_token_matrix_LDADD = libtesttokencells.la $(E2E_LDADD)

# The token fails once, at each PKCS#11 call of a whole exchange.
token-matrix: tests/e2e/token-matrix $(e2e_parts) tests/token/shim-module.la
	@$(AM_TESTS_ENVIRONMENT) MEF_TEST_TIMEOUT=7200 $(SHELL) $(top_srcdir)/tests/lib/run-test tests/e2e/token-matrix

check_PROGRAMS += tests/e2e/test-token-faults
tests_e2e_test_token_faults_SOURCES = tests/e2e/test-token-faults.c
tests_e2e_test_token_faults_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS) $(P11KIT_CFLAGS)
tests_e2e_test_token_faults_LDADD = libtesttokencells.la $(E2E_LDADD)
EXTRA_tests_e2e_test_token_faults_DEPENDENCIES = $(e2e_parts) tests/token/shim-module.la

check_PROGRAMS += tests/e2e/test-token-remote
tests_e2e_test_token_remote_SOURCES = tests/e2e/test-token-remote.c
tests_e2e_test_token_remote_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS) $(P11KIT_CFLAGS)
tests_e2e_test_token_remote_LDADD = libtesttokencells.la $(E2E_LDADD)
EXTRA_tests_e2e_test_token_remote_DEPENDENCIES = $(e2e_parts)

check_PROGRAMS += tests/e2e/test-token-foreign
tests_e2e_test_token_foreign_SOURCES = tests/e2e/test-token-foreign.c
tests_e2e_test_token_foreign_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS) $(P11KIT_CFLAGS) $(OPENSSL_CFLAGS)
tests_e2e_test_token_foreign_LDADD = libtesttokencells.la $(E2E_LDADD)
EXTRA_tests_e2e_test_token_foreign_DEPENDENCIES = $(e2e_parts) tests/token/shim-module.la
