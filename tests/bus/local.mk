# SPDX-License-Identifier: LGPL-2.1-or-later
BUS_TEST_CFLAGS = $(TEST_CFLAGS) $(DBUS_CFLAGS) $(SYSTEMD_CFLAGS)
BUS_TEST_LIBS = libtestbus.la libbus.la libbase.la $(DBUS_LIBS) $(SYSTEMD_LIBS) $(GLIB_LIBS)

check_PROGRAMS += tests/bus/test-objects
tests_bus_test_objects_SOURCES = tests/bus/test-objects.c tests/bus/service.c tests/bus/service.h
tests_bus_test_objects_CFLAGS = $(BUS_TEST_CFLAGS)
tests_bus_test_objects_LDADD = $(BUS_TEST_LIBS)
