# SPDX-License-Identifier: LGPL-2.1-or-later
noinst_LTLIBRARIES += libctl.la
libctl_la_CFLAGS = $(AM_CFLAGS) $(DBUS_CFLAGS) $(JANSSON_CFLAGS) $(SYSTEMD_CFLAGS)
libctl_la_SOURCES = \
	dbus/ctl/bus.c dbus/ctl/ctl.h \
	dbus/ctl/commands.c \
	dbus/ctl/do.c \
	dbus/ctl/file.c dbus/ctl/file.h \
	dbus/ctl/format.c \
	dbus/ctl/job.c \
	dbus/ctl/objects.c \
	dbus/ctl/options.c \
	dbus/ctl/secret.c \
	dbus/ctl/show.c \
	dbus/ctl/timeline.c dbus/ctl/timeline-journal.c \
	dbus/ctl/transfer.c \
	dbus/ctl/tree.c \
	dbus/ctl/value.c \
	dbus/ctl/watch.c

bin_PROGRAMS += mefctl
mefctl_CFLAGS = $(AM_CFLAGS) $(DBUS_CFLAGS) $(JANSSON_CFLAGS)
mefctl_LDADD = libctl.la libbase.la $(DBUS_LIBS) $(JANSSON_LIBS) $(SYSTEMD_LIBS) -lm
mefctl_SOURCES = dbus/ctl/main.c
