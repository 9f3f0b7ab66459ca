/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every external length, depth and count has its limit here, with the reason. */
#pragma once

#define LIMIT_BODY            (64u * 1024)       /* response body of a MEF (mef-protocol.md 2.5) */
#define LIMIT_EST_BODY        (128u * 1024)      /* a CA chain in base64 is larger than a primitive */
#define LIMIT_HEADER_LINE     8192u              /* one HTTP header line */
#define LIMIT_HEADERS         (32u * 1024)       /* all header lines of one response */
#define LIMIT_JSON_DEPTH      16u                /* primitives are shallow; commands reach 6 */
#define LIMIT_IMPORT          (4u * 1024 * 1024) /* whole MO store (mo-tree.md 5.3) */
#define LIMIT_CMD_ID          64u                /* octets of a cmdID (mef-protocol.md 1.8) */
#define LIMIT_RESOURCE_ID     128u               /* octets of a resource ID (1.3) */
#define LIMIT_FQDN            253u               /* RFC 1035 */
#define LIMIT_LABEL           63u                /* RFC 1035 */
#define LIMIT_URI             2048u              /* any URI that a peer sends */
#define LIMIT_M2M_ID          255u               /* mo-tree.md 5.3 */
#define LIMIT_OBJECT_PATH     255u               /* mo-tree.md 2.1 */
#define LIMIT_NODE_NAME       64u                /* mo-tree.md 2.1 */
#define LIMIT_NODES           1024u              /* nodes per tree (5.3) */
#define LIMIT_LINKS           32u                /* links per node (5.3) */
#define LIMIT_LINK_DEPTH      6u                 /* (5.3) */
#define LIMIT_TX_OPERATIONS   256u               /* operations of a transaction (5.3) */
#define LIMIT_LIST            64u                /* items of any attribute list */
#define LIMIT_PSK_IDENTITY    128u               /* interfaces.md 5 */
#define LIMIT_PSK             64u                /* octets of a symmetric key */
#define LIMIT_PIN             256u               /* octets of a PIN file */
#define LIMIT_CERTIFICATE     (16u * 1024)       /* DER octets of one certificate */
#define LIMIT_CHAIN           16u                /* certificates in one PKCS#7 */
#define LIMIT_CSRATTRS        4096u              /* DER octets of csrattrs */
#define LIMIT_REGISTRATIONS   64u                /* live registrations, each has a thread */
#define LIMIT_JOBS            256u               /* unfinished jobs */
#define LIMIT_JOBS_KEPT       64u                /* finished jobs kept for 60 s (style-anchors D1) */
#define LIMIT_COMMANDS_KEPT   32u                /* Command objects per registration */
#define LIMIT_AUTH_PENDING    64u                /* parked polkit questions, all senders */
#define LIMIT_AUTH_PER_SENDER 8u                 /* parked polkit questions, one sender */
#define LIMIT_CONFIG_FILE     (256u * 1024)
#define LIMIT_CONFIG_DROPINS  64u
#define LIMIT_BUS_PARKED      (4u * LIMIT_IMPORT) /* octets of arguments of all parked calls */
#define LIMIT_BUS_STRING      (64u * 1024) /* text or octets inside an a{sv}; a PEM bundle is the longest */
#define LIMIT_BUS_ENTRIES     128u         /* entries of one a{sv}; the longest MO has 20 attributes */
#define LIMIT_BUS_ITEMS       1024u        /* items of one array of basic values */
#define LIMIT_BUS_DEPTH       4u           /* a{sv} in a{sv}; operations of Tree.Apply reach 2 */
#define LIMIT_BUS_PEERS       256u         /* callers whose uid is remembered */
#define LIMIT_BUS_WAITING     256u         /* calls whose caller's uid is being asked for */
#define LIMIT_DEFERRED        256u         /* calls that wait for disk or token: each may hold a tree */
#define LIMIT_DEFERRED_SENDER 64u          /* of these, one caller's: others get a turn too */
#define LIMIT_BUS_OUTGOING    (64u * 1024 * 1024) /* octets that the bus does not take; no answer is so long */
#define LIMIT_LWM2M_VALUE     (64u * 1024)  /* octets of one resource; firmware is streamed past this */
#define LIMIT_LWM2M_PAYLOAD   (256u * 1024) /* body of one operation: a bootstrap of a hundred accounts */
#define LIMIT_LWM2M_RECORDS   4096u         /* values in one body, links in one list */
#define LIMIT_LWM2M_DEPTH     4u            /* JSON and CBOR nesting; JSON 11543 has 3 */
#define LIMIT_LWM2M_ARGUMENT  1024u         /* octets of the arguments of one Execute */
#define LIMIT_LWM2M_URI       255u          /* /0/x/0 */
