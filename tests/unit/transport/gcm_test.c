/* OpenSSL and libipsec-mb seal alike, open the same texts, and refuse the same. Where there is no
 * libipsec-mb, OpenSSL alone is looked at. */
#include <glib.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "transport/gcm_evp.h"
#include "transport/gcm_ipsec.h"
#include "transport_test.h"

#define MAX_SIZE 2048

typedef struct {
    EVP_CIPHER_CTX *seals, *opens;
    GcmIpsec *ipsec_seals, *ipsec_opens; /* NULL: not on this machine */
} Libraries;

static Libraries libraries_new(const uint8_t *key, size_t key_size)
{
    const Libraries libraries = {
        .seals = gcm_evp_new(key, key_size, true),
        .opens = gcm_evp_new(key, key_size, false),
        .ipsec_seals = gcm_ipsec_new(key, key_size, GCM_SEALS),
        .ipsec_opens = gcm_ipsec_new(key, key_size, GCM_OPENS),
    };
    g_assert_true(libraries.seals && libraries.opens);
    return libraries;
}

static void libraries_free(Libraries *libraries)
{
    EVP_CIPHER_CTX_free(libraries->seals);
    EVP_CIPHER_CTX_free(libraries->opens);
    gcm_ipsec_free(libraries->ipsec_seals);
    gcm_ipsec_free(libraries->ipsec_opens);
}

static GcmText text_of(uint8_t *packet, size_t header_size, size_t text_size)
{
    return (GcmText){
        .header = packet,
        .header_size = header_size,
        .text = packet + header_size,
        .text_size = text_size,
    };
}

/* Both have to write the same; the text is left as libipsec-mb sealed it, where there is one. */
static void seal_with_both(Libraries *libraries, const uint8_t *iv, const GcmText *text)
{
    uint8_t copy[MAX_SIZE];
    const size_t sealed_size = text->text_size + GCM_TAG_SIZE;
    memcpy(copy, text->header, text->header_size + text->text_size);
    const GcmText second = text_of(copy, text->header_size, text->text_size);
    g_assert_true(gcm_evp_seal(libraries->seals, iv, &second));
    if (!libraries->ipsec_seals) {
        memcpy(text->text, second.text, sealed_size);
        return;
    }
    gcm_ipsec_seal(libraries->ipsec_seals, iv, text);
    g_assert_cmpmem(text->text, sealed_size, second.text, sealed_size);
}

/* Both have to say the same; the text is left as libipsec-mb opened it, where there is one. */
static bool open_with_both(Libraries *libraries, const uint8_t *iv, const GcmText *text)
{
    uint8_t copy[MAX_SIZE];
    const size_t size = text->header_size + text->text_size + GCM_TAG_SIZE;
    memcpy(copy, text->header, size);
    const GcmText second = text_of(copy, text->header_size, text->text_size);
    const bool is_open = gcm_evp_open(libraries->opens, iv, &second);
    if (!libraries->ipsec_opens) {
        memcpy(text->text, second.text, text->text_size);
        return is_open;
    }
    g_assert_cmpint(gcm_ipsec_open(libraries->ipsec_opens, iv, text), ==, is_open);
    if (is_open)
        g_assert_cmpmem(text->text, text->text_size, second.text, second.text_size);
    return is_open;
}

/* ---- RFC 7714 16.1.1, 16.2.1 ---- */

static const struct {
    size_t key_size; /* the key is 00 01 02 ... */
    const char *iv, *header, *plain, *sealed;
} vectors[] = {
    {16, "51753c6580c2726f20718414", "8040f17b8041f8d35501a0b2",
     "47616c6c696120657374206f6d6e6973206469766973612069"
     "6e207061727465732074726573",
     "f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833"
     "899d7f27beb16a9152cf765ee4390cce"},
    {32, "51753c6580c2726f20718414", "8040f17b8041f8d35501a0b2",
     "47616c6c696120657374206f6d6e6973206469766973612069"
     "6e207061727465732074726573",
     "32b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a0276ffae0f1ba63799b87b"
     "7aa3db36dfffd6b0f9bb7878d7a76c13"},
};

static size_t from_hex(const char *hex, uint8_t *ret)
{
    const size_t size = strlen(hex) / 2;
    for (size_t i = 0; i < size; i++)
        ret[i] =
            (uint8_t)(g_ascii_xdigit_value(hex[2 * i]) << 4 | g_ascii_xdigit_value(hex[2 * i + 1]));
    return size;
}

static void vectors_are_met(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(vectors); i++) {
        uint8_t key[32], iv[GCM_IV_SIZE], packet[100], plain[100], sealed[100];
        for (unsigned k = 0; k < sizeof key; k++)
            key[k] = (uint8_t)k;
        Libraries libraries = libraries_new(key, vectors[i].key_size);
        from_hex(vectors[i].iv, iv);
        const size_t header = from_hex(vectors[i].header, packet);
        const size_t size = from_hex(vectors[i].plain, plain);
        const size_t sealed_size = from_hex(vectors[i].sealed, sealed);
        g_assert_cmpuint(sealed_size, ==, size + GCM_TAG_SIZE);
        memcpy(packet + header, plain, size);
        const GcmText text = text_of(packet, header, size);
        seal_with_both(&libraries, iv, &text);
        g_assert_cmpmem(text.text, sealed_size, sealed, sealed_size);
        g_assert_true(open_with_both(&libraries, iv, &text));
        g_assert_cmpmem(text.text, size, plain, size);
        libraries_free(&libraries);
    }
}

