#include "recorder/track_plan.h"

#include <stdio.h>

/* The ceiling is turned with a portrait picture. */
static bool fits(TrackSize size, const Quality *quality)
{
    const bool is_portrait = size.height > size.width;
    const uint32_t width = is_portrait ? size.height : size.width;
    const uint32_t height = is_portrait ? size.width : size.height;
    return quality->max_height == 0 ||
           (width <= quality->max_width && height <= quality->max_height);
}

static uint32_t longer_side(TrackSize size)
{
    return size.width > size.height ? size.width : size.height;
}

static uint32_t longest_allowed(TrackSize size, const Quality *quality)
{
    const uint64_t longer = longer_side(size);
    const uint64_t shorter = size.width + size.height - longer;
    if (shorter == 0)
        return quality->max_width;
    const uint64_t by_height = longer * quality->max_height / shorter;
    return by_height < quality->max_width ? (uint32_t)by_height : quality->max_width;
}

void track_facts_update(TrackFacts *facts, Codec codec, TrackSize size)
{
    const uint32_t announced = longer_side(facts->size), arrived = longer_side(size);
    facts->codec = codec;
    if (arrived <= announced)
        return;
    for (unsigned i = 0; i < facts->layer_count && announced > 0; i++) {
        facts->layers[i].width = (uint32_t)((uint64_t)facts->layers[i].width * arrived / announced);
        facts->layers[i].height =
            (uint32_t)((uint64_t)facts->layers[i].height * arrived / announced);
    }
    facts->size = size;
}

/* The largest that fits; false when there is none. */
static bool find_layer(const TrackFacts *facts, const Quality *quality, TrackSize *ret_layer)
{
    *ret_layer = (TrackSize){0};
    for (unsigned i = 0; i < facts->layer_count; i++) {
        const TrackSize layer = facts->layers[i];
        if (layer.height > ret_layer->height && fits(layer, quality))
            *ret_layer = layer;
    }
    return ret_layer->height > 0;
}

static void explain_encoding(TrackPlan *plan, const TrackFacts *facts, const Format *format,
                             const Quality *quality, bool keeps)
{
    if (keeps)
        snprintf(plan->why, sizeof plan->why, "%ux%u is over the %ux%u of the preset %s.",
                 facts->size.width, facts->size.height, quality->max_width, quality->max_height,
                 quality->name);
    else
        snprintf(plan->why, sizeof plan->why, "The format %s wants %s, not %s.", format->name,
                 codec_name(plan->codec), codec_name(facts->codec));
}

static void refuse(TrackPlan *plan, const TrackFacts *facts, const Format *format)
{
    plan->treatment = TREATMENT_REFUSED;
    snprintf(plan->why, sizeof plan->why, "%s does not go into %s without encoding.",
             codec_name(facts->codec), format->name);
}

TrackPlan track_plan_make(const TrackFacts *facts, const Format *format, const Quality *quality)
{
    TrackPlan plan = {
        .treatment = TREATMENT_PASSTHROUGH, .codec = facts->codec, .size = facts->size};
    const Encoding encoding = format_encoding(format, quality, facts->kind);
    const bool keeps = facts->codec == CODEC_UNKNOWN || format_keeps(format, quality, facts->codec);
    const bool is_small = facts->kind == TRACK_AUDIO || fits(facts->size, quality);
    const bool has_layer = !is_small && find_layer(facts, quality, &plan.layer);
    if (has_layer) {
        plan.size = plan.layer;
        plan.longest = longest_allowed(facts->size, quality);
    }
    if (keeps && is_small) {
        plan.awaits_size = facts->kind == TRACK_VIDEO && facts->size.height == 0 &&
                           quality->max_height > 0 && encoding != ENCODING_NONE;
        const char *where = format_encodes(format) ? format->name : "the file";
        snprintf(plan.why, sizeof plan.why, "%s goes into %s as published.",
                 codec_name(facts->codec), where);
        return plan;
    }
    if (keeps && has_layer) {
        plan.treatment = TREATMENT_LAYER;
        snprintf(plan.why, sizeof plan.why, "The %ux%u layer is the largest within the preset %s.",
                 plan.layer.width, plan.layer.height, quality->name);
        return plan;
    }
    if (encoding == ENCODING_NONE) {
        if (!keeps)
            refuse(&plan, facts, format);
        else
            snprintf(plan.why, sizeof plan.why, "The format %s never encodes.", format->name);
        return plan;
    }
    plan.treatment = TREATMENT_TRANSCODE;
    plan.encoding = encoding;
    plan.codec = encoding_codec(encoding);
    explain_encoding(&plan, facts, format, quality, keeps);
    return plan;
}
