/* AES-GCM by Intel's libipsec-mb, which opens or seals an RTP packet in a third of OpenSSL's time:
 * for x86-64 with AES instructions, where the library was there when roomtape was built. Thread:
 * one at a time. Allocates in new only. */
#pragma once

#include "transport/gcm_key.h"

typedef struct GcmIpsec GcmIpsec;

/* `key` has 16 or 32 bytes. NULL: not on this machine, OpenSSL has to do. */
GcmIpsec *gcm_ipsec_new(const uint8_t *key, size_t key_size, GcmUse use);
void gcm_ipsec_free(GcmIpsec *ipsec);

/* Each for keys of its use only. `iv` has GCM_IV_SIZE bytes; a text with a trailer is none for it.
 * Opening decrypts before it knows whether the text is authentic, as OpenSSL does: what was not is
 * not to be looked at. */
bool gcm_ipsec_open(const GcmIpsec *ipsec, const uint8_t *iv, const GcmText *text);
void gcm_ipsec_seal(const GcmIpsec *ipsec, const uint8_t *iv, const GcmText *text);

/* Adds what a packet touches of it, which may be NULL. */
void gcm_ipsec_hot_memory(const GcmIpsec *ipsec, HotMemory *hot);
