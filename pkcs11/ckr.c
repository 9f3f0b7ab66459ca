/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names and meanings of PKCS#11 return values, and names of mechanisms. Tables only; thread: any. */
#include "pkcs11/ckr.h"

#include <p11-kit/pkcs11.h>
#include <stdio.h>

#include "pkcs11/token.h"

#define F MEF_ERROR_FAILED
#define U MEF_ERROR_TOKEN_UNAVAILABLE
#define L MEF_ERROR_TOKEN_LOCKED
#define M MEF_ERROR_TOKEN_FULL
#define W MEF_ERROR_READ_ONLY

/* Sorted by code. */
#define R(name, word, effect)                                                                                \
    {                                                                                                        \
        name, #name, word, CKR_EFFECT_##effect                                                               \
    }
static const struct ckr_meaning meanings[] = {
    R(CKR_OK, F, NONE),
    R(CKR_CANCEL, F, NONE),
    R(CKR_HOST_MEMORY, F, NONE),
    R(CKR_SLOT_ID_INVALID, U, LOST),
    R(CKR_GENERAL_ERROR, F, NONE),
    R(CKR_FUNCTION_FAILED, F, NONE),
    R(CKR_ARGUMENTS_BAD, F, NONE),
    R(CKR_NO_EVENT, F, NONE),
    R(CKR_NEED_TO_CREATE_THREADS, F, NONE),
    R(CKR_CANT_LOCK, F, NONE),
    R(CKR_ATTRIBUTE_READ_ONLY, F, NONE),
    R(CKR_ATTRIBUTE_SENSITIVE, F, NONE),
    R(CKR_ATTRIBUTE_TYPE_INVALID, F, NONE),
    R(CKR_ATTRIBUTE_VALUE_INVALID, F, NONE),
    R(CKR_ACTION_PROHIBITED, F, NONE),
    R(CKR_DATA_INVALID, F, NONE),
    R(CKR_DATA_LEN_RANGE, F, NONE),
    R(CKR_DEVICE_ERROR, U, ERROR),
    R(CKR_DEVICE_MEMORY, M, FULL),
    R(CKR_DEVICE_REMOVED, U, LOST),
    R(CKR_ENCRYPTED_DATA_INVALID, F, NONE),
    R(CKR_ENCRYPTED_DATA_LEN_RANGE, F, NONE),
    R(CKR_FUNCTION_CANCELED, F, NONE),
    R(CKR_FUNCTION_NOT_PARALLEL, F, NONE),
    R(CKR_FUNCTION_NOT_SUPPORTED, F, NONE),
    R(CKR_KEY_HANDLE_INVALID, F, NONE),
    R(CKR_KEY_SIZE_RANGE, F, NONE),
    R(CKR_KEY_TYPE_INCONSISTENT, F, NONE),
    R(CKR_KEY_NOT_NEEDED, F, NONE),
    R(CKR_KEY_CHANGED, F, NONE),
    R(CKR_KEY_NEEDED, F, NONE),
    R(CKR_KEY_INDIGESTIBLE, F, NONE),
    R(CKR_KEY_FUNCTION_NOT_PERMITTED, F, NONE),
    R(CKR_KEY_NOT_WRAPPABLE, F, NONE),
    R(CKR_KEY_UNEXTRACTABLE, F, NONE),
    R(CKR_MECHANISM_INVALID, F, NONE),
    R(CKR_MECHANISM_PARAM_INVALID, F, NONE),
    R(CKR_OBJECT_HANDLE_INVALID, F, NONE),
    R(CKR_OPERATION_ACTIVE, U, ERROR), /* of a session that only we use: it is stuck */
    R(CKR_OPERATION_NOT_INITIALIZED, F, NONE),
    R(CKR_PIN_INCORRECT, L, NONE),
    R(CKR_PIN_INVALID, L, NONE),
    R(CKR_PIN_LEN_RANGE, L, NONE),
    R(CKR_PIN_EXPIRED, L, NONE),
    R(CKR_PIN_LOCKED, L, LOCKED),
    R(CKR_SESSION_CLOSED, U, LOST),
    R(CKR_SESSION_COUNT, F, NONE),
    R(CKR_SESSION_HANDLE_INVALID, U, LOST),
    R(CKR_SESSION_PARALLEL_NOT_SUPPORTED, F, NONE),
    R(CKR_SESSION_READ_ONLY, W, NONE),
    R(CKR_SESSION_EXISTS, F, NONE),
    R(CKR_SESSION_READ_ONLY_EXISTS, W, NONE),
    R(CKR_SESSION_READ_WRITE_SO_EXISTS, F, NONE),
    R(CKR_SIGNATURE_INVALID, F, NONE),
    R(CKR_SIGNATURE_LEN_RANGE, F, NONE),
    R(CKR_TEMPLATE_INCOMPLETE, F, NONE),
    R(CKR_TEMPLATE_INCONSISTENT, F, NONE),
    R(CKR_TOKEN_NOT_PRESENT, U, LOST),
    R(CKR_TOKEN_NOT_RECOGNIZED, U, LOST),
    R(CKR_TOKEN_WRITE_PROTECTED, W, NONE),
    R(CKR_UNWRAPPING_KEY_SIZE_RANGE, F, NONE),
    R(CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT, F, NONE),
    R(CKR_USER_ALREADY_LOGGED_IN, F, NONE),
    R(CKR_USER_NOT_LOGGED_IN, U, LOST),
    R(CKR_USER_PIN_NOT_INITIALIZED, L, NONE),
    R(CKR_USER_TYPE_INVALID, F, NONE),
    R(CKR_USER_ANOTHER_ALREADY_LOGGED_IN, F, NONE),
    R(CKR_USER_TOO_MANY_TYPES, F, NONE),
    R(CKR_WRAPPED_KEY_INVALID, F, NONE),
    R(CKR_WRAPPED_KEY_LEN_RANGE, F, NONE),
    R(CKR_WRAPPING_KEY_HANDLE_INVALID, F, NONE),
    R(CKR_WRAPPING_KEY_SIZE_RANGE, F, NONE),
    R(CKR_WRAPPING_KEY_TYPE_INCONSISTENT, F, NONE),
    R(CKR_RANDOM_SEED_NOT_SUPPORTED, F, NONE),
    R(CKR_RANDOM_NO_RNG, F, NONE),
    R(CKR_DOMAIN_PARAMS_INVALID, F, NONE),
    R(CKR_CURVE_NOT_SUPPORTED, F, NONE),
    R(CKR_BUFFER_TOO_SMALL, F, NONE),
    R(CKR_SAVED_STATE_INVALID, F, NONE),
    R(CKR_INFORMATION_SENSITIVE, F, NONE),
    R(CKR_STATE_UNSAVEABLE, F, NONE),
    R(CKR_CRYPTOKI_NOT_INITIALIZED, U, LOST),
    R(CKR_CRYPTOKI_ALREADY_INITIALIZED, F, NONE),
    R(CKR_MUTEX_BAD, F, NONE),
    R(CKR_MUTEX_NOT_LOCKED, F, NONE),
    R(CKR_NEW_PIN_MODE, F, NONE),
    R(CKR_NEXT_OTP, F, NONE),
    R(CKR_EXCEEDED_MAX_ITERATIONS, F, NONE),
    R(CKR_FIPS_SELF_TEST_FAILED, F, NONE),
    R(CKR_LIBRARY_LOAD_FAILED, F, NONE),
    R(CKR_PIN_TOO_WEAK, L, NONE),
    R(CKR_PUBLIC_KEY_INVALID, F, NONE),
    R(CKR_FUNCTION_REJECTED, F, NONE),
};
#undef R

