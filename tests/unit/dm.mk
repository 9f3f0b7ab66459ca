# SPDX-License-Identifier: LGPL-2.1-or-later
check_PROGRAMS += tests/unit/test-dm-policy
tests_unit_test_dm_policy_SOURCES = tests/unit/test-dm-policy.c
tests_unit_test_dm_policy_CFLAGS = $(TEST_CFLAGS) $(DBUS_CFLAGS) $(SYSTEMD_CFLAGS)
tests_unit_test_dm_policy_LDADD = libcore.la $(GLIB_LIBS)

check_PROGRAMS += tests/unit/test-mef-dev-cfg
tests_unit_test_mef_dev_cfg_SOURCES = tests/unit/test-mef-dev-cfg.c $(MEF_WORLD)
tests_unit_test_mef_dev_cfg_CFLAGS = $(MEF_TEST_CFLAGS)
tests_unit_test_mef_dev_cfg_LDADD = $(MEF_TEST_LIBS)
