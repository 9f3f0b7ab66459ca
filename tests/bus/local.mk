# SPDX-License-Identifier: LGPL-2.1-or-later
BUS_TEST_CFLAGS = $(TEST_CFLAGS) $(DBUS_CFLAGS) $(SYSTEMD_CFLAGS)
BUS_TEST_LIBS = libtestbus.la libbus.la libbase.la $(DBUS_LIBS) $(SYSTEMD_LIBS) $(GLIB_LIBS)

check_PROGRAMS += tests/bus/test-strange-bus tests/bus/test-memory tests/bus/test-values tests/bus/test-objects tests/bus/test-connection tests/bus/test-auth tests/bus/test-jobs tests/bus/test-remote tests/bus/test-outage
tests_bus_test_objects_SOURCES = tests/bus/test-objects.c tests/bus/service.c tests/bus/service.h
tests_bus_test_objects_CFLAGS = $(BUS_TEST_CFLAGS)
tests_bus_test_objects_LDADD = $(BUS_TEST_LIBS)
tests_bus_test_connection_SOURCES = tests/bus/test-connection.c tests/bus/service.c tests/bus/service.h
tests_bus_test_connection_CFLAGS = $(BUS_TEST_CFLAGS)
tests_bus_test_connection_LDADD = $(BUS_TEST_LIBS)
tests_bus_test_auth_SOURCES = tests/bus/test-auth.c tests/bus/service.c tests/bus/service.h
tests_bus_test_auth_CFLAGS = $(BUS_TEST_CFLAGS)
tests_bus_test_auth_LDADD = $(BUS_TEST_LIBS)
tests_bus_test_jobs_SOURCES = tests/bus/test-jobs.c tests/bus/service.c tests/bus/service.h
tests_bus_test_jobs_CFLAGS = $(BUS_TEST_CFLAGS)
tests_bus_test_jobs_LDADD = $(BUS_TEST_LIBS)
tests_bus_test_values_SOURCES = tests/bus/test-values.c tests/fuzz/fuzz-bus-values.c
tests_bus_test_values_CFLAGS = $(BUS_TEST_CFLAGS)
tests_bus_test_values_LDADD = libbus.la libbase.la $(DBUS_LIBS) $(SYSTEMD_LIBS) $(GLIB_LIBS)
# Our own allocations go through the test, which lets each of them fail once.
tests_bus_test_memory_SOURCES = tests/bus/test-memory.c tests/bus/service.c tests/bus/service.h
tests_bus_test_memory_CFLAGS = $(BUS_TEST_CFLAGS)
tests_bus_test_memory_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=realloc -Wl,--wrap=strdup
tests_bus_test_memory_LDADD = $(BUS_TEST_LIBS)
tests_bus_test_strange_bus_SOURCES = tests/bus/test-strange-bus.c tests/bus/service.c tests/bus/service.h
tests_bus_test_strange_bus_CFLAGS = $(BUS_TEST_CFLAGS)
tests_bus_test_strange_bus_LDADD = $(BUS_TEST_LIBS)
tests_bus_test_remote_SOURCES = tests/bus/test-remote.c tests/bus/service.c tests/bus/service.h
tests_bus_test_remote_CFLAGS = $(BUS_TEST_CFLAGS)
tests_bus_test_remote_LDADD = $(BUS_TEST_LIBS)
tests_bus_test_outage_SOURCES = tests/bus/test-outage.c tests/bus/service.c tests/bus/service.h
tests_bus_test_outage_CFLAGS = $(BUS_TEST_CFLAGS)
tests_bus_test_outage_LDADD = $(BUS_TEST_LIBS)
