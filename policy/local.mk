# SPDX-License-Identifier: LGPL-2.1-or-later
noinst_LTLIBRARIES += libpolicy.la
libpolicy_la_CPPFLAGS = $(AM_CPPFLAGS)
libpolicy_la_SOURCES = \
	policy/admit-cert-prov.c policy/admit-cert-prov.h \
	policy/admit-target.c policy/admit-target.h \
	policy/backoff.c policy/backoff.h \
	policy/fingerprint.c policy/fingerprint.h \
	policy/fqdn.c policy/fqdn.h \
	policy/ids.c policy/ids.h \
	policy/m2m-id.c \
	policy/mo-access.c policy/mo-access.h \
	policy/status.c policy/status.h \
	policy/subject-id.c policy/subject-id.h \
	policy/suid.c policy/suid.h \
	policy/suites.c policy/suites.h \
	policy/uri.c policy/uri.h
