/* Posts an output's events to the mailbox of whoever asked for it.
 * Thread: the sink's; the callbacks run where the mailbox is drained. */
#pragma once

#include "sink/output.h"

void output_report_opened(const OutputEvents *events, const char *path, Container container);
void output_report_track_started(const OutputEvents *events, unsigned track_id);
void output_report_need_keyframe(const OutputEvents *events, unsigned track_id);
void output_report_failed(const OutputEvents *events, const Outcome *outcome);
void output_report_track_failed(const OutputEvents *events, unsigned track_id,
                                const Outcome *outcome);

/* Takes over what `result` holds and clears it. `done` is set before the callback runs. */
void output_report_finished(const OutputEvents *events, OutputResult *result, bool *done);
