#include "room/test_picture.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

#define CELLS 20u
#define BITS 16u
#define WHITE 235
#define BLACK 16
#define DIGITS 5u
#define FLASH_FRAMES 2u
#define MIN_CONTRAST 60

static void *allocate(size_t size)
{
    void *const memory = malloc(size);
    require(memory != NULL);
    return memory;
}

static void draw_base(TestPicture *picture)
{
    for (unsigned y = 0; y < picture->height; y++) {
        uint8_t *const row = picture->base + (size_t)y * picture->width;
        for (unsigned x = 0; x < picture->width; x++) {
            row[x] = (uint8_t)(70 + 50 * x / picture->width + 15 * y / picture->height);
        }
    }
    for (unsigned plane = 1; plane < 3; plane++) {
        for (unsigned y = 0; y < picture->height / 2; y++) {
            const unsigned tone = 112 + 32 * y / (picture->height / 2);
            memset(picture->planes[plane] + (size_t)y * picture->strides[plane],
                   (int)(plane == 1 ? tone : 256 - tone), picture->strides[plane]);
        }
    }
}

TestPicture *test_picture_new(unsigned width, unsigned height)
{
    require(width >= 160 && height >= 64 && width % 2 == 0 && height % 2 == 0);
    TestPicture *const picture = allocate(sizeof *picture);
    *picture = (TestPicture){.width = width, .height = height};
    const size_t luma = (size_t)width * height;
    picture->strides[0] = width;
    picture->strides[1] = picture->strides[2] = width / 2;
    picture->planes[0] = allocate(luma);
    picture->planes[1] = allocate(luma / 4);
    picture->planes[2] = allocate(luma / 4);
    picture->base = allocate(luma);
    draw_base(picture);
    return picture;
}

void test_picture_free(TestPicture *picture)
{
    if (picture == NULL) {
        return;
    }
    for (unsigned plane = 0; plane < 3; plane++) {
        free(picture->planes[plane]);
    }
    free(picture->base);
    free(picture);
}

static void fill(TestPicture *picture, unsigned x, unsigned y, unsigned width, unsigned height,
                 int tone)
{
    for (unsigned row = y; row < y + height && row < picture->height; row++) {
        const unsigned room = x < picture->width ? picture->width - x : 0;
        memset(picture->planes[0] + (size_t)row * picture->width + x, tone,
               width < room ? width : room);
    }
}

static void draw_strip(TestPicture *picture, uint16_t number)
{
    unsigned ones = 0;
    for (unsigned cell = 0; cell < CELLS; cell++) {
        bool white = cell == 0 || cell == CELLS - 1;
        if (cell >= 2 && cell < 2 + BITS) {
            white = (number >> (BITS - 1 - (cell - 2))) & 1;
            ones += white;
        } else if (cell == 2 + BITS) {
            white = ones % 2 == 1;
        }
        const unsigned left = cell * picture->width / CELLS;
        const unsigned right = (cell + 1) * picture->width / CELLS;
        fill(picture, left, 0, right - left, picture->height / 8, white ? WHITE : BLACK);
    }
}

/* Seven segments: top, upper left, upper right, middle, lower left, lower right, bottom. */
static void draw_digit(TestPicture *picture, unsigned x, unsigned y, unsigned size, unsigned digit)
{
    static const uint8_t SEGMENTS[10] = {0x77, 0x24, 0x5d, 0x6d, 0x2e,
                                         0x6b, 0x7b, 0x25, 0x7f, 0x6f};
    const unsigned width = size / 2;
    const unsigned pen = size / 8;
    const unsigned middle = (size - pen) / 2;
    const struct {
        unsigned x, y, width, height;
    } parts[7] = {
        {0, 0, width, pen},
        {0, 0, pen, middle + pen},
        {width - pen, 0, pen, middle + pen},
        {0, middle, width, pen},
        {0, middle, pen, size - middle},
        {width - pen, middle, pen, size - middle},
        {0, size - pen, width, pen},
    };
    for (unsigned i = 0; i < 7; i++) {
        if (SEGMENTS[digit] >> i & 1) {
            fill(picture, x + parts[i].x, y + parts[i].y, parts[i].width, parts[i].height, 140);
        }
    }
}

static void draw_digits(TestPicture *picture, uint64_t number)
{
    const unsigned size = picture->height / 4;
    const unsigned step = size * 5 / 8;
    const unsigned left = (picture->width - DIGITS * step) / 2;
    for (unsigned i = DIGITS; i-- > 0;) {
        draw_digit(picture, left + i * step, picture->height * 3 / 16, size,
                   (unsigned)(number % 10));
        number /= 10;
    }
}

void test_picture_draw(TestPicture *picture, uint64_t number, unsigned fps)
{
    const unsigned half = picture->height / 2;
    memcpy(picture->planes[0], picture->base, (size_t)picture->width * picture->height);
    draw_strip(picture, (uint16_t)number);
    draw_digits(picture, number);
    if (number % fps < FLASH_FRAMES) {
        fill(picture, 0, half, picture->width, picture->height - half, WHITE);
        return;
    }
    const unsigned bar = picture->width / 16;
    fill(picture, (unsigned)(number * 4 % (picture->width - bar)), half, bar,
         picture->height - half, 60);
}

static unsigned mean(const uint8_t *luma, size_t stride, unsigned left, unsigned right,
                     unsigned top, unsigned bottom)
{
    uint64_t sum = 0;
    for (unsigned y = top; y < bottom; y++) {
        for (unsigned x = left; x < right; x++) {
            sum += luma[y * stride + x];
        }
    }
    const uint64_t count = (uint64_t)(right - left) * (bottom - top);
    return count == 0 ? 0 : (unsigned)(sum / count);
}

static unsigned cell_tone(const uint8_t *luma, size_t stride, unsigned width, unsigned height,
                          unsigned cell)
{
    const unsigned left = cell * width / CELLS;
    const unsigned cell_width = (cell + 1) * width / CELLS - left;
    const unsigned strip = height / 8;
    return mean(luma, stride, left + cell_width / 3, left + cell_width - cell_width / 3, strip / 3,
                strip - strip / 3);
}

bool test_picture_read(const uint8_t *luma, size_t stride, unsigned width, unsigned height,
                       uint16_t *ret_number)
{
    const unsigned white = cell_tone(luma, stride, width, height, 0);
    const unsigned black = cell_tone(luma, stride, width, height, 1);
    if (white < black + MIN_CONTRAST) {
        return false;
    }
    const unsigned threshold = (white + black) / 2;
    unsigned number = 0;
    unsigned ones = 0;
    for (unsigned bit = 0; bit < BITS; bit++) {
        const bool one = cell_tone(luma, stride, width, height, 2 + bit) > threshold;
        number = number << 1 | one;
        ones += one;
    }
    const bool parity = cell_tone(luma, stride, width, height, 2 + BITS) > threshold;
    if (parity != (ones % 2 == 1)) {
        return false;
    }
    *ret_number = (uint16_t)number;
    return true;
}

bool test_picture_has_flash(const uint8_t *luma, size_t stride, unsigned width, unsigned height)
{
    return mean(luma, stride, 0, width, height * 5 / 8, height * 7 / 8) > 190;
}
