/* What is taken shows, and what is given back does not. */
#include "test.h"

#include "base/process.h"
#include "base/thread.h"

#include <fcntl.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void memory_that_is_used_shows(void **state)
{
    (void)state;
    enum { BYTES = 64 << 20 };
    struct process_usage before = process_usage();
    CHECK(before.resident_bytes > 0 && before.anonymous_bytes > 0);
    CHECK(before.anonymous_bytes <= before.resident_bytes);
    char *memory = malloc(BYTES);
    CHECK(memory);
    memset(memory, 1, BYTES);
    struct process_usage with = process_usage();
    CHECK(memory[BYTES / 2] == 1);
    free(memory);
    CHECK(with.anonymous_bytes - before.anonymous_bytes > BYTES / 2);
}

/* Sanitizers bring an allocator of their own, which keeps what is freed. */
#ifdef __has_feature
#define SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED true
#else
#define SANITIZED false
#endif

/* Out of the compiler's sight, or it would leave the block out. */
static char *block_new(size_t bytes)
{
    char *volatile block = malloc(bytes);
    CHECK(block);
    memset(block, 1, bytes);
    return block;
}

/* One that has been freed teaches glibc not to map blocks of its size, unless it was told. */
static void large_blocks_go_back_though_small_ones_stay(void **state)
{
    (void)state;
    enum { BYTES = 1 << 20, BLOCKS = 64 };
    if (SANITIZED)
        skip();
    process_keep_lean();
    free(block_new((size_t)8 * BYTES));
    char *large[BLOCKS], *small[BLOCKS];
    for (int i = 0; i < BLOCKS; i++) {
        large[i] = block_new(BYTES);
        small[i] = block_new(16);
    }
    struct process_usage with = process_usage();
    for (int i = 0; i < BLOCKS; i++)
        free(large[i]);
    struct process_usage after = process_usage();
    for (int i = 0; i < BLOCKS; i++)
        free(small[i]);
    CHECK(with.anonymous_bytes - after.anonymous_bytes > (int64_t)BYTES * BLOCKS / 2);
}

static void wait_for_it(void *arg)
{
    while (sem_wait(arg) != 0)
        continue;
}

static void descriptors_and_threads_are_counted(void **state)
{
    (void)state;
    sem_t semaphore;
    sem_init(&semaphore, 0, 0);
    struct thread *first, *second;
    /* A race checker brings a thread of its own along with the first. */
    CHECK(thread_start(&first, ROLE_NONE, "waits", wait_for_it, &semaphore, NULL));
    struct process_usage before = process_usage();
    CHECK(before.descriptors >= 3 && before.threads >= 2);
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    CHECK(thread_start(&second, ROLE_NONE, "waits", wait_for_it, &semaphore, NULL));
    struct process_usage with = process_usage();
    sem_post(&semaphore);
    sem_post(&semaphore);
    thread_join(&first);
    thread_join(&second);
    close(fd);
    CHECK_INT(with.descriptors, before.descriptors + 1);
    CHECK_INT(with.threads, before.threads + 1);
    CHECK_INT(process_usage().descriptors, before.descriptors);
    sem_destroy(&semaphore);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_that_is_used_shows),
        cmocka_unit_test(large_blocks_go_back_though_small_ones_stay),
        cmocka_unit_test(descriptors_and_threads_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
