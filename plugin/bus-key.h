/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Keys at a MEF or MAF by hand: Manager.RetrieveKey, Credential.Renew and Credential.Delete (EE-02, EE-10,
 * EE-24). Each returns 0 when the reply comes later or was sent. Thread: the loop's. */
#pragma once

#include "plugin/engine-private.h"

/* Argument 0 is the key identifier; replies with the credential. */
int key_retrieve_start(struct engine *e, struct bus_call *call, struct mef_error *reterr);
/* Update and de-registration of the key `name`, which came with one of `owners`; reply with the job. */
int key_renew_start(struct engine *e, struct bus_call *call, const char *name, char *const *owners,
                    struct mef_error *reterr);
int key_delete_start(struct engine *e, struct bus_call *call, const char *name, char *const *owners,
                     struct mef_error *reterr);