#define K(name)                                                                                              \
    {                                                                                                        \
        name, #name                                                                                          \
    }
static const struct {
    unsigned long mechanism;
    const char *name;
} mechanisms[] = {
    K(CKM_RSA_PKCS_KEY_PAIR_GEN),
    K(CKM_RSA_PKCS),
    K(CKM_RSA_X_509),
    K(CKM_RSA_PKCS_OAEP),
    K(CKM_RSA_PKCS_PSS),
    K(CKM_SHA1_RSA_PKCS),
    K(CKM_SHA256_RSA_PKCS),
    K(CKM_SHA384_RSA_PKCS),
    K(CKM_SHA512_RSA_PKCS),
    K(CKM_SHA256_RSA_PKCS_PSS),
    K(CKM_SHA384_RSA_PKCS_PSS),
    K(CKM_SHA512_RSA_PKCS_PSS),
    K(CKM_SHA_1),
    K(CKM_SHA224),
    K(CKM_SHA256),
    K(CKM_SHA384),
    K(CKM_SHA512),
    K(CKM_SHA256_HMAC),
    K(CKM_SHA384_HMAC),
    K(CKM_SHA512_HMAC),
    K(CKM_GENERIC_SECRET_KEY_GEN),
    K(CKM_EC_KEY_PAIR_GEN),
    K(CKM_ECDSA),
    K(CKM_ECDSA_SHA1),
    K(CKM_ECDSA_SHA256),
    K(CKM_ECDSA_SHA384),
    K(CKM_ECDSA_SHA512),
    K(CKM_ECDH1_DERIVE),
    K(CKM_ECDH1_COFACTOR_DERIVE),
    K(CKM_EDDSA),
    K(CKM_EC_EDWARDS_KEY_PAIR_GEN),
    K(CKM_AES_KEY_GEN),
    K(CKM_AES_ECB),
    K(CKM_AES_CBC),
    K(CKM_AES_CBC_PAD),
    K(CKM_AES_CTR),
    K(CKM_AES_GCM),
    K(CKM_AES_CMAC),
};
#undef K

const struct ckr_meaning *ckr_find(unsigned long rv)
{
    for (size_t i = 0; i < ELEMENTS(meanings); i++)
        if (meanings[i].rv == rv)
            return &meanings[i];
    return NULL;
}

const char *ckm_name(unsigned long mechanism)
{
    for (size_t i = 0; i < ELEMENTS(mechanisms); i++)
        if (mechanisms[i].mechanism == mechanism)
            return mechanisms[i].name;
    return NULL;
}

const char *token_ckr_name(unsigned long rv, char buf[32])
{
    const struct ckr_meaning *m = ckr_find(rv);

    if (m)
        (void)snprintf(buf, 32, "%s", m->name);
    else
        (void)snprintf(buf, 32, "CKR_0x%lx", rv);
    return buf;
}
