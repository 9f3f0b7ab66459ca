# SPDX-License-Identifier: LGPL-2.1-or-later
check_PROGRAMS += tests/host/test-ctl-text tests/host/test-mefctl
tests_host_test_ctl_text_SOURCES = tests/host/test-ctl-text.c
tests_host_test_ctl_text_CFLAGS = $(TEST_CFLAGS) $(DBUS_CFLAGS) $(JANSSON_CFLAGS)
tests_host_test_ctl_text_LDADD = libctl.la libbase.la $(DBUS_LIBS) $(JANSSON_LIBS) $(SYSTEMD_LIBS) $(GLIB_LIBS) -lm

check_PROGRAMS += tests/host/test-ctl-timeline
tests_host_test_ctl_timeline_SOURCES = tests/host/test-ctl-timeline.c
tests_host_test_ctl_timeline_CFLAGS = $(TEST_CFLAGS) $(DBUS_CFLAGS) $(JANSSON_CFLAGS)
tests_host_test_ctl_timeline_LDADD = libctl.la libbase.la $(DBUS_LIBS) $(JANSSON_LIBS) $(SYSTEMD_LIBS) $(GLIB_LIBS) -lm

tests_host_test_mefctl_SOURCES = tests/host/test-mefctl.c tests/host/fake-service.c tests/host/fake-service.h
tests_host_test_mefctl_CFLAGS = $(TEST_CFLAGS)
tests_host_test_mefctl_LDADD = $(GLIB_LIBS) -lutil

check_PROGRAMS += tests/host/test-host
tests_host_test_host_SOURCES = tests/host/test-host.c tests/host/host-fixture.c tests/host/host-fixture.h
tests_host_test_host_CFLAGS = $(TEST_CFLAGS)
tests_host_test_host_LDADD = libtesttoken.la $(GLIB_LIBS)

check_PROGRAMS += tests/host/test-agent
tests_host_test_agent_SOURCES = tests/host/test-agent.c tests/host/host-fixture.c tests/host/host-fixture.h
tests_host_test_agent_CFLAGS = $(TEST_CFLAGS)
tests_host_test_agent_LDADD = libtesttoken.la $(GLIB_LIBS)

check_PROGRAMS += tests/host/test-man
tests_host_test_man_SOURCES = tests/host/test-man.c
tests_host_test_man_CFLAGS = $(TEST_CFLAGS) $(DBUS_CFLAGS) $(JANSSON_CFLAGS)
tests_host_test_man_LDADD = libctl.la libbase.la $(DBUS_LIBS) $(JANSSON_LIBS) $(SYSTEMD_LIBS) $(GLIB_LIBS) -lm

check_PROGRAMS += tests/host/test-collectd
tests_host_test_collectd_SOURCES = tests/host/test-collectd.c
tests_host_test_collectd_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS) -DSANITIZERS=\"$(SANITIZERS)\"
tests_host_test_collectd_LDADD = $(E2E_LDADD) -lm
EXTRA_DIST += tests/host/systemd-host tests/host/systemd-guest
