#include "sink/output_report.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

typedef struct {
    OutputEvents events;
    char *path;
    Container container;
    unsigned track_id;
    Outcome outcome;
    OutputResult *result; /* finished only */
    bool *done;
} Report;

static Report *report_new(const OutputEvents *events)
{
    Report *report = calloc(1, sizeof *report);
    require(report != NULL);
    report->events = *events;
    return report;
}

static void report_free(Report *report)
{
    if (report->result != NULL)
        output_result_clear(report->result);
    free(report->result);
    free(report->path);
    free(report);
}

static void post(Report *report, MailboxFn run)
{
    mailbox_post(report->events.mailbox, run, report->events.owner, report);
}

static void run_opened(void *owner, void *message)
{
    Report *report = message;
    report->events.opened(owner, report->path, report->container);
    report_free(report);
}

static void run_track_started(void *owner, void *message)
{
    Report *report = message;
    report->events.track_started(owner, report->track_id);
    report_free(report);
}

static void run_need_keyframe(void *owner, void *message)
{
    Report *report = message;
    report->events.need_keyframe(owner, report->track_id);
    report_free(report);
}

static void run_failed(void *owner, void *message)
{
    Report *report = message;
    report->events.failed(owner, &report->outcome);
    report_free(report);
}

static void run_track_failed(void *owner, void *message)
{
    Report *report = message;
    report->events.track_failed(owner, report->track_id, &report->outcome);
    report_free(report);
}

static void run_finished(void *owner, void *message)
{
    Report *report = message;
    *report->done = true;
    report->events.finished(owner, report->result);
    report_free(report);
}

void output_report_opened(const OutputEvents *events, const char *path, Container container)
{
    Report *report = report_new(events);
    report->path = strdup(path);
    require(report->path != NULL);
    report->container = container;
    post(report, run_opened);
}

void output_report_track_started(const OutputEvents *events, unsigned track_id)
{
    Report *report = report_new(events);
    report->track_id = track_id;
    post(report, run_track_started);
}

void output_report_need_keyframe(const OutputEvents *events, unsigned track_id)
{
    Report *report = report_new(events);
    report->track_id = track_id;
    post(report, run_need_keyframe);
}

void output_report_failed(const OutputEvents *events, const Outcome *outcome)
{
    Report *report = report_new(events);
    report->outcome = *outcome;
    post(report, run_failed);
}

void output_report_track_failed(const OutputEvents *events, unsigned track_id,
                                const Outcome *outcome)
{
    Report *report = report_new(events);
    report->track_id = track_id;
    report->outcome = *outcome;
    post(report, run_track_failed);
}

void output_report_finished(const OutputEvents *events, OutputResult *result, bool *done)
{
    Report *report = report_new(events);
    report->result = malloc(sizeof *result);
    require(report->result != NULL);
    *report->result = *result;
    memset(result, 0, sizeof *result);
    report->done = done;
    post(report, run_finished);
}
