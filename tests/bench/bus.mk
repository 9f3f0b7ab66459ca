# SPDX-License-Identifier: LGPL-2.1-or-later
# The figures of bus, token, tree and rest.

BENCH_TARGETS += tests/bench/tree
tests_bench_tree_SOURCES = tests/bench/tree.c tests/unit/mo-env.c tests/unit/mo-env.h $(BENCH_COUNT)
tests_bench_tree_CFLAGS = $(MO_TEST_CFLAGS)
tests_bench_tree_LDADD = $(MO_TEST_LIBS)

BENCH_E2E_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS) $(DBUS_CFLAGS)
BENCH_GETTER = tests/bench/getter.c tests/bench/getter.h $(BENCH_COUNT)

BENCH_TARGETS += tests/bench/get
tests_bench_get_SOURCES = tests/bench/get.c tests/bench/counted.c tests/bench/counted.h $(BENCH_GETTER)
tests_bench_get_CFLAGS = $(BENCH_E2E_CFLAGS)
tests_bench_get_LDADD = $(E2E_LDADD) $(DBUS_LIBS)

BENCH_TARGETS += tests/bench/latency
tests_bench_latency_SOURCES = tests/bench/latency.c $(BENCH_GETTER)
tests_bench_latency_CFLAGS = $(BENCH_E2E_CFLAGS)
tests_bench_latency_LDADD = $(E2E_LDADD) $(DBUS_LIBS)

BENCH_TARGETS += tests/bench/token
tests_bench_token_SOURCES = tests/bench/token.c $(BENCH_COUNT)
tests_bench_token_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS) $(P11KIT_CFLAGS) $(OPENSSL_CFLAGS)
tests_bench_token_LDADD = $(E2E_LDADD)
EXTRA_tests_bench_token_DEPENDENCIES = tests/token/shim-module.la

BENCH_TARGETS += tests/bench/idle
tests_bench_idle_SOURCES = tests/bench/idle.c $(BENCH_COUNT)
tests_bench_idle_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS) $(P11KIT_CFLAGS)
tests_bench_idle_LDADD = $(E2E_LDADD)
