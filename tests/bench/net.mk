# SPDX-License-Identifier: LGPL-2.1-or-later
# The figures of command round trip and enrolment.
BENCH_NET_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS) $(OPENSSL_CFLAGS) $(SQLITE_CFLAGS) $(CURL_CFLAGS)

# A worker and a bare loop, and the MEF of both.
BENCH_SIDES = tests/bench/worker.c tests/bench/worker.h tests/bench/bare-http.c tests/bench/bare-http.h \
	tests/bench/bare-store.c tests/bench/bare-store.h tests/bench/psk-mef.c tests/bench/psk-mef.h $(BENCH_FIGURE)

BENCH_TARGETS += tests/bench/command
tests_bench_command_SOURCES = tests/bench/command.c tests/bench/command.h tests/bench/command-ours.c \
	tests/bench/command-bare.c $(BENCH_SIDES)
tests_bench_command_CFLAGS = $(BENCH_NET_CFLAGS)
tests_bench_command_LDADD = libtestsim.la libcore.la $(GLIB_LIBS) $(JANSSON_LIBS)

BENCH_TARGETS += tests/bench/key
tests_bench_key_SOURCES = tests/bench/key.c tests/bench/key.h tests/bench/key-ours.c tests/bench/key-bare.c \
	tests/bench/command.h $(BENCH_SIDES)
tests_bench_key_CFLAGS = $(BENCH_NET_CFLAGS)
tests_bench_key_LDADD = libtestsim.la libtesttoken.la libcore.la $(GLIB_LIBS) $(JANSSON_LIBS)
EXTRA_tests_bench_key_DEPENDENCIES = tests/token/shim-module.la

BENCH_TARGETS += tests/bench/enrolment
tests_bench_enrolment_SOURCES = tests/bench/enrolment.c tests/bench/enrolment.h tests/bench/enrolment-ours.c \
	tests/bench/enrolment-bare.c tests/bench/first.c $(BENCH_FIGURE)
tests_bench_enrolment_CFLAGS = $(BENCH_NET_CFLAGS)
tests_bench_enrolment_LDADD = libtestsim.la libtesttoken.la libcore.la $(GLIB_LIBS) $(JANSSON_LIBS)
EXTRA_tests_bench_enrolment_DEPENDENCIES = tests/token/shim-module.la

# Loaded in front of the agent. -rpath makes libtool build the .so, which nothing installs.
EXTRA_LTLIBRARIES = tests/bench/turns.la
tests_bench_turns_la_SOURCES = tests/bench/turns.c tests/bench/turns.h tests/bench/marks.c tests/bench/marks.h
tests_bench_turns_la_CFLAGS = $(AM_CFLAGS)
tests_bench_turns_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared -rpath /nowhere

BENCH_TARGETS += tests/bench/enrolment-agent
tests_bench_enrolment_agent_SOURCES = tests/bench/enrolment-agent.c tests/bench/enrolment.h tests/bench/first.c \
	$(BENCH_FIGURE)
tests_bench_enrolment_agent_CFLAGS = $(BENCH_NET_CFLAGS) \
	-DSHIM_MODULE=\"$(abs_top_builddir)/tests/token/.libs/shim-module.so\"
tests_bench_enrolment_agent_LDADD = libcert.la libpolicy.la $(E2E_LDADD)
EXTRA_tests_bench_enrolment_agent_DEPENDENCIES = tests/bench/turns.la tests/token/shim-module.la

BENCH_TARGETS += tests/bench/command-agent
tests_bench_command_agent_SOURCES = tests/bench/command-agent.c $(BENCH_FIGURE)
tests_bench_command_agent_CFLAGS = $(BENCH_NET_CFLAGS)
tests_bench_command_agent_LDADD = $(E2E_LDADD)
