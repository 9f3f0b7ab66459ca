# SPDX-License-Identifier: LGPL-2.1-or-later
# Fuzz targets of base and policy.
FUZZ_TARGETS += tests/fuzz/fuzz-base tests/fuzz/fuzz-uri tests/fuzz/fuzz-fingerprint tests/fuzz/fuzz-ids
tests_fuzz_fuzz_base_SOURCES = tests/fuzz/fuzz-base.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_base_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_base_LDADD = libbase.la
tests_fuzz_fuzz_uri_SOURCES = tests/fuzz/fuzz-uri.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_uri_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_uri_LDADD = libpolicy.la libbase.la
tests_fuzz_fuzz_fingerprint_SOURCES = tests/fuzz/fuzz-fingerprint.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_fingerprint_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_fingerprint_LDADD = libpolicy.la libbase.la
tests_fuzz_fuzz_ids_SOURCES = tests/fuzz/fuzz-ids.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_ids_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_ids_LDADD = libpolicy.la libbase.la
EXTRA_DIST += tests/fuzz/seeds
