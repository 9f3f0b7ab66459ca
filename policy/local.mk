# SPDX-License-Identifier: LGPL-2.1-or-later
noinst_LTLIBRARIES += libpolicy.la
libpolicy_la_CPPFLAGS = $(AM_CPPFLAGS)
libpolicy_la_SOURCES = \
	policy/admit-cert-prov.c policy/admit-cert-prov.h \
	policy/admit-dev-cfg.c policy/admit-dev-cfg.h \
	policy/admit-target.c policy/admit-target.h \
	policy/backoff.c policy/backoff.h \
	policy/fingerprint.c policy/fingerprint.h \
	policy/fqdn.c policy/fqdn.h \
	policy/ids.c policy/ids.h \
	policy/m2m-id.c \
	policy/mo-access.c policy/mo-access.h \
	policy/mo-node.c policy/mo-node.h \
	policy/status.c policy/status.h \
	policy/subject-id.c policy/subject-id.h \
	policy/suid.c policy/suid.h \
	policy/suites.c policy/suites.h \
	policy/uri.c policy/uri.h

# Installed policy: polkit actions, the bus, and an example of local rules.
polkitactionsdir = $(datadir)/polkit-1/actions
dist_polkitactions_DATA = policy/org.mefclient1.policy
dbussystempolicydir = $(datadir)/dbus-1/system.d
dist_dbussystempolicy_DATA = policy/org.mefclient1.conf
dist_doc_DATA += policy/50-org.mefclient1.rules.example
