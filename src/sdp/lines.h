/* Cuts text into lines and lines into words, without copies and within hard limits.
 * Thread: any; no allocation but sdp_text_copy(). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SDP_LINE_MAX 8192

typedef struct {
    const char *start;
    size_t size;
} SdpText; /* borrowed, not terminated */

SdpText sdp_text(const char *start, size_t size);

/* The next line without its ending (LF or CRLF). Empty lines are passed over. False at the end. */
bool sdp_next_line(SdpText *rest, SdpText *ret_line);

/* False for more than SDP_LINE_MAX bytes and for control characters. */
bool sdp_line_is_usable(SdpText line);

/* Up to the next space, and removes it; false when nothing is left. */
bool sdp_next_word(SdpText *rest, SdpText *ret_word);

/* Up to `separator`, which goes too; all of it when there is none. */
SdpText sdp_cut(SdpText *rest, char separator);

bool sdp_text_is(SdpText text, const char *value);
bool sdp_skip_prefix(SdpText *text, const char *prefix);
bool sdp_text_number(SdpText text, uint32_t max, uint32_t *ret_number);

/* NULL for empty text, and for text of more than `max_size` bytes. Free with free(). */
char *sdp_text_copy(SdpText text, size_t max_size);
