#include "base/thread.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define THREAD_NAME_BYTES 16 /* the kernel's limit, with the terminator */

/* 1 MiB: ten times the deepest stack seen (libavformat probing), a fraction of the default 8. */
#define THREAD_STACK_BYTES (1 << 20)

struct thread {
    pthread_t handle;
    enum role role;
    char name[THREAD_NAME_BYTES];
    void (*fn)(void *arg);
    void *arg;

    pthread_mutex_t lock;
    pthread_cond_t returned;
    bool has_returned; /* protected by lock */
};

static _Thread_local enum role current_role;

enum role thread_role(void)
{
    return current_role;
}

void thread_set_role(enum role role)
{
    current_role = role;
}

static void *thread_main(void *arg)
{
    struct thread *t = arg;
    current_role = t->role;
    pthread_setname_np(pthread_self(), t->name);
    t->fn(t->arg);
    pthread_mutex_lock(&t->lock);
    t->has_returned = true;
    pthread_cond_signal(&t->returned);
    pthread_mutex_unlock(&t->lock);
    return NULL;
}

static void thread_free(struct thread **thread)
{
    pthread_mutex_destroy(&(*thread)->lock);
    pthread_cond_destroy(&(*thread)->returned);
    free(*thread);
    *thread = NULL;
}

bool thread_start(struct thread **ret, enum role role, const char *name, void (*fn)(void *arg),
                  void *arg, struct err *err)
{
    struct thread *t = NEW(struct thread);
    t->role = role;
    t->fn = fn;
    t->arg = arg;
    STR_COPY(t->name, name);
    pthread_mutex_init(&t->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&t->returned, &monotonic);
    pthread_condattr_destroy(&monotonic);

    /* Signals are the main thread's business; a new thread inherits this mask. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, THREAD_STACK_BYTES);
    int rc = pthread_create(&t->handle, &attr, thread_main, t);
    pthread_attr_destroy(&attr);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc) {
        thread_free(&t);
        return err_set(err, ERR_EXHAUSTED, "cannot start thread %s: %s", name, strerror(rc));
    }
    *ret = t;
    return true;
}

void thread_join(struct thread **thread)
{
    if (!*thread)
        return;
    pthread_join((*thread)->handle, NULL);
    thread_free(thread);
}

/* Not the C library's join with a timeout: race checkers do not know that one. */
bool thread_join_within(struct thread **thread, int64_t timeout_us)
{
    struct thread *t = *thread;
    if (!t)
        return true;
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t ns = until.tv_nsec + timeout_us % 1000000 * 1000;
    until.tv_sec += timeout_us / 1000000 + ns / 1000000000;
    until.tv_nsec = ns % 1000000000;
    int rc = 0;
    pthread_mutex_lock(&t->lock);
    while (!t->has_returned && rc != ETIMEDOUT)
        rc = pthread_cond_timedwait(&t->returned, &t->lock, &until);
    bool returned = t->has_returned;
    pthread_mutex_unlock(&t->lock);
    if (returned)
        thread_join(thread);
    return returned;
}
