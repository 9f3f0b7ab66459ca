# SPDX-License-Identifier: LGPL-2.1-or-later
FUZZ_TARGETS += tests/fuzz/fuzz-bus-values
tests_fuzz_fuzz_bus_values_SOURCES = tests/fuzz/fuzz-bus-values.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_bus_values_CFLAGS = $(AM_CFLAGS) $(DBUS_CFLAGS)
tests_fuzz_fuzz_bus_values_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_bus_values_LDADD = libbus.la libbase.la $(DBUS_LIBS) $(SYSTEMD_LIBS)
