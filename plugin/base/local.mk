# SPDX-License-Identifier: LGPL-2.1-or-later
noinst_LTLIBRARIES += libbase.la
libbase_la_CPPFLAGS = $(AM_CPPFLAGS)
libbase_la_SOURCES = \
	plugin/base/buf.c plugin/base/buf.h \
	plugin/base/cancel.c plugin/base/cancel.h \
	plugin/base/cleanup.h \
	plugin/base/crash.c plugin/base/crash.h plugin/base/crash-points.def \
	plugin/base/doze.c plugin/base/doze.h \
	plugin/base/err.c plugin/base/err.h \
	plugin/base/event.c plugin/base/event.h plugin/base/events.def plugin/base/attention.def \
	plugin/base/json-scan.c plugin/base/json-scan.h \
	plugin/base/limits.h \
	plugin/base/ports.c plugin/base/ports.h \
	plugin/base/post.c plugin/base/post.h \
	plugin/base/secret.c plugin/base/secret.h \
	plugin/base/str.c plugin/base/str.h \
	plugin/base/when.c plugin/base/when.h
