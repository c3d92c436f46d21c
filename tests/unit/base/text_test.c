#include <glib.h>
#include <string.h>

#include "base/text.h"
#include "base_test.h"

static void test_cuts_between_characters(void)
{
    static const struct {
        const char *text;
        size_t max_bytes, expected;
    } rows[] = {
        {"abc", 5, 3},
        {"abc", 3, 3},
        {"abc", 2, 2},
        {"abc", 0, 0},
        {"a\xc3\xa9", 2, 1},
        {"a\xc3\xa9", 3, 3},
        {"\xe2\x82\xac!", 1, 0},
        {"\xe2\x82\xac!", 2, 0},
        {"\xe2\x82\xac!", 3, 3},
        {"\xf0\x9f\x98\x80", 3, 0},
        {"x\xf0\x9f\x98\x80y", 4, 1},
        {"x\xf0\x9f\x98\x80y", 5, 5},
        /* no character at all: cut anywhere rather than return nothing for ever */
        {"\x80\x80\x80\x80\x80\x80\x80\x80", 6, 6},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
        g_assert_cmpuint(text_cut_length(rows[i].text, strlen(rows[i].text), rows[i].max_bytes), ==,
                         rows[i].expected);
}

static void test_reads_characters(void)
{
    static const struct {
        const char *text;
        size_t bytes;
        bool valid;
        uint32_t character;
    } rows[] = {
        {"a", 1, true, 'a'},
        {"\xc3\xa9x", 2, true, 0xE9},
        {"\xe2\x82\xac", 3, true, 0x20AC},
        {"\xf0\x9f\x98\x80", 4, true, 0x1F600},
        {"\xf4\x8f\xbf\xbf", 4, true, 0x10FFFF},
        {"\x80", 1, false, 0},             /* continuation alone */
        {"\xc0\xaf", 1, false, 0},         /* overlong '/' */
        {"\xe0\x80\xaf", 1, false, 0},     /* overlong '/' */
        {"\xf0\x80\x80\xaf", 1, false, 0}, /* overlong '/' */
        {"\xed\xa0\x80", 1, false, 0},     /* surrogate */
        {"\xf4\x90\x80\x80", 1, false, 0}, /* over U+10FFFF */
        {"\xf5\x80\x80\x80", 1, false, 0},
        {"\xff", 1, false, 0},
        {"\xe2\x82", 1, false, 0}, /* cut off */
        {"\xe2x", 1, false, 0},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        uint32_t character = 0;
        size_t bytes = 0;
        const bool valid = text_next(rows[i].text, strlen(rows[i].text), &character, &bytes);
        g_assert_cmpint(valid, ==, rows[i].valid);
        g_assert_cmpuint(bytes, ==, rows[i].bytes);
        g_assert_cmpuint(character, ==, rows[i].character);
    }
}

static void test_knows_control_characters(void)
{
    static const uint32_t controls[] = {0,      0x0A,   0x1B,   0x7F,   0x85,  0x9B,
                                        0x2028, 0x2029, 0x202E, 0x2066, 0x2069};
    static const uint32_t others[] = {0x20, 'a', 0xA0, 0xE9, 0x2027, 0x202F, 0x206A, 0x1F600};
    for (size_t i = 0; i < G_N_ELEMENTS(controls); i++)
        g_assert_true(text_is_control(controls[i]));
    for (size_t i = 0; i < G_N_ELEMENTS(others); i++)
        g_assert_false(text_is_control(others[i]));
}

static void test_makes_printable(void)
{
    static const struct {
        const char *text, *expected;
    } rows[] = {
        {"", ""},
        {"abc", "abc"},
        {"0123456789", "0123456789"},
        {"01234567890", "01234567890"},
        {"012345678901", "01234567..."},
        {"a\nb\x1b\xff", "a?b??"},
        {"0123456\xe2\x82\xac"
         "89",
         "0123456..."},
        {"\xc2\x9b", "?"},
        {"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80", "????????..."},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *text = g_malloc(12);
        text_printable(rows[i].text, strlen(rows[i].text), text, 12);
        g_assert_cmpstr(text, ==, rows[i].expected);
    }
}

void text_test_add(void)
{
    g_test_add_func("/text/makes-printable", test_makes_printable);
    g_test_add_func("/text/cuts-between-characters", test_cuts_between_characters);
    g_test_add_func("/text/reads-characters", test_reads_characters);
    g_test_add_func("/text/knows-control-characters", test_knows_control_characters);
}
