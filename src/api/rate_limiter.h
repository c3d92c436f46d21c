/* Says which callers come too often: a token bucket for each address, in a table of fixed size.
 * Thread: main. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define RATE_BURST_SECONDS 5
#define RATE_MAX_ADDRESSES 4096 /* then the one that came longest ago is forgotten */

typedef struct RateLimiter RateLimiter;

/* `per_second` of each address, up to RATE_BURST_SECONDS' worth at once; 0: never too often. */
RateLimiter *rate_limiter_new(unsigned per_second);
void rate_limiter_free(RateLimiter *limiter);

/* 0 when `address` may go on, which counts; else in how many seconds (rounded up) it may. `now_ns`
 * never goes back. */
unsigned rate_limiter_take(RateLimiter *limiter, const char *address, int64_t now_ns);

/* How many addresses it knows. */
unsigned rate_limiter_size(const RateLimiter *limiter);
