# SPDX-License-Identifier: LGPL-2.1-or-later
check_PROGRAMS += tests/e2e/test-mo-node
tests_e2e_test_mo_node_SOURCES = tests/e2e/test-mo-node.c
tests_e2e_test_mo_node_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS)
tests_e2e_test_mo_node_LDADD = $(E2E_LDADD)
