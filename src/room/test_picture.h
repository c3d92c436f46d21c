/* Draws the test picture, in which every frame carries its number, and reads the number back.
 * A strip of 20 cells on top: white, black, 16 bits of the number (most significant first), even
 * parity, white. Below it digits for people and a moving bar; the lower half is white for two
 * frames from each whole second (the flash).
 * Thread: any; each picture has one user. Allocates only in new. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    unsigned width, height;
    uint8_t *planes[3]; /* I420, limited range */
    unsigned strides[3];
    uint8_t *base; /* luma of the picture without what moves */
} TestPicture;

/* Even sizes of at least 160x64. */
TestPicture *test_picture_new(unsigned width, unsigned height);
void test_picture_free(TestPicture *picture);

void test_picture_draw(TestPicture *picture, uint64_t number, unsigned fps);

/* False when the strip is not readable or its parity is wrong. */
bool test_picture_read(const uint8_t *luma, size_t stride, unsigned width, unsigned height,
                       uint16_t *ret_number);
bool test_picture_has_flash(const uint8_t *luma, size_t stride, unsigned width, unsigned height);
