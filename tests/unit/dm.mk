# SPDX-License-Identifier: LGPL-2.1-or-later
check_PROGRAMS += tests/unit/test-dm-policy
tests_unit_test_dm_policy_SOURCES = tests/unit/test-dm-policy.c
tests_unit_test_dm_policy_CFLAGS = $(TEST_CFLAGS) $(DBUS_CFLAGS) $(SYSTEMD_CFLAGS)
tests_unit_test_dm_policy_LDADD = libcore.la $(GLIB_LIBS)
