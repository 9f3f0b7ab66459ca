# SPDX-License-Identifier: LGPL-2.1-or-later
# plugin/net: the HTTPS transport. Final users link $(CURL_LIBS) $(OPENSSL_LIBS) $(CARES_LIBS).
EXTRA_DIST += plugin/net/net.h
