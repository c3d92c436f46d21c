#include "api/rate_limiter.h"

#include <glib.h>

#include "base/clock.h"

typedef struct {
    char *address;
    GList link; /* in `order` */
    double tokens;
    int64_t filled_at_ns;
} Bucket;

struct RateLimiter {
    unsigned per_second;
    GHashTable *buckets; /* address -> Bucket */
    GQueue order;        /* who came last is first */
};

static void bucket_free(gpointer data)
{
    Bucket *bucket = data;
    g_free(bucket->address);
    g_free(bucket);
}

RateLimiter *rate_limiter_new(unsigned per_second)
{
    RateLimiter *limiter = g_new0(RateLimiter, 1);
    limiter->per_second = per_second;
    limiter->buckets = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, bucket_free);
    g_queue_init(&limiter->order);
    return limiter;
}

void rate_limiter_free(RateLimiter *limiter)
{
    if (limiter == NULL)
        return;
    g_hash_table_unref(limiter->buckets); /* the links of the queue are in the buckets */
    g_free(limiter);
}

unsigned rate_limiter_size(const RateLimiter *limiter)
{
    return g_hash_table_size(limiter->buckets);
}

static double capacity(const RateLimiter *limiter)
{
    return (double)limiter->per_second * RATE_BURST_SECONDS;
}

static void forget_oldest(RateLimiter *limiter)
{
    const Bucket *oldest = g_queue_peek_tail(&limiter->order);
    g_queue_unlink(&limiter->order, g_queue_peek_tail_link(&limiter->order));
    g_hash_table_remove(limiter->buckets, oldest->address);
}

static Bucket *add_bucket(RateLimiter *limiter, const char *address, int64_t now_ns)
{
    if (rate_limiter_size(limiter) >= RATE_MAX_ADDRESSES)
        forget_oldest(limiter);
    Bucket *bucket = g_new0(Bucket, 1);
    bucket->address = g_strdup(address);
    bucket->link.data = bucket;
    bucket->tokens = capacity(limiter);
    bucket->filled_at_ns = now_ns;
    g_hash_table_insert(limiter->buckets, bucket->address, bucket);
    g_queue_push_head_link(&limiter->order, &bucket->link);
    return bucket;
}

static Bucket *get_bucket(RateLimiter *limiter, const char *address, int64_t now_ns)
{
    Bucket *bucket = g_hash_table_lookup(limiter->buckets, address);
    if (bucket == NULL)
        return add_bucket(limiter, address, now_ns);
    g_queue_unlink(&limiter->order, &bucket->link);
    g_queue_push_head_link(&limiter->order, &bucket->link);
    return bucket;
}

unsigned rate_limiter_take(RateLimiter *limiter, const char *address, int64_t now_ns)
{
    if (limiter->per_second == 0)
        return 0;
    Bucket *bucket = get_bucket(limiter, address, now_ns);
    const double seconds = (double)(now_ns - bucket->filled_at_ns) / (double)NS_PER_SECOND;
    bucket->tokens = MIN(bucket->tokens + seconds * limiter->per_second, capacity(limiter));
    bucket->filled_at_ns = now_ns;
    if (bucket->tokens >= 1) {
        bucket->tokens -= 1;
        return 0;
    }
    const double wait = (1 - bucket->tokens) / limiter->per_second;
    return (unsigned)wait + (wait > (unsigned)wait ? 1 : 0);
}
