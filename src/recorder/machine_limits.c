#include "recorder/machine_limits.h"

#include <fcntl.h>
#include <glib.h>
#include <malloc.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"

/* One of signalling, up to eight of ICE, two of its events, a file, its sidecar and their copies;
 * twice that while it reconnects. */
#define DESCRIPTORS_PER_RECORDING 24
#define DESCRIPTORS_KEPT 16 /* for those that run, and for callers */
#define MAX_PROBED 512
#define RETURN_EVERY_NS (10 * NS_PER_SECOND)

static unsigned count_free(unsigned wanted)
{
    int taken[MAX_PROBED];
    unsigned count = 0;
    while (count < wanted && (taken[count] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
        count++;
    for (unsigned i = 0; i < count; i++)
        close(taken[i]);
    return count;
}

void machine_return_memory(MemoryReturn *memory, int64_t now_ns)
{
    if (!memory->is_wanted || now_ns - memory->last_ns < RETURN_EVERY_NS)
        return;
    *memory = (MemoryReturn){.last_ns = now_ns};
    malloc_trim(0);
}

bool machine_has_descriptors(unsigned recordings, Outcome *ret_refusal)
{
    unsigned wanted = DESCRIPTORS_KEPT + recordings * DESCRIPTORS_PER_RECORDING;
    if (wanted > MAX_PROBED)
        wanted = MAX_PROBED;
    const unsigned found = count_free(wanted);
    if (found == wanted)
        return true;
    struct rlimit limit = {0};
    getrlimit(RLIMIT_NOFILE, &limit);
    outcome_set(ret_refusal, OUTCOME_FAILED, CODE_NO_CAPACITY,
                "The process may open %u further files and sockets, but up to %u are needed; its "
                "limit is %llu. Stop a recording, or raise the limit (LimitNOFILE, ulimit -n).",
                found, wanted, (unsigned long long)limit.rlim_cur);
    return false;
}

unsigned machine_cores(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        return (unsigned)CPU_COUNT(&set);
    return g_get_num_processors();
}
