#include "transport/gcm_ipsec.h"

#include "base/check.h"

#ifdef ROOMTAPE_IPSEC_MB

#include <intel-ipsec-mb.h>
#include <openssl/crypto.h>
#include <string.h>

#define CACHE_LINE 64
#define FEATURES                                                                                   \
    (IMB_FEATURE_AESNI | IMB_FEATURE_PCLMULQDQ | IMB_FEATURE_SSE4_2 | IMB_FEATURE_SELF_TEST_PASS)

/* 1 KiB: the round keys and up to 48 powers of the hash key, as many as the processor goes through
 * at a time. */
struct GcmIpsec {
    _Alignas(CACHE_LINE) struct gcm_key_data key;
    aes_gcm_enc_dec_t run;
};

/* The library's manager says which of its functions suit the processor. They do not need it to run,
 * so it is not kept, and nothing of it is shared between keys or threads. */
static bool choose(const IMB_MGR *manager, GcmIpsec *ipsec, const uint8_t *key, size_t key_size,
                   GcmUse use)
{
    if (manager->imb_errno != 0 || (manager->features & FEATURES) != FEATURES)
        return false;
    if (use == GCM_SEALS)
        ipsec->run = key_size == 32 ? manager->gcm256_enc : manager->gcm128_enc;
    else
        ipsec->run = key_size == 32 ? manager->gcm256_dec : manager->gcm128_dec;
    const aes_gcm_pre_t expand = key_size == 32 ? manager->gcm256_pre : manager->gcm128_pre;
    expand(key, &ipsec->key);
    return true;
}

GcmIpsec *gcm_ipsec_new(const uint8_t *key, size_t key_size, GcmUse use)
{
    IMB_MGR *manager = alloc_mb_mgr(0);
    require(manager != NULL);
    init_mb_mgr_auto(manager, NULL);
    GcmIpsec *ipsec = aligned_alloc(CACHE_LINE, sizeof *ipsec);
    require(ipsec != NULL);
    const bool is_here = choose(manager, ipsec, key, key_size, use);
    free_mb_mgr(manager);
    if (is_here)
        return ipsec;
    free(ipsec);
    return NULL;
}

void gcm_ipsec_free(GcmIpsec *ipsec)
{
    if (!ipsec)
        return;
    explicit_bzero(ipsec, sizeof *ipsec);
    free(ipsec);
}

void gcm_ipsec_hot_memory(const GcmIpsec *ipsec, HotMemory *hot)
{
    hot_memory_add(hot, ipsec, sizeof *ipsec);
}

static void run(const GcmIpsec *ipsec, const uint8_t *iv, const GcmText *text, uint8_t *ret_tag)
{
    struct gcm_context_data context;
    require(text->trailer_size == 0);
    ipsec->run(&ipsec->key, &context, text->text, text->text, text->text_size, iv, text->header,
               text->header_size, ret_tag, GCM_TAG_SIZE);
}

bool gcm_ipsec_open(const GcmIpsec *ipsec, const uint8_t *iv, const GcmText *text)
{
    uint8_t tag[GCM_TAG_SIZE];
    run(ipsec, iv, text, tag);
    return CRYPTO_memcmp(tag, text->text + text->text_size, sizeof tag) == 0;
}

void gcm_ipsec_seal(const GcmIpsec *ipsec, const uint8_t *iv, const GcmText *text)
{
    run(ipsec, iv, text, text->text + text->text_size);
}

#else

GcmIpsec *gcm_ipsec_new(const uint8_t *key, size_t key_size, GcmUse use)
{
    (void)key;
    (void)key_size;
    (void)use;
    return NULL;
}

void gcm_ipsec_free(GcmIpsec *ipsec)
{
    require(ipsec == NULL);
}

void gcm_ipsec_hot_memory(const GcmIpsec *ipsec, HotMemory *hot)
{
    (void)ipsec;
    (void)hot;
}

bool gcm_ipsec_open(const GcmIpsec *ipsec, const uint8_t *iv, const GcmText *text)
{
    (void)iv;
    (void)text;
    require(ipsec != NULL);
    return false;
}

void gcm_ipsec_seal(const GcmIpsec *ipsec, const uint8_t *iv, const GcmText *text)
{
    (void)iv;
    (void)text;
    require(ipsec != NULL);
}

#endif
