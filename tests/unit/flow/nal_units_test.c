#include <glib.h>

#include "flow/nal_units.h"
#include "flow_test.h"

#define BYTES(text) (const uint8_t *)(text), sizeof(text) - 1

typedef struct {
    const uint8_t *stream;
    size_t size;
    const char *units; /* their bytes in hexadecimal, a comma behind each */
} NalCase;

static void check_units(const NalCase *row)
{
    g_autoptr(GString) found = g_string_new(NULL);
    uint8_t *stream = g_memdup2(row->stream, row->size);
    NalUnit unit = nal_unit_first(stream, row->size);
    for (; unit.data != NULL; unit = nal_unit_next(&unit)) {
        for (size_t i = 0; i < unit.size; i++)
            g_string_append_printf(found, "%02x", unit.data[i]);
        g_string_append_c(found, ',');
    }
    g_assert_cmpstr(found->str, ==, row->units);
    g_free(stream);
}

static void test_nal_units(void)
{
    static const NalCase rows[] = {
        {BYTES(""), ""},
        {BYTES("\x01"), ""},
        {BYTES("\x00\x01\x67"), ""},
        {BYTES("\x65\x88\x80"), ""},
        {BYTES("\x00\x00\x01"), ","},
        {BYTES("\x00\x00\x01\x67\x42"), "6742,"},
        {BYTES("\x00\x00\x00\x01\x67\x42\x00\x00\x00\x01\x68\xce"), "6742,68ce,"},
        {BYTES("\x00\x00\x01\x67\x42\x00\x00\x01\x68\xce"), "6742,68ce,"},
        {BYTES("\x00\x00\x00\x01\x67\x42\x00\x00\x00\x00\x00\x00\x01\x68"), "6742,68,"},
        {BYTES("\x00\x00\x01\x67\x42\x00\x00"), "6742,"},
        {BYTES("\x00\x00\x01\x00\x00\x01\x68"), ",68,"},
        {BYTES("\xff\x00\x00\x01\x65\x01\x00\x01\x01\x00\x00\x03\x01"), "650100010100000301,"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
        check_units(&rows[i]);
}

void nal_units_test_add(void)
{
    g_test_add_func("/nal_units/split", test_nal_units);
}
