#include <glib.h>

#include "flow/obu.h"
#include "flow_test.h"

#define BYTES(text) (const uint8_t *)(text), sizeof(text) - 1

typedef struct {
    const uint8_t *unit;
    size_t size;
    const char *obus; /* type/header size/payload size, a comma behind each */
    bool is_cut;
} ObuCase;

static void test_walk(void)
{
    static const ObuCase rows[] = {
        {BYTES(""), "", false},
        {BYTES("\x12\x00"), "2/1/0,", false},
        {BYTES("\x12\x00\x0a\x01\xaa\x36\x20\x02\xcc\xcc"), "2/1/0,1/1/1,6/2/2,", false},
        {BYTES("\x0a\x01\xaa\x30\xcc\xcc"), "1/1/1,6/1/2,", false}, /* the last without a size */
        {BYTES("\x12"), "", true},
        {BYTES("\x12\x00\x32\x7f\xcc"), "2/1/0,", true},
        {BYTES("\x36"), "", true},
        {BYTES("\x32\xff\xff\xff\xff\xff"), "", true},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GString) found = g_string_new(NULL);
        g_autofree uint8_t *unit = g_memdup2(rows[i].unit, rows[i].size);
        ByteReader reader = byte_reader(unit, rows[i].size);
        Obu obu;
        while (obu_next(&reader, &obu))
            g_string_append_printf(found, "%u/%zu/%zu,", obu.type, obu.header_size,
                                   obu.payload_size);
        g_assert_cmpstr(found->str, ==, rows[i].obus);
        g_assert_cmpint(reader.failed, ==, rows[i].is_cut);
    }
}

void obu_test_add(void)
{
    g_test_add_func("/obu/walk", test_walk);
}
