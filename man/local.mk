# SPDX-License-Identifier: LGPL-2.1-or-later
dist_man_MANS += man/mefctl.1 man/mefclient.conf.5 man/org.mefclient1.5 man/mefplug.7 man/mefclient-events.7 man/mef-agent.8
if COLLECTD
dist_man_MANS += man/mefclient-collectd.5
else
EXTRA_DIST += man/mefclient-collectd.5
endif
