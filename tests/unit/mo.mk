# SPDX-License-Identifier: LGPL-2.1-or-later
MO_TEST_CFLAGS = $(TEST_CFLAGS) $(SQLITE_CFLAGS) $(JANSSON_CFLAGS)
MO_TEST_LIBS = libmo.la libpolicy.la libbase.la $(SQLITE_LIBS) $(JANSSON_LIBS) $(GLIB_LIBS)
check_PROGRAMS += tests/unit/test-mo-db
tests_unit_test_mo_db_SOURCES = tests/unit/test-mo-db.c tests/unit/mo-env.c tests/unit/mo-env.h
tests_unit_test_mo_db_CFLAGS = $(MO_TEST_CFLAGS)
tests_unit_test_mo_db_LDADD = $(MO_TEST_LIBS)
check_PROGRAMS += tests/unit/test-mo-value
tests_unit_test_mo_value_SOURCES = tests/unit/test-mo-value.c tests/unit/mo-env.h
tests_unit_test_mo_value_CFLAGS = $(MO_TEST_CFLAGS)
tests_unit_test_mo_value_LDADD = $(MO_TEST_LIBS)
