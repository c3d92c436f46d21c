"""The test picture and sound: frame n shows its number, and each second begins with flash and beep.

The top eighth is a strip of 20 cells: white, black, 16 bits of the number (most significant first),
even parity, white. The lower half is white for two frames from each n with n % fps == 0; a beep of
1 kHz begins at that very time, n / fps."""

import functools

import numpy as np

WHITE, BLACK = 235, 16
CELLS = 20
BEEP_HZ, BEEP_SECONDS, BEEP_LEVEL = 1000, 0.1, 0.5
FLASH_FRAMES = 2
SAMPLE_RATE = 48000


@functools.lru_cache(maxsize=8)
def _background(width, height):
    """Twice as wide as the picture: a window that moves over it is the moving picture."""
    x = np.arange(2 * width)
    y = np.arange(height)[:, None]
    waves = 20 * np.sin(2 * np.pi * x / width * 3) + 15 * np.sin(2 * np.pi * y / height * 2)
    return (100 + waves).astype(np.uint8)


@functools.lru_cache(maxsize=2)
def _grain(width, height, noise):
    """A still picture that is hard to compress: large keyframes with small frames between."""
    grain = np.random.default_rng(1).integers(-noise, noise + 1, (height, width))
    return (100 + grain).clip(60, 140).astype(np.uint8)


def luma(number, width, height, fps, noise=0):
    if noise:
        plane = _grain(width, height, noise).copy()
    else:
        shift = number * 4 % width
        plane = _background(width, height)[:, shift : shift + width].copy()
    if number % fps < FLASH_FRAMES:
        plane[height // 2 :] = WHITE
    bits = [(number >> (15 - bit)) & 1 for bit in range(16)]
    cells = [1, 0, *bits, sum(bits) % 2, 1]
    strip = plane[: height // 8]
    edges = [round(cell * width / CELLS) for cell in range(CELLS + 1)]
    for cell, value in enumerate(cells):
        strip[:, edges[cell] : edges[cell + 1]] = WHITE if value else BLACK
    return plane


def i420(number, width, height, fps, noise=0, tint=(128, 128)):
    """The whole picture as the bytes of an I420 frame; `tint` is its Cb and Cr, grey by default."""
    chroma = [bytes([value]) * ((width + 1) // 2 * ((height + 1) // 2)) for value in tint]
    return luma(number, width, height, fps, noise).tobytes() + chroma[0] + chroma[1]


def read_number(plane):
    """The number that a decoded luma plane shows, or None where it cannot be read for sure."""
    height, width = plane.shape
    strip = plane[height // 32 : max(height // 8 - height // 32, height // 32 + 1)]
    means = []
    for cell in range(CELLS):
        left = round((cell + 1 / 3) * width / CELLS)
        right = max(round((cell + 2 / 3) * width / CELLS), left + 1)
        means.append(float(strip[:, left:right].mean()))
    if means[0] - means[1] < 60:
        return None
    threshold = (means[0] + means[1]) / 2
    bits = [mean > threshold for mean in means[2:19]]
    if sum(bits) % 2 or means[19] < threshold:
        return None
    return sum(bit << (15 - at) for at, bit in enumerate(bits[:16]))


def is_flash(plane):
    height = plane.shape[0]
    return float(plane[height * 5 // 8 : height * 7 // 8].mean()) > 190


def sound(first_sample, count, seconds_between_beeps=1):
    """PCM of these samples as float32; sample 0 is the time of frame 0."""
    at = np.arange(first_sample, first_sample + count)
    in_second = at % (SAMPLE_RATE * seconds_between_beeps)
    tone = BEEP_LEVEL * np.sin(2 * np.pi * BEEP_HZ * in_second / SAMPLE_RATE)
    return np.where(in_second < BEEP_SECONDS * SAMPLE_RATE, tone, 0.0).astype(np.float32)
