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
check_PROGRAMS += tests/unit/test-mo-path
tests_unit_test_mo_path_SOURCES = tests/unit/test-mo-path.c tests/unit/mo-env.c tests/unit/mo-env.h
tests_unit_test_mo_path_CFLAGS = $(MO_TEST_CFLAGS)
tests_unit_test_mo_path_LDADD = $(MO_TEST_LIBS)
check_PROGRAMS += tests/unit/test-mo-tx
tests_unit_test_mo_tx_SOURCES = tests/unit/test-mo-tx.c tests/unit/mo-env.c tests/unit/mo-env.h
tests_unit_test_mo_tx_CFLAGS = $(MO_TEST_CFLAGS)
tests_unit_test_mo_tx_LDADD = $(MO_TEST_LIBS)
check_PROGRAMS += tests/unit/test-mo-commit
tests_unit_test_mo_commit_SOURCES = tests/unit/test-mo-commit.c tests/unit/mo-env.c tests/unit/mo-env.h
tests_unit_test_mo_commit_CFLAGS = $(MO_TEST_CFLAGS)
tests_unit_test_mo_commit_LDADD = $(MO_TEST_LIBS)
check_PROGRAMS += tests/unit/test-mo-import
tests_unit_test_mo_import_SOURCES = tests/unit/test-mo-import.c tests/unit/mo-env.c tests/unit/mo-env.h
tests_unit_test_mo_import_CFLAGS = $(MO_TEST_CFLAGS)
tests_unit_test_mo_import_LDADD = $(MO_TEST_LIBS)
EXTRA_DIST += tests/fixtures/mo-example.json
check_PROGRAMS += tests/unit/test-mo-seeds
tests_unit_test_mo_seeds_SOURCES = tests/unit/test-mo-seeds.c
tests_unit_test_mo_seeds_CFLAGS = $(MO_TEST_CFLAGS)
tests_unit_test_mo_seeds_LDADD = $(MO_TEST_LIBS)
if !SANITIZED
check_PROGRAMS += tests/unit/test-mo-memory
tests_unit_test_mo_memory_SOURCES = tests/unit/test-mo-memory.c
tests_unit_test_mo_memory_CFLAGS = $(MO_TEST_CFLAGS) -fno-builtin
tests_unit_test_mo_memory_LDADD = $(MO_TEST_LIBS)
endif
