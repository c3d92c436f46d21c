#include "timing/transit_filter.h"

#include "base/clock.h"

#define BUCKET_NS (NS_PER_SECOND / 2)
#define WINDOW_NS (TRANSIT_BUCKETS * BUCKET_NS)
#define TREND_NS (4 * NS_PER_SECOND)
#define TREND_MIN_POINTS 5
#define SLOPE_MAX_PPB INT64_C(5000000)

void transit_filter_reset(TransitFilter *filter)
{
    *filter = (TransitFilter){0};
}

/* Least squares over the minima. */
static int64_t trend_slope(const TransitFilter *filter)
{
    const TransitPoint origin = filter->trend[0];
    double sum_x = 0, sum_y = 0, sum_xx = 0, sum_xy = 0;
    for (unsigned i = 0; i < filter->trend_count; i++) {
        const double x = (double)(filter->trend[i].at_ns - origin.at_ns) / 1e9;
        const double y = (double)(filter->trend[i].transit_ns - origin.transit_ns);
        sum_x += x;
        sum_y += y;
        sum_xx += x * x;
        sum_xy += x * y;
    }
    const double n = filter->trend_count;
    const double spread = n * sum_xx - sum_x * sum_x;
    if (spread <= 0)
        return 0;
    const double slope = (n * sum_xy - sum_x * sum_y) / spread; /* ns a second is ppb */
    if (slope > (double)SLOPE_MAX_PPB)
        return SLOPE_MAX_PPB;
    return slope < -(double)SLOPE_MAX_PPB ? -SLOPE_MAX_PPB : (int64_t)slope;
}

static void close_trend_point(TransitFilter *filter)
{
    filter->trend[filter->trend_next] = filter->trend_minimum;
    filter->trend_next = (filter->trend_next + 1) % TRANSIT_TREND_POINTS;
    if (filter->trend_count < TRANSIT_TREND_POINTS)
        filter->trend_count++;
    if (filter->trend_count >= TREND_MIN_POINTS)
        filter->slope_ppb = trend_slope(filter);
}

static void add_to_trend(TransitFilter *filter, int64_t transit_ns, int64_t arrival_ns)
{
    const bool is_first = filter->trend_begin_ns == 0;
    const bool is_over = arrival_ns - filter->trend_begin_ns >= TREND_NS;
    if (is_over && !is_first)
        close_trend_point(filter);
    if (is_over || is_first) {
        filter->trend_begin_ns = arrival_ns;
        filter->trend_minimum = (TransitPoint){arrival_ns, transit_ns};
    } else if (transit_ns < filter->trend_minimum.transit_ns) {
        filter->trend_minimum = (TransitPoint){arrival_ns, transit_ns};
    }
}

void transit_filter_move(TransitFilter *filter, int64_t by_ns)
{
    for (unsigned i = 0; i < TRANSIT_BUCKETS; i++)
        filter->buckets[i].transit_ns += by_ns;
    for (unsigned i = 0; i < TRANSIT_TREND_POINTS; i++)
        filter->trend[i].transit_ns += by_ns;
    filter->trend_minimum.transit_ns += by_ns;
}

void transit_filter_forget_trend(TransitFilter *filter)
{
    filter->trend_count = filter->trend_next = 0;
    filter->trend_begin_ns = 0;
}

void transit_filter_add(TransitFilter *filter, int64_t transit_ns, int64_t arrival_ns)
{
    add_to_trend(filter, transit_ns, arrival_ns);
    TransitPoint *last = &filter->buckets[filter->bucket_last];
    if (filter->bucket_count == 0 || arrival_ns - last->at_ns > WINDOW_NS) {
        filter->first_ns = arrival_ns;
        filter->bucket_count = 1;
        filter->bucket_last = 0;
        filter->buckets[0] = (TransitPoint){arrival_ns, transit_ns};
        return;
    }
    if (arrival_ns - last->at_ns < BUCKET_NS) {
        if (transit_ns < last->transit_ns)
            last->transit_ns = transit_ns;
        return;
    }
    filter->bucket_last = (filter->bucket_last + 1) % TRANSIT_BUCKETS;
    if (filter->bucket_count < TRANSIT_BUCKETS)
        filter->bucket_count++;
    filter->buckets[filter->bucket_last] = (TransitPoint){arrival_ns, transit_ns};
}

bool transit_filter_lowest(const TransitFilter *filter, int64_t now_ns, int64_t *ret_transit_ns)
{
    bool found = false;
    int64_t lowest_ns = 0;
    for (unsigned i = 0; i < filter->bucket_count; i++) {
        const TransitPoint *bucket = &filter->buckets[i];
        const int64_t age_ns = now_ns - bucket->at_ns;
        if (age_ns > WINDOW_NS)
            continue;
        const int64_t transit_ns = bucket->transit_ns + age_ns / 1000 * filter->slope_ppb / 1000000;
        if (!found || transit_ns < lowest_ns)
            lowest_ns = transit_ns;
        found = true;
    }
    if (found)
        *ret_transit_ns = lowest_ns;
    return found;
}

int64_t transit_filter_age(const TransitFilter *filter, int64_t now_ns)
{
    return filter->bucket_count == 0 ? 0 : now_ns - filter->first_ns;
}
