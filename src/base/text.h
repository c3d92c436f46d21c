/* Cuts and cleans UTF-8 text that a stranger may have written.
 * Thread: any; no allocation. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The length of the longest prefix of at most `max_bytes` that ends between two characters. */
size_t text_cut_length(const char *text, size_t length, size_t max_bytes);

/* The next character and how many bytes it takes; false, with 1 byte taken, when the bytes there
 * are not UTF-8 (overlong, surrogate, cut off). `length` is over 0. */
bool text_next(const char *text, size_t length, uint32_t *ret_character, size_t *ret_bytes);

/* Characters that could forge a line or turn it around on a terminal: C0, DEL, C1, line and
 * paragraph separators, bidirectional overrides. */
bool text_is_control(uint32_t character);

/* For a sentence: at most `size - 1` bytes, with "..." where it was cut and "?" for whatever is a
 * control character or no UTF-8. `size` is at least 8. */
void text_printable(const char *text, size_t length, char *ret_text, size_t size);
