# SPDX-License-Identifier: LGPL-2.1-or-later
# The figures: `make bench`. A program prints one line a figure; none of this is run by `check`, since time is no test.
EXTRA_DIST += tests/bench/run
# Lines, valgrind and directories; and the counting of sections.
BENCH_FIGURE = tests/bench/figure.c tests/bench/figure.h
BENCH_COUNT = tests/bench/count.c tests/bench/count.h $(BENCH_FIGURE)
include tests/bench/net.mk
include tests/bench/bus.mk
# Built by `check` too, so that they keep building.
EXTRA_PROGRAMS += $(BENCH_TARGETS)
bench: $(BENCH_TARGETS) mef-agent plugin/mefclient.la mefctl tests/sim/mef-sim tests/lib/token-tool
	@$(AM_TESTS_ENVIRONMENT) $(SHELL) $(top_srcdir)/tests/bench/run $(BENCH_TARGETS)
