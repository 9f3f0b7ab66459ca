# SPDX-License-Identifier: LGPL-2.1-or-later
# Fuzz targets of plugin/mef; test-mef-seeds replays their seeds in every build.
FUZZ_TARGETS += tests/fuzz/fuzz-command tests/fuzz/fuzz-registration-answer
tests_fuzz_fuzz_command_SOURCES = tests/fuzz/fuzz-command.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_command_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
tests_fuzz_fuzz_command_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_command_LDADD = libmef.la libcert.la libpolicy.la libbase.la $(JANSSON_LIBS) $(OPENSSL_LIBS)
tests_fuzz_fuzz_registration_answer_SOURCES = tests/fuzz/fuzz-registration-answer.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_registration_answer_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
tests_fuzz_fuzz_registration_answer_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_registration_answer_LDADD = libmef.la libcert.la libpolicy.la libbase.la $(JANSSON_LIBS) $(OPENSSL_LIBS)
FUZZ_TARGETS += tests/fuzz/fuzz-key-answer
tests_fuzz_fuzz_key_answer_SOURCES = tests/fuzz/fuzz-key-answer.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_key_answer_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
tests_fuzz_fuzz_key_answer_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_key_answer_LDADD = libmef.la libcert.la libpolicy.la libbase.la $(JANSSON_LIBS) $(OPENSSL_LIBS)
