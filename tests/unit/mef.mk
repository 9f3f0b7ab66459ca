# SPDX-License-Identifier: LGPL-2.1-or-later
MEF_TEST_LIBS = libmef.la libcert.la libpolicy.la libbase.la $(JANSSON_LIBS) $(OPENSSL_LIBS) $(GLIB_LIBS)
MEF_TEST_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS) $(OPENSSL_CFLAGS) -pthread
MEF_WORLD = tests/unit/mef-world.c tests/unit/mef-world-store.c tests/unit/mef-world.h
MEF_WORLD_KEYS = $(MEF_WORLD) tests/unit/mef-world-keys.c tests/unit/mef-world-keys.h

check_PROGRAMS += tests/unit/test-mef-registration
tests_unit_test_mef_registration_SOURCES = tests/unit/test-mef-registration.c $(MEF_WORLD)
tests_unit_test_mef_registration_CFLAGS = $(MEF_TEST_CFLAGS)
tests_unit_test_mef_registration_LDADD = $(MEF_TEST_LIBS)

check_PROGRAMS += tests/unit/test-mef-command
tests_unit_test_mef_command_SOURCES = tests/unit/test-mef-command.c $(MEF_WORLD)
tests_unit_test_mef_command_CFLAGS = $(MEF_TEST_CFLAGS)
tests_unit_test_mef_command_LDADD = $(MEF_TEST_LIBS)

check_PROGRAMS += tests/unit/test-mef-clock
tests_unit_test_mef_clock_SOURCES = tests/unit/test-mef-clock.c $(MEF_WORLD)
tests_unit_test_mef_clock_CFLAGS = $(MEF_TEST_CFLAGS)
tests_unit_test_mef_clock_LDADD = $(MEF_TEST_LIBS)

check_PROGRAMS += tests/unit/test-mef-failure
tests_unit_test_mef_failure_SOURCES = tests/unit/test-mef-failure.c $(MEF_WORLD)
tests_unit_test_mef_failure_CFLAGS = $(MEF_TEST_CFLAGS)
tests_unit_test_mef_failure_LDADD = $(MEF_TEST_LIBS)

check_PROGRAMS += tests/unit/test-mef-crash
tests_unit_test_mef_crash_SOURCES = tests/unit/test-mef-crash.c $(MEF_WORLD)
tests_unit_test_mef_crash_CFLAGS = $(MEF_TEST_CFLAGS)
tests_unit_test_mef_crash_LDADD = $(MEF_TEST_LIBS)

check_PROGRAMS += tests/unit/test-mef-message
tests_unit_test_mef_message_SOURCES = tests/unit/test-mef-message.c
tests_unit_test_mef_message_CFLAGS = $(MEF_TEST_CFLAGS)
tests_unit_test_mef_message_LDADD = $(MEF_TEST_LIBS)

check_PROGRAMS += tests/unit/test-mef-seeds
tests_unit_test_mef_seeds_SOURCES = tests/unit/test-mef-seeds.c tests/fuzz/fuzz.h
tests_unit_test_mef_seeds_CFLAGS = $(MEF_TEST_CFLAGS)
tests_unit_test_mef_seeds_LDADD = $(MEF_TEST_LIBS)

check_PROGRAMS += tests/unit/test-mef-mo-node
tests_unit_test_mef_mo_node_SOURCES = tests/unit/test-mef-mo-node.c $(MEF_WORLD)
tests_unit_test_mef_mo_node_CFLAGS = $(MEF_TEST_CFLAGS)
tests_unit_test_mef_mo_node_LDADD = $(MEF_TEST_LIBS)

check_PROGRAMS += tests/unit/test-mef-keys
tests_unit_test_mef_keys_SOURCES = tests/unit/test-mef-keys.c $(MEF_WORLD_KEYS)
tests_unit_test_mef_keys_CFLAGS = $(MEF_TEST_CFLAGS)
tests_unit_test_mef_keys_LDADD = $(MEF_TEST_LIBS)

check_PROGRAMS += tests/unit/test-mef-triggers
tests_unit_test_mef_triggers_SOURCES = tests/unit/test-mef-triggers.c $(MEF_WORLD_KEYS)
tests_unit_test_mef_triggers_CFLAGS = $(MEF_TEST_CFLAGS)
tests_unit_test_mef_triggers_LDADD = $(MEF_TEST_LIBS)

check_PROGRAMS += tests/unit/test-mef-renewal
tests_unit_test_mef_renewal_SOURCES = tests/unit/test-mef-renewal.c $(MEF_WORLD)
tests_unit_test_mef_renewal_CFLAGS = $(MEF_TEST_CFLAGS)
tests_unit_test_mef_renewal_LDADD = $(MEF_TEST_LIBS)
