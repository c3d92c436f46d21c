#include "base/text.h"

#include <string.h>

static bool is_continuation(char byte)
{
    return ((uint8_t)byte & 0xC0) == 0x80;
}

size_t text_cut_length(const char *text, size_t length, size_t max_bytes)
{
    if (length <= max_bytes)
        return length;
    size_t cut = max_bytes;
    while (cut > 0 && max_bytes - cut < 4 && is_continuation(text[cut]))
        cut--;
    return is_continuation(text[cut]) ? max_bytes : cut;
}

static size_t sequence_length(uint8_t lead)
{
    if (lead < 0x80)
        return 1;
    if (lead >= 0xC2 && lead < 0xE0)
        return 2;
    if (lead >= 0xE0 && lead < 0xF0)
        return 3;
    if (lead >= 0xF0 && lead < 0xF5)
        return 4;
    return 0;
}

static bool is_valid_character(uint32_t character, size_t bytes)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    const bool surrogate = character >= 0xD800 && character < 0xE000;
    return character >= smallest[bytes] && character <= 0x10FFFF && !surrogate;
}

bool text_next(const char *text, size_t length, uint32_t *ret_character, size_t *ret_bytes)
{
    const uint8_t lead = (uint8_t)text[0];
    const size_t bytes = sequence_length(lead);
    *ret_bytes = 1;
    if (bytes == 0 || bytes > length)
        return false;

    uint32_t character = bytes == 1 ? lead : lead & (0x7FU >> bytes);
    for (size_t i = 1; i < bytes; i++) {
        if (!is_continuation(text[i]))
            return false;
        character = character << 6 | ((uint8_t)text[i] & 0x3F);
    }
    if (!is_valid_character(character, bytes))
        return false;
    *ret_character = character;
    *ret_bytes = bytes;
    return true;
}

bool text_is_control(uint32_t character)
{
    return character < 0x20 || (character >= 0x7F && character < 0xA0) || character == 0x2028 ||
           character == 0x2029 || (character >= 0x202A && character <= 0x202E) ||
           (character >= 0x2066 && character <= 0x2069);
}

void text_printable(const char *text, size_t length, char *ret_text, size_t size)
{
    const bool is_cut = length >= size;
    size_t left = is_cut ? text_cut_length(text, length, size - 4) : length;
    size_t used = 0;
    while (left > 0) {
        uint32_t character;
        size_t taken;
        if (text_next(text, left, &character, &taken) && !text_is_control(character)) {
            memcpy(ret_text + used, text, taken);
            used += taken;
        } else {
            ret_text[used++] = '?';
        }
        text += taken;
        left -= taken;
    }
    memcpy(ret_text + used, is_cut ? "..." : "", is_cut ? 4 : 1);
}
