# SPDX-License-Identifier: LGPL-2.1-or-later
check_PROGRAMS += tests/unit/test-policy-names tests/unit/test-policy-tables tests/unit/test-policy-decisions
tests_unit_test_policy_names_SOURCES = tests/unit/test-policy-names.c
tests_unit_test_policy_names_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_policy_names_LDADD = libpolicy.la libbase.la $(GLIB_LIBS)
tests_unit_test_policy_tables_SOURCES = tests/unit/test-policy-tables.c
tests_unit_test_policy_tables_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_policy_tables_LDADD = libpolicy.la libbase.la $(GLIB_LIBS)
tests_unit_test_policy_decisions_SOURCES = tests/unit/test-policy-decisions.c
tests_unit_test_policy_decisions_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_policy_decisions_LDADD = libpolicy.la libbase.la $(GLIB_LIBS)

check_PROGRAMS += tests/unit/test-policy-seeds
tests_unit_test_policy_seeds_SOURCES = tests/unit/test-policy-seeds.c
tests_unit_test_policy_seeds_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_policy_seeds_LDADD = libpolicy.la libbase.la $(GLIB_LIBS)

check_PROGRAMS += tests/unit/test-policy-bus
tests_unit_test_policy_bus_SOURCES = tests/unit/test-policy-bus.c
tests_unit_test_policy_bus_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_policy_bus_LDADD = $(GLIB_LIBS)

check_PROGRAMS += tests/unit/test-policy-mo-node
tests_unit_test_policy_mo_node_SOURCES = tests/unit/test-policy-mo-node.c
tests_unit_test_policy_mo_node_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_policy_mo_node_LDADD = libpolicy.la libbase.la $(GLIB_LIBS)
