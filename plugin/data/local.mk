# SPDX-License-Identifier: LGPL-2.1-or-later
# What is installed beside the programs. All directories hang below $(prefix) or the usual variables, so that an
# unprivileged or staged install works; point systemdsystemunitdir and the others elsewhere on the make line if needed.
systemdsystemunitdir = $(prefix)/lib/systemd/system
sysusersdir = $(prefix)/lib/sysusers.d
tmpfilesdir = $(prefix)/lib/tmpfiles.d
catalogdir = $(prefix)/lib/systemd/catalog
dbussystemservicesdir = $(datadir)/dbus-1/system-services
bashcompletiondir = $(datadir)/bash-completion/completions
configurationdir = $(sysconfdir)/mefclient

nodist_systemdsystemunit_DATA = plugin/data/mef-agent.service
nodist_dbussystemservices_DATA = plugin/data/org.mefclient1.service
dist_catalog_DATA = plugin/data/mefclient.catalog

data_templates = plugin/data/mef-agent.service.in plugin/data/org.mefclient1.service.in plugin/data/mefclient.tmpfiles.in
data_made = $(data_templates:.in=)
EXTRA_DIST += $(data_templates) plugin/data/mefclient.sysusers plugin/data/mefclient.conf plugin/data/mefctl.bash plugin/data/mef-agent.bash
CLEANFILES += $(data_made)
noinst_DATA = plugin/data/mefclient.tmpfiles

$(data_made): %: %.in Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(SED) -e 's|[@]bindir[@]|$(bindir)|g' -e 's|[@]sysconfdir[@]|$(sysconfdir)|g' \
		$(srcdir)/$@.in >$@.tmp && mv $@.tmp $@

# Files whose installed name is not their own. A configuration that is there is never overwritten, and one that was
# changed is never removed.
install-data-local: plugin/data/mefclient.tmpfiles
	$(MKDIR_P) '$(DESTDIR)$(sysusersdir)' '$(DESTDIR)$(tmpfilesdir)' '$(DESTDIR)$(bashcompletiondir)' \
		'$(DESTDIR)$(configurationdir)/mefclient.conf.d'
	$(INSTALL_DATA) $(srcdir)/plugin/data/mefclient.sysusers '$(DESTDIR)$(sysusersdir)/mefclient.conf'
	$(INSTALL_DATA) plugin/data/mefclient.tmpfiles '$(DESTDIR)$(tmpfilesdir)/mefclient.conf'
	$(INSTALL_DATA) $(srcdir)/plugin/data/mefctl.bash '$(DESTDIR)$(bashcompletiondir)/mefctl'
	$(INSTALL_DATA) $(srcdir)/plugin/data/mef-agent.bash '$(DESTDIR)$(bashcompletiondir)/mef-agent'
	test -e '$(DESTDIR)$(configurationdir)/mefclient.conf' || \
		$(INSTALL_DATA) $(srcdir)/plugin/data/mefclient.conf '$(DESTDIR)$(configurationdir)/mefclient.conf'

uninstall-local:
	rm -f '$(DESTDIR)$(sysusersdir)/mefclient.conf' '$(DESTDIR)$(tmpfilesdir)/mefclient.conf' \
		'$(DESTDIR)$(bashcompletiondir)/mefctl' '$(DESTDIR)$(bashcompletiondir)/mef-agent'
	! cmp -s $(srcdir)/plugin/data/mefclient.conf '$(DESTDIR)$(configurationdir)/mefclient.conf' || \
		rm -f '$(DESTDIR)$(configurationdir)/mefclient.conf'
	-rmdir '$(DESTDIR)$(configurationdir)/mefclient.conf.d' '$(DESTDIR)$(configurationdir)' 2>/dev/null
