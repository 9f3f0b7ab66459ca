# SPDX-License-Identifier: LGPL-2.1-or-later
# The reference MEF; GnuTLS and libmicrohttpd on purpose, where the plugin has OpenSSL and libcurl.
noinst_PROGRAMS += tests/sim/mef-sim
tests_sim_mef_sim_CFLAGS = $(AM_CFLAGS) $(GLIB_CFLAGS) $(MHD_CFLAGS) $(GNUTLS_CFLAGS) $(JANSSON_CFLAGS)
tests_sim_mef_sim_SOURCES = \
	tests/sim/ca.c tests/sim/command.c tests/sim/control.c tests/sim/est.c tests/sim/front.c tests/sim/key.c \
	tests/sim/main.c tests/sim/mef.c tests/sim/scenario.c tests/sim/sim.h tests/sim/state.c tests/sim/tls.c \
	tests/sim/util.c tests/sim/web.c
tests_sim_mef_sim_LDADD = libbase.la $(GLIB_LIBS) $(MHD_LIBS) $(GNUTLS_LIBS) $(JANSSON_LIBS) -lpthread
