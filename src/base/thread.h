/* Named threads with a role. Every piece of mutable state belongs to one role, and the functions
 * that touch it say so: ASSERT_ON(ROLE_STORE). Threads are always joined; none is detached or
 * killed. */
#pragma once

#include "base/err.h"

enum role {
    ROLE_NONE = 0, /* a thread we did not start (tests); passes no ASSERT_ON */
    ROLE_MAIN,
    ROLE_CAPTURE,
    ROLE_VISION,
    ROLE_DETECT,
    ROLE_SCENE,
    ROLE_RISK,
    ROLE_LLM,
    ROLE_STORE,
    ROLE_SERVE,
};

struct thread;

/* Starts fn(arg) on a new thread. name is cut to 15 characters (the kernel's limit).
 * Fails with ERR_EXHAUSTED when the system has no thread to give. */
NODISCARD bool thread_start(struct thread **ret, enum role role, const char *name,
                            void (*fn)(void *arg), void *arg, struct err *err);

/* Waits for the thread to return and nulls *thread. NULL is fine. */
void thread_join(struct thread **thread);

/* As thread_join, but gives up after timeout_us and returns false, *thread untouched. */
NODISCARD bool thread_join_within(struct thread **thread, int64_t timeout_us);

enum role thread_role(void);

/* Tests and main() give their own thread a role. */
void thread_set_role(enum role role);

#define ASSERT_ON(role) ASSERT(thread_role() == (role))