/* ---- texts of all sizes ---- */

static void fill(GRand *rand, uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)g_rand_int(rand);
}

/* Open as it was sealed, and not with one bit of header, text or tag changed. */
static void exchange(Libraries *libraries, GRand *rand, size_t header, size_t size)
{
    uint8_t iv[GCM_IV_SIZE], plain[MAX_SIZE], packet[MAX_SIZE];
    const size_t full = header + size + GCM_TAG_SIZE;
    fill(rand, iv, sizeof iv);
    fill(rand, plain, full);
    memcpy(packet, plain, full);
    const GcmText text = text_of(packet, header, size);
    seal_with_both(libraries, iv, &text);
    uint8_t changed[MAX_SIZE];
    memcpy(changed, packet, full);
    const int bit = g_rand_int_range(rand, 0, (int)(8 * full));
    changed[bit / 8] ^= (uint8_t)(1 << bit % 8);
    const GcmText bad = text_of(changed, header, size);
    g_assert_false(open_with_both(libraries, iv, &bad));
    g_assert_true(open_with_both(libraries, iv, &text));
    g_assert_cmpmem(packet, header + size, plain, header + size);
}

static void all_sizes_pass(gconstpointer data)
{
    GRand *rand = g_rand_new_with_seed(11);
    uint8_t key[32];
    fill(rand, key, sizeof key);
    Libraries libraries = libraries_new(key, GPOINTER_TO_SIZE(data));
    for (size_t size = 0; size <= 1500; size++)
        exchange(&libraries, rand, 12 + 4 * (size_t)g_rand_int_range(rand, 0, 32), size);
    for (size_t header = 12; header < 500; header++)
        exchange(&libraries, rand, header, header % 40);
    libraries_free(&libraries);
    g_rand_free(rand);
}

/* The last 16 bytes of a text are the tag; each bit of it counts. */
static void each_bit_of_the_tag_counts(void)
{
    const uint8_t key[32] = {9}, iv[GCM_IV_SIZE] = {7};
    Libraries libraries = libraries_new(key, 16);
    uint8_t packet[12 + 100 + GCM_TAG_SIZE] = {0x80}, changed[sizeof packet];
    const GcmText text = text_of(packet, 12, 100), bad = text_of(changed, 12, 100);
    seal_with_both(&libraries, iv, &text);
    for (unsigned bit = 0; bit < 8 * GCM_TAG_SIZE; bit++) {
        memcpy(changed, packet, sizeof packet);
        bad.text[bad.text_size + bit / 8] ^= (uint8_t)(1 << bit % 8);
        g_assert_false(open_with_both(&libraries, iv, &bad));
    }
    g_assert_true(open_with_both(&libraries, iv, &text));
    libraries_free(&libraries);
}

/* ---- what is beside a packet ---- */

/* A page between two that must not be touched. */
static uint8_t *fenced_page(size_t page)
{
    uint8_t *pages = mmap(NULL, 3 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    g_assert_true(pages != MAP_FAILED);
    g_assert_cmpint(mprotect(pages + page, page, PROT_READ | PROT_WRITE), ==, 0);
    return pages + page;
}

/* A packet against either fence, and the IV against one. */
static void nothing_beside_is_touched(void)
{
    const uint8_t key[32] = {5};
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uint8_t *here = fenced_page(page), *there = fenced_page(page);
    uint8_t *iv = there + page - GCM_IV_SIZE;
    Libraries libraries = libraries_new(key, 16);
    for (size_t size = 0; size < 600; size++) {
        const size_t full = 12 + size + GCM_TAG_SIZE;
        const GcmText first = text_of(here, 12, size);
        seal_with_both(&libraries, iv, &first);
        g_assert_true(open_with_both(&libraries, iv, &first));
        const GcmText last = text_of(here + page - full, 12, size);
        seal_with_both(&libraries, iv, &last);
        g_assert_true(open_with_both(&libraries, iv, &last));
    }
    libraries_free(&libraries);
    munmap(here - page, 3 * page);
    munmap(there - page, 3 * page);
}

/* ---- which one it is ---- */

static bool has_ipsec(void)
{
#ifdef ROOMTAPE_IPSEC_MB
    return __builtin_cpu_supports("aes") && __builtin_cpu_supports("pclmul") &&
           __builtin_cpu_supports("sse4.2");
#else
    return false;
#endif
}

static void it_is_there_where_it_should_be(void)
{
    const uint8_t key[32] = {3};
    for (size_t key_size = 16; key_size <= 32; key_size += 16) {
        Libraries libraries = libraries_new(key, key_size);
        g_assert_cmpint(libraries.ipsec_seals != NULL, ==, has_ipsec());
        g_assert_cmpint(libraries.ipsec_opens != NULL, ==, has_ipsec());
        libraries_free(&libraries);
    }
}

void gcm_test_add(void)
{
    g_test_add_func("/gcm/vectors", vectors_are_met);
    g_test_add_data_func("/gcm/sizes_128", GSIZE_TO_POINTER(16), all_sizes_pass);
    g_test_add_data_func("/gcm/sizes_256", GSIZE_TO_POINTER(32), all_sizes_pass);
    g_test_add_func("/gcm/tag", each_bit_of_the_tag_counts);
    g_test_add_func("/gcm/fences", nothing_beside_is_touched);
    g_test_add_func("/gcm/which", it_is_there_where_it_should_be);
}
