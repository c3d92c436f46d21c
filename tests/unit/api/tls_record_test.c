#include <glib.h>

#include "api/tls_record.h"
#include "api_test.h"

#define HEAD TLS_RECORD_HEAD_BYTES

static void test_first_record(void)
{
    static const struct {
        const char *bytes;
        size_t size;
        bool is_handshake;
        size_t wanted; /* 0: more than a record may hold */
    } rows[] = {
        {"\x16\x03\x01\x02\x00", 5, true, HEAD + 512},
        {"\x16\x03\x03\x02\x00\x01\x00", 7, true, HEAD + 512},
        {"\x16\x03\x01\x00\x00", 5, true, HEAD},
        {"\x16\x03\x01\x40\x00", 5, true, HEAD + 16384},
        {"\x16\x03\x01\x41\x00", 5, true, HEAD + TLS_RECORD_MAX_BYTES},
        {"\x16\x03\x01\x41\x01", 5, true, 0},
        {"\x16\xff\xff\xff\xff", 5, true, 0},
        /* not there yet, whatever it may become */
        {"\x16", 1, true, HEAD},
        {"\x16\xff\xff", 3, true, HEAD},
        {"\x16\x03\x01\xff", 4, true, HEAD},
        {"", 0, false, HEAD},
        /* other records, and none at all */
        {"\x17\x03\x03\x00\x10", 5, false, HEAD + 16},
        {"\x15\x03\x03\x00\x02", 5, false, HEAD + 2},
        {"\x00\x16\x16\x16\x16", 5, false, HEAD + 0x1616},
        {"GET /", 5, false, HEAD + 0x202f},
        {"\x80\x16\x01\x03\x01", 5, false, HEAD + 0x0301},
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_test_message("row %u", i);
        g_autofree uint8_t *bytes = g_memdup2(rows[i].bytes, rows[i].size);
        g_assert_cmpint(tls_record_is_handshake(bytes, rows[i].size), ==, rows[i].is_handshake);
        g_assert_cmpuint(tls_record_bytes(bytes, rows[i].size), ==, rows[i].wanted);
    }
}

static void test_stream(void)
{
    static const struct {
        const char *bytes;
        size_t size;
        int handshake_at; /* -1: none begins */
    } rows[] = {
        {"\x16\x03\x03\x00\x01\x00", 6, 0},
        {"\x17\x03\x03\x00\x02\x16\x16", 7, -1}, /* inside of one */
        {"\x17\x16\x16\x00\x02\x16\x16", 7, -1},
        {"\x17\x03\x03\x00\x01\x00\x16", 7, 6}, /* seen by its first byte */
        {"\x17\x03\x03\x00\x01\x00\x15\x03\x03\x00\x00\x16", 12, 11},
        {"\x14\x03\x03\x00\x00\x17\x16\x03\x00\x02\x16\x16", 12, -1},
        {"\x17\x03\x03\xff\xff\x16\x16\x16\x16", 9, -1},
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        TlsRecords whole = {.have = 0}, pieces = {.have = 0};
        const uint8_t *bytes = (const uint8_t *)rows[i].bytes;
        g_test_message("row %u", i);
        g_assert_cmpint(tls_records_take(&whole, bytes, rows[i].size), ==,
                        rows[i].handshake_at >= 0);
        for (unsigned at = 0; at < rows[i].size; at++)
            g_assert_cmpint(tls_records_take(&pieces, bytes + at, 1), ==,
                            (int)at == rows[i].handshake_at);
        g_assert_cmpuint(whole.left, ==, pieces.left);
        g_assert_cmpuint(whole.have, ==, pieces.have);
    }
}

void tls_record_test_add(void)
{
    g_test_add_func("/tls-record/first", test_first_record);
    g_test_add_func("/tls-record/stream", test_stream);
}
