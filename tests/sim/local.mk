# SPDX-License-Identifier: LGPL-2.1-or-later
# The reference MEF; GnuTLS and libmicrohttpd on purpose, where the plugin has OpenSSL and libcurl.
noinst_PROGRAMS += tests/sim/mef-sim
tests_sim_mef_sim_CFLAGS = $(AM_CFLAGS) $(GLIB_CFLAGS) $(MHD_CFLAGS) $(GNUTLS_CFLAGS) $(JANSSON_CFLAGS)
tests_sim_mef_sim_SOURCES = \
	tests/sim/ca.c tests/sim/command.c tests/sim/control.c tests/sim/est.c tests/sim/front.c tests/sim/key.c \
	tests/sim/main.c tests/sim/maf.c tests/sim/mef.c tests/sim/scenario.c tests/sim/sim.h tests/sim/state.c tests/sim/tls.c \
	tests/sim/util.c tests/sim/web.c
tests_sim_mef_sim_LDADD = libbase.la $(GLIB_LIBS) $(MHD_LIBS) $(GNUTLS_LIBS) $(JANSSON_LIBS) -lpthread

noinst_LTLIBRARIES += libtestsim.la
libtestsim_la_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS) $(OPENSSL_CFLAGS)
libtestsim_la_SOURCES = tests/lib/sim-process.c tests/lib/sim-process.h tests/sim/peer.c tests/sim/peer.h
SIM_TEST_CFLAGS = $(TEST_CFLAGS) $(JANSSON_CFLAGS) $(OPENSSL_CFLAGS)
SIM_TEST_LDADD = libtestsim.la libbase.la $(GLIB_LIBS) $(JANSSON_LIBS) $(OPENSSL_LIBS)

check_PROGRAMS += tests/sim/test-mef
tests_sim_test_mef_SOURCES = tests/sim/test-mef.c
tests_sim_test_mef_CFLAGS = $(SIM_TEST_CFLAGS)
tests_sim_test_mef_LDADD = $(SIM_TEST_LDADD)

check_PROGRAMS += tests/sim/test-est
tests_sim_test_est_SOURCES = tests/sim/test-est.c
tests_sim_test_est_CFLAGS = $(SIM_TEST_CFLAGS)
tests_sim_test_est_LDADD = $(SIM_TEST_LDADD)

check_PROGRAMS += tests/sim/test-fault
tests_sim_test_fault_SOURCES = tests/sim/test-fault.c
tests_sim_test_fault_CFLAGS = $(SIM_TEST_CFLAGS)
tests_sim_test_fault_LDADD = $(SIM_TEST_LDADD)
