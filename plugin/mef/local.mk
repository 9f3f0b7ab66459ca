# SPDX-License-Identifier: LGPL-2.1-or-later
noinst_LTLIBRARIES += libmef.la
libmef_la_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
libmef_la_SOURCES = \
	plugin/mef/client.h \
	plugin/mef/reg-config.c \
	plugin/mef/vocabulary.c plugin/mef/vocabulary.def plugin/mef/vocabulary.h
