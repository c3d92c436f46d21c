#include "sdp/lines.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

SdpText sdp_text(const char *start, size_t size)
{
    return (SdpText){.start = start, .size = size};
}

static SdpText drop_front(SdpText text, size_t size)
{
    return sdp_text(text.start + size, text.size - size);
}

SdpText sdp_cut(SdpText *rest, char separator)
{
    const char *end = rest->size > 0 ? memchr(rest->start, separator, rest->size) : NULL;
    const size_t size = end ? (size_t)(end - rest->start) : rest->size;
    const SdpText front = sdp_text(rest->start, size);
    *rest = drop_front(*rest, end ? size + 1 : size);
    return front;
}

bool sdp_line_is_usable(SdpText line)
{
    if (line.size > SDP_LINE_MAX)
        return false;
    for (size_t i = 0; i < line.size; i++)
        if ((unsigned char)line.start[i] < ' ')
            return false;
    return true;
}

bool sdp_next_line(SdpText *rest, SdpText *ret_line)
{
    while (rest->size > 0) {
        SdpText line = sdp_cut(rest, '\n');
        while (line.size > 0 && line.start[line.size - 1] == '\r')
            line.size--;
        if (line.size == 0)
            continue;
        *ret_line = line;
        return true;
    }
    return false;
}

bool sdp_next_word(SdpText *rest, SdpText *ret_word)
{
    while (rest->size > 0) {
        const SdpText word = sdp_cut(rest, ' ');
        if (word.size == 0)
            continue;
        *ret_word = word;
        return true;
    }
    return false;
}

bool sdp_text_is(SdpText text, const char *value)
{
    return text.size == strlen(value) && memcmp(text.start, value, text.size) == 0;
}

bool sdp_skip_prefix(SdpText *text, const char *prefix)
{
    const size_t size = strlen(prefix);
    if (text->size < size || memcmp(text->start, prefix, size) != 0)
        return false;
    *text = drop_front(*text, size);
    return true;
}

bool sdp_text_number(SdpText text, uint32_t max, uint32_t *ret_number)
{
    uint64_t number = 0;
    if (text.size == 0)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        const char digit = text.start[i];
        if (digit < '0' || digit > '9')
            return false;
        number = number * 10 + (uint64_t)(digit - '0');
        if (number > max)
            return false;
    }
    *ret_number = (uint32_t)number;
    return true;
}

char *sdp_text_copy(SdpText text, size_t max_size)
{
    if (text.size == 0 || text.size > max_size)
        return NULL;
    char *copy = strndup(text.start, text.size);
    require(copy);
    return copy;
}
