# SPDX-License-Identifier: LGPL-2.1-or-later
# The example DM client, and whole DEV_CFG exchanges with it.
noinst_PROGRAMS += tests/dm/dm-client
tests_dm_dm_client_SOURCES = tests/dm/dm-client.c
tests_dm_dm_client_CFLAGS = $(TEST_CFLAGS)
tests_dm_dm_client_LDADD = $(GLIB_LIBS)

check_PROGRAMS += tests/e2e/test-dm
tests_e2e_test_dm_SOURCES = tests/e2e/test-dm.c
tests_e2e_test_dm_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS)
tests_e2e_test_dm_LDADD = $(E2E_LDADD)
EXTRA_tests_e2e_test_dm_DEPENDENCIES = mef-agent plugin/mefclient.la tests/sim/mef-sim tests/lib/token-tool tests/dm/dm-client
