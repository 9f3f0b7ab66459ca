# SPDX-License-Identifier: LGPL-2.1-or-later
# plugin/cert: EST and certificates. Final users link $(OPENSSL_LIBS).
EXTRA_DIST += plugin/cert/chain.h plugin/cert/csr.h plugin/cert/est-codec.h plugin/cert/est.h
