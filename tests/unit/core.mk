# SPDX-License-Identifier: LGPL-2.1-or-later
check_PROGRAMS += tests/unit/test-config
tests_unit_test_config_SOURCES = tests/unit/test-config.c plugin/config.c
tests_unit_test_config_CFLAGS = $(TEST_CFLAGS)
tests_unit_test_config_LDADD = libbase.la $(GLIB_LIBS) $(INIH_LIBS)

check_PROGRAMS += tests/unit/test-interfaces
tests_unit_test_interfaces_SOURCES = tests/unit/test-interfaces.c
tests_unit_test_interfaces_CFLAGS = $(TEST_CFLAGS) $(DBUS_CFLAGS) $(SYSTEMD_CFLAGS) $(JANSSON_CFLAGS) $(SQLITE_CFLAGS)
tests_unit_test_interfaces_LDADD = libcore.la $(GLIB_LIBS)

check_PROGRAMS += tests/unit/test-journal
tests_unit_test_journal_SOURCES = tests/unit/test-journal.c
tests_unit_test_journal_CFLAGS = $(TEST_CFLAGS) $(SQLITE_CFLAGS)
tests_unit_test_journal_LDADD = libcore.la $(GLIB_LIBS)
