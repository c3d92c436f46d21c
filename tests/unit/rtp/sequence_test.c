#include <glib.h>

#include "rtp/sequence.h"
#include "rtp_test.h"

static void extends_over_wraps(void)
{
    g_assert_cmpint(sequence_extend(65535, 0), ==, 65536);
    g_assert_cmpint(sequence_extend(65536, 65535), ==, 65535);
    g_assert_cmpint(sequence_extend(10 * 65536 + 5, 4), ==, 10 * 65536 + 4);
    g_assert_cmpint(sequence_extend(3, 65534), ==, -2);
}

static void tells_gaps_from_wild_numbers(void)
{
    static const struct {
        int64_t highest;
        uint16_t sequence;
        SequencePlace place;
    } rows[] = {
        {100, 101, SEQUENCE_AHEAD},
        {100, 100, SEQUENCE_BEHIND},
        {100, 99, SEQUENCE_BEHIND},
        {100, 3099, SEQUENCE_AHEAD},
        {100, 3100, SEQUENCE_WILD},
        {65535, 5, SEQUENCE_AHEAD},
        {65540, 65530, SEQUENCE_BEHIND},
        {70000, (uint16_t)(70000 - 255), SEQUENCE_BEHIND},
        {70000, (uint16_t)(70000 - 256), SEQUENCE_WILD},
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++)
        g_assert_cmpint(sequence_place(rows[i].highest, rows[i].sequence, 256), ==, rows[i].place);
}

void sequence_test_add(void)
{
    g_test_add_func("/sequence/extend", extends_over_wraps);
    g_test_add_func("/sequence/place", tells_gaps_from_wild_numbers);
}
