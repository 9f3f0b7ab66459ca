# SPDX-License-Identifier: LGPL-2.1-or-later
# The figures of command round trip and enrolment.
BENCH_NET_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS) $(OPENSSL_CFLAGS) $(SQLITE_CFLAGS) $(CURL_CFLAGS)
BENCH_FIGURE = tests/bench/figure.c tests/bench/figure.h

BENCH_TARGETS += tests/bench/command
tests_bench_command_SOURCES = tests/bench/command.c tests/bench/command.h tests/bench/command-ours.c \
	tests/bench/command-bare.c tests/bench/bare-store.c tests/bench/bare-store.h $(BENCH_FIGURE)
tests_bench_command_CFLAGS = $(BENCH_NET_CFLAGS)
tests_bench_command_LDADD = libtestsim.la libcore.la $(GLIB_LIBS) $(JANSSON_LIBS)
