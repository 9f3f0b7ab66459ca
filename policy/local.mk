# SPDX-License-Identifier: LGPL-2.1-or-later
noinst_LTLIBRARIES += libpolicy.la
libpolicy_la_CPPFLAGS = $(AM_CPPFLAGS)
libpolicy_la_SOURCES = \
	policy/admit-cert-prov.h \
	policy/admit-target.h \
	policy/backoff.h \
	policy/fingerprint.h \
	policy/fqdn.c policy/fqdn.h \
	policy/ids.h \
	policy/mo-access.h \
	policy/status.h \
	policy/subject-id.h \
	policy/suid.h \
	policy/suites.h \
	policy/uri.c policy/uri.h
