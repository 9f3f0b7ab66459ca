# SPDX-License-Identifier: LGPL-2.1-or-later
noinst_LTLIBRARIES += libtestfaults.la
libtestfaults_la_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS) $(OPENSSL_CFLAGS)
libtestfaults_la_SOURCES = tests/e2e/fault-cells.c tests/e2e/fault-cells.h \
	tests/e2e/fault-table.c tests/e2e/fault-table.h \
	tests/e2e/key-cells.c tests/e2e/key-cells.h tests/e2e/key-table.c tests/e2e/key-table.h \
	tests/unit/pki.c tests/unit/pki.h

noinst_PROGRAMS += tests/e2e/fault-matrix
tests_e2e_fault_matrix_SOURCES = tests/e2e/fault-matrix.c
tests_e2e_fault_matrix_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS)
tests_e2e_fault_matrix_LDADD = libtestfaults.la $(E2E_LDADD) libp11.la libpolicy.la libbase.la $(P11KIT_LIBS) $(OPENSSL_LIBS)

e2e_parts = mef-agent plugin/mefclient.la mefctl tests/sim/mef-sim tests/lib/token-tool
# Every fault of mef-sim at every message, against the whole client.
fault-matrix: tests/e2e/fault-matrix $(e2e_parts)
	@$(AM_TESTS_ENVIRONMENT) MEF_TEST_TIMEOUT=3600 $(SHELL) $(top_srcdir)/tests/lib/run-test tests/e2e/fault-matrix

check_PROGRAMS += tests/e2e/test-faults
tests_e2e_test_faults_SOURCES = tests/e2e/test-faults.c
tests_e2e_test_faults_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS)
tests_e2e_test_faults_LDADD = libtestfaults.la $(E2E_LDADD) libp11.la libpolicy.la libbase.la $(P11KIT_LIBS) $(OPENSSL_LIBS)

check_PROGRAMS += tests/e2e/test-procedures
tests_e2e_test_procedures_SOURCES = tests/e2e/test-procedures.c
tests_e2e_test_procedures_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS)
tests_e2e_test_procedures_LDADD = $(E2E_LDADD)
