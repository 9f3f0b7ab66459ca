# SPDX-License-Identifier: LGPL-2.1-or-later
noinst_LTLIBRARIES += libmef.la
libmef_la_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS) $(OPENSSL_CFLAGS) -pthread
libmef_la_SOURCES = \
	plugin/mef/cert-renewal.c \
	plugin/mef/anchor-fetch.c plugin/mef/anchor-fetch.h \
	plugin/mef/class-args.c plugin/mef/class-args.h \
	plugin/mef/class-cert-prov.c plugin/mef/class-cert-prov.h \
	plugin/mef/class-dev-cfg.c \
	plugin/mef/class-mo-node.c \
	plugin/mef/class-no-more.c \
	plugin/mef/class.c plugin/mef/class.h \
	plugin/mef/client.c plugin/mef/client.h \
	plugin/mef/codec-json.c plugin/mef/codec-json.h \
	plugin/mef/command-message.c plugin/mef/command-message.h \
	plugin/mef/journal-states.c plugin/mef/journal-states.h \
	plugin/mef/key-message.c plugin/mef/key-message.h \
	plugin/mef/procedure-cert-prov.c \
	plugin/mef/procedure-command.c \
	plugin/mef/procedure-dev-cfg.c \
	plugin/mef/procedure-end.c \
	plugin/mef/procedure-key.c \
	plugin/mef/procedure-key-held.c \
	plugin/mef/key-renewal.c \
	plugin/mef/procedure-mo-node.c plugin/mef/mo-node.h \
	plugin/mef/procedure-registration.c \
	plugin/mef/reference.c \
	plugin/mef/reg-config.c \
	plugin/mef/registration-message.c plugin/mef/registration-message.h \
	plugin/mef/rqi.c plugin/mef/rqi.h \
	plugin/mef/session.c \
	plugin/mef/task.c \
	plugin/mef/tell.c \
	plugin/mef/timers.c \
	plugin/mef/vocabulary.c plugin/mef/vocabulary.def plugin/mef/vocabulary.h \
	plugin/mef/worker.c plugin/mef/worker.h
