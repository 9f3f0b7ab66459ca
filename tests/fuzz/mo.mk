# SPDX-License-Identifier: LGPL-2.1-or-later
FUZZ_TARGETS += tests/fuzz/fuzz-mo-import tests/fuzz/fuzz-mo-path
tests_fuzz_fuzz_mo_import_SOURCES = tests/fuzz/fuzz-mo-import.c tests/fuzz/mo-tree.h tests/fuzz/fuzz.h
tests_fuzz_fuzz_mo_import_CFLAGS = $(AM_CFLAGS) $(SQLITE_CFLAGS) $(JANSSON_CFLAGS)
tests_fuzz_fuzz_mo_import_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_mo_import_LDADD = libmo.la libpolicy.la libbase.la $(SQLITE_LIBS) $(JANSSON_LIBS)
tests_fuzz_fuzz_mo_path_SOURCES = tests/fuzz/fuzz-mo-path.c tests/fuzz/mo-tree.h tests/fuzz/fuzz.h
tests_fuzz_fuzz_mo_path_CFLAGS = $(AM_CFLAGS) $(SQLITE_CFLAGS) $(JANSSON_CFLAGS)
tests_fuzz_fuzz_mo_path_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_mo_path_LDADD = libmo.la libpolicy.la libbase.la $(SQLITE_LIBS) $(JANSSON_LIBS)
