/* The timers of a net thread's libnice agents, in a context of their own: GLib looks at each source
 * of a context in each turn, and an agent whose path is read without it has nothing to do but to
 * keep that alive. All timers run on time while any agent is at work, else when somebody looks.
 * Thread: net. */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef struct AgentLoop AgentLoop;

/* A source of the thread's context. */
AgentLoop *agent_loop_new(GMainContext *context);
/* Agents that are not done with closing by then never are. */
void agent_loop_free(AgentLoop *loop);

/* For the agents; borrowed. */
GMainContext *agent_loop_context(AgentLoop *loop);

/* Runs what is due. */
void agent_loop_look(AgentLoop *loop);

/* An agent looks for a path, carries what goes over it, or closes; each needs its end. */
void agent_loop_begin_work(AgentLoop *loop);
void agent_loop_end_work(AgentLoop *loop);
bool agent_loop_is_at_work(const AgentLoop *loop);
