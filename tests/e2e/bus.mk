# SPDX-License-Identifier: LGPL-2.1-or-later
# The whole bus interface from outside, against the real service.
BUS_WORLD = tests/e2e/bus-world.c tests/e2e/bus-mirror.c tests/e2e/bus-world.h
BUS_WORLD_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS) $(SYSTEMD_CFLAGS) $(DBUS_CFLAGS)
BUS_WORLD_LDADD = libtestbus.la libbus.la $(E2E_LDADD) $(DBUS_LIBS) $(SYSTEMD_LIBS)

check_PROGRAMS += tests/e2e/test-bus-surface tests/e2e/test-bus-story tests/e2e/test-bus-matrix tests/e2e/test-bus-caps \
	tests/e2e/test-bus-outage tests/e2e/test-bus-attention
tests_e2e_test_bus_surface_SOURCES = tests/e2e/test-bus-surface.c $(BUS_WORLD)
tests_e2e_test_bus_surface_CFLAGS = $(BUS_WORLD_CFLAGS)
tests_e2e_test_bus_surface_LDADD = $(BUS_WORLD_LDADD)
tests_e2e_test_bus_story_SOURCES = tests/e2e/test-bus-story.c $(BUS_WORLD)
tests_e2e_test_bus_story_CFLAGS = $(BUS_WORLD_CFLAGS)
tests_e2e_test_bus_story_LDADD = $(BUS_WORLD_LDADD)
tests_e2e_test_bus_matrix_SOURCES = tests/e2e/test-bus-matrix.c $(BUS_WORLD)
tests_e2e_test_bus_matrix_CFLAGS = $(BUS_WORLD_CFLAGS)
tests_e2e_test_bus_matrix_LDADD = $(BUS_WORLD_LDADD)
tests_e2e_test_bus_caps_SOURCES = tests/e2e/test-bus-caps.c $(BUS_WORLD)
tests_e2e_test_bus_caps_CFLAGS = $(BUS_WORLD_CFLAGS)
tests_e2e_test_bus_caps_LDADD = $(BUS_WORLD_LDADD)
tests_e2e_test_bus_outage_SOURCES = tests/e2e/test-bus-outage.c $(BUS_WORLD)
tests_e2e_test_bus_outage_CFLAGS = $(BUS_WORLD_CFLAGS)
tests_e2e_test_bus_outage_LDADD = $(BUS_WORLD_LDADD)
tests_e2e_test_bus_attention_SOURCES = tests/e2e/test-bus-attention.c $(BUS_WORLD)
tests_e2e_test_bus_attention_CFLAGS = $(BUS_WORLD_CFLAGS)
tests_e2e_test_bus_attention_LDADD = $(BUS_WORLD_LDADD)
