/* hsi fsck: whether what the store keeps agrees, and mending it. */
#include "cli/args.h"
#include "cli/cli.h"
#include "store/fsck.h"

#include <stdio.h>

struct fsck_args {
    char data[256];
    bool repair;
};

static const struct opt fsck_flags[] = {
    {"data", OPT_TEXT(struct fsck_args, data), .unit = "DIR",
     .help =
         "The directory of the store, as storage.path names it; without it the one that is used "
         "where nothing is configured."},
    {"repair", OPT_BOOL(struct fsck_args, repair),
     .help = "Mend what follows from something else that is kept. Not while hsi runs."},
    {0},
};

static const struct section fsck_section = {
    .name = "fsck", .bytes = sizeof(struct fsck_args), .rows = fsck_flags};

static const struct args_spec fsck_spec = {
    .command = "fsck",
    .help =
        "Checks that the store's database, events and pictures agree, and prints a line for "
        "each thing that does not. Without --repair nothing is changed, and hsi may be running. "
        "Ends with 0 if all is well or mended, otherwise with 1. Events are never deleted.",
    .flags = &fsck_section,
};

/* Texts come out of a database that anybody may have written: no control characters reach the
 * terminal. */
static void print_text(const char *text)
{
    for (; *text; text++)
        putchar((unsigned char)*text < ' ' || *text == 0x7f ? '?' : *text);
}

static void print_finding(const struct fsck_finding *finding)
{
    printf("%s: ", finding->is_note ? "note" : finding->what);
    print_text(finding->where);
    printf(": ");
    print_text(finding->text);
}

static void print_found(void *ctx, const struct fsck_finding *finding)
{
    const struct fsck_args *args = ctx;
    print_finding(finding);
    if (finding->is_note)
        printf("\n");
    else if (!finding->mends)
        printf(" (cannot be mended without guessing)\n");
    else if (args->repair)
        printf(" (mended: %s)\n", finding->mends);
    else if (finding->by_start)
        printf(" (--repair: %s; the next start of hsi too)\n", finding->mends);
    else
        printf(" (--repair: %s)\n", finding->mends);
}

static void print_left(void *ctx, const struct fsck_finding *finding)
{
    (void)ctx;
    printf("left: ");
    print_finding(finding);
    printf("\n");
}

static void print_summary(const struct fsck_args *args, const struct fsck_result *r)
{
    printf("%s: %lld events, %lld changes, %lld pictures, %lld uploads, %lld camera events; ",
           r->dir, (long long)r->events, (long long)r->changes, (long long)r->pictures,
           (long long)r->uploads, (long long)r->camera_events);
    if (r->found == 0)
        printf("nothing is wrong");
    else if (args->repair)
        printf("%d finding%s, %d left", r->found, r->found == 1 ? "" : "s", r->left);
    else
        printf("%d finding%s, %d of them mended by the next start of hsi", r->found,
               r->found == 1 ? "" : "s", r->start);
    if (r->in_use)
        printf(" (hsi is running, process %ld: what it is writing was left out)", r->in_use);
    printf("\n");
}

int cli_fsck(int argc, char **argv)
{
    struct fsck_args args;
    struct args_rest rest;
    int code;
    if (!args_begin(&fsck_spec, &args, argc, argv, &rest, &code))
        return code;
    const struct fsck_params params = {
        .dir = args.data,
        .repair = args.repair,
        .found = print_found,
        .left = print_left,
        .ctx = &args,
    };
    struct fsck_result result;
    struct err err = {0};
    if (!store_fsck(&params, &result, &err))
        return args_fail(&err);
    print_summary(&args, &result);
    return result.left == 0 ? EXIT_OK : EXIT_FAILED;
}
