/* The library's side: text to tree, and its complaints in the words of somebody who did not ask for
 * a YAML course. */
#include "base/conf/internal.h"

#include <ctype.h>
#include <libfyaml.h>
#include <stdio.h>
#include <string.h>

/* Byte offset of the character at line and column, both from 1. */
static size_t offset_of(const struct conf_reader *r, int line, int column)
{
    if (line < 1)
        return 0;
    if (line > r->line_count)
        return r->bytes;
    size_t pos = r->lines[line - 1];
    size_t end = r->lines[line];
    for (int i = 1; i < column && pos < end; i++) {
        pos++;
        while (pos < end && ((unsigned char)r->text[pos] & 0xc0) == 0x80)
            pos++;
    }
    return MIN(pos, r->bytes);
}

static void diag_free(struct fy_diag **diag)
{
    fy_diag_destroy(*diag);
    *diag = NULL;
}

/* One attempt. *ret_failed: the library complained, and that was reported. *ret_pos is where it
 * gave up, *ret_blame what is to blame. */
static struct fy_document *parse_once(struct conf_reader *r, const char *work, bool *ret_failed,
                                      size_t *ret_pos, size_t *ret_blame)
{
    struct fy_diag_cfg quiet;
    fy_diag_cfg_default(&quiet);
    quiet.fp = NULL;
    AUTO(diag_free) struct fy_diag *diag = fy_diag_create(&quiet);
    ASSERT(diag);
    fy_diag_set_collect_errors(diag, true);
    struct fy_parse_cfg cfg = {
        /* Duplicates are found by the reader, which knows where the first one is. */
        .flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG | FYPCF_ALLOW_DUPLICATE_KEYS | FYPCF_JSON_NONE |
                 FYPCF_SLOPPY_FLOW_INDENTATION | FYPCF_DEFAULT_VERSION_1_2,
        .diag = diag,
    };
    struct fy_document *document = fy_document_build_from_string(&cfg, work, r->bytes);
    void *iterator = NULL;
    struct fy_diag_error *error = fy_diag_errors_iterate(diag, &iterator);
    *ret_failed = error != NULL;
    if (!error)
        return document;
    *ret_pos = offset_of(r, error->line, error->column);
    *ret_blame = conf_syntax_report(r, *ret_pos, error->msg);
    if (document)
        fy_document_destroy(document);
    return NULL;
}

struct fy_document *conf_yaml_parse(struct conf_reader *r, char *work)
{
    for (int attempt = 0; attempt <= CONF_ERRORS_MAX; attempt++) {
        bool failed;
        size_t pos, blame;
        struct fy_document *document = parse_once(r, work, &failed, &pos, &blame);
        if (!failed && !document && !r->partial)
            conf_report(r, 0, 0, "begin with 'cameras:'; 'hsi config docs' lists every option",
                        "the file is empty");
        if (!failed)
            return document;
        if (!conf_block_blank(r, work, blame) && !conf_block_blank(r, work, pos))
            return NULL;
    }
    return NULL;
}

/* From the first scalar inside a flow collection back to its own bracket, levels brackets away. */
static size_t bracket_before(const struct conf_reader *r, size_t pos, int levels)
{
    size_t bracket = pos;
    for (size_t i = pos; i-- > 0 && levels > 0;) {
        char c = r->text[i];
        if (c == '[' || c == '{') {
            bracket = i;
            levels--;
        } else if (c != ' ' && c != '"' && c != '\'') {
            break;
        }
    }
    return bracket;
}

size_t conf_node_pos(const struct conf_reader *r, struct fy_node *node, size_t fallback,
                     size_t *ret_span)
{
    size_t span = 0;
    if (!ret_span)
        ret_span = &span;
    *ret_span = 0;
    int levels = 0;
    bool flow = node && fy_node_get_style(node) == FYNS_FLOW;
    for (int depth = 0; node && !fy_node_is_scalar(node) && depth < CONF_DEPTH_MAX; depth++) {
        void *iterator = NULL;
        levels++;
        if (fy_node_is_sequence(node)) {
            node = fy_node_sequence_iterate(node, &iterator);
        } else {
            struct fy_node_pair *pair = fy_node_mapping_iterate(node, &iterator);
            node = pair ? fy_node_pair_key(pair) : NULL;
        }
    }
    struct fy_token *token = node ? fy_node_get_scalar_token(node) : NULL;
    struct fy_token *tag = node ? fy_node_get_tag_token(node) : NULL;
    const struct fy_mark *start = token ? fy_token_start_mark(token) : NULL;
    const struct fy_mark *end = token ? fy_token_end_mark(token) : NULL;
    const struct fy_mark *before = tag ? fy_token_start_mark(tag) : NULL;
    if (!start || start->input_pos > r->bytes)
        return fallback;
    size_t from = start->input_pos;
    size_t to = end ? MIN(end->input_pos, r->bytes) : from;
    enum fy_node_style style = fy_node_get_style(node);
    if (style == FYNS_LITERAL || style == FYNS_FOLDED)
        return fallback;
    bool quoted = style == FYNS_DOUBLE_QUOTED || style == FYNS_SINGLE_QUOTED;
    if ((quoted || style == FYNS_ALIAS) && from > 0)
        from--;
    if (quoted && to < r->bytes)
        to++;
    if (before && before->input_pos < from)
        from = before->input_pos;
    bool one_line = to > from && !memchr(r->text + from, '\n', to - from);
    *ret_span = levels > 0 || !one_line ? 0 : to - from;
    return levels > 0 && flow ? bracket_before(r, from, levels) : from;
}

/* What the node's token covers of the text, without its quotes. False: it has no place. */
static bool token_range(const struct conf_reader *r, struct fy_node *node, size_t *ret_from,
                        size_t *ret_to)
{
    struct fy_token *token = fy_node_get_scalar_token(node);
    const struct fy_mark *start = token ? fy_token_start_mark(token) : NULL;
    const struct fy_mark *end = token ? fy_token_end_mark(token) : NULL;
    if (!start || !end || end->input_pos > r->bytes || start->input_pos > end->input_pos)
        return false;
    *ret_from = start->input_pos;
    *ret_to = end->input_pos;
    return true;
}

size_t conf_node_second_line(const struct conf_reader *r, struct fy_node *node)
{
    size_t from, to;
    if (!token_range(r, node, &from, &to))
        return SIZE_MAX;
    const char *end = r->text + to;
    const char *p = memchr(r->text + from, '\n', to - from);
    while (p && p < end && strchr(" \t\r\n", *p))
        p++;
    return p && p < end ? (size_t)(p - r->text) : SIZE_MAX;
}

char *conf_node_text(const struct conf_reader *r, struct fy_node *node, size_t *ret_bytes)
{
    if (!node || !fy_node_is_scalar(node))
        return NULL;
    size_t bytes = 0, from, to;
    char *copy;
    if (fy_node_get_style(node) == FYNS_SINGLE_QUOTED && token_range(r, node, &from, &to)) {
        /* Asking the library leaks in 0.7.12 where there are many quotes inside. */
        copy = xcalloc(to - from + 1, 1);
        for (size_t i = from; i < to; i++) {
            copy[bytes++] = r->text[i];
            i += r->text[i] == '\'' && i + 1 < to;
        }
    } else {
        const char *text = fy_node_get_scalar(node, &bytes);
        copy = xcalloc(bytes + 1, 1);
        if (text)
            memcpy(copy, text, bytes);
    }
    if (ret_bytes)
        *ret_bytes = bytes;
    return copy;
}
