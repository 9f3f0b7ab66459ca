# SPDX-License-Identifier: LGPL-2.1-or-later
EXTRA_DIST += tests/e2e/demo

check_PROGRAMS += tests/e2e/test-exchange
tests_e2e_test_exchange_SOURCES = tests/e2e/test-exchange.c
tests_e2e_test_exchange_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS)
tests_e2e_test_exchange_LDADD = $(E2E_LDADD)
EXTRA_tests_e2e_test_exchange_DEPENDENCIES = mef-agent plugin/mefclient.la mefctl tests/sim/mef-sim tests/lib/token-tool

check_PROGRAMS += tests/e2e/test-demo
tests_e2e_test_demo_SOURCES = tests/e2e/test-demo.c
tests_e2e_test_demo_CFLAGS = $(TEST_CFLAGS)
tests_e2e_test_demo_LDADD = $(GLIB_LIBS)

check_PROGRAMS += tests/e2e/test-enrolment
tests_e2e_test_enrolment_SOURCES = tests/e2e/test-enrolment.c
tests_e2e_test_enrolment_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS)
tests_e2e_test_enrolment_LDADD = $(E2E_LDADD)

check_PROGRAMS += tests/e2e/test-misbehaviour
tests_e2e_test_misbehaviour_SOURCES = tests/e2e/test-misbehaviour.c
tests_e2e_test_misbehaviour_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS)
tests_e2e_test_misbehaviour_LDADD = $(E2E_LDADD)
