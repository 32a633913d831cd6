/* What is read of a node lies inside of it; written again as a node, it is read as the same (E1,
 * E2).
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "value/dag_pb.h"

#include <copse/buf.h>

#include "base/protobuf.h"
#include "support/fuzz.h"

static void fuzz_field(copse_buf *buf, uint32_t number, copse_bytes bytes)
{
    fuzz_must(copse_protobuf_write_bytes(buf, number, bytes) == COPSE_OK);
}

/* Writes the node that `input` is; false: it is none. */
static bool fuzz_rewrite(copse_bytes input, copse_buf *node, copse_buf *link_buf)
{
    copse_dag_pb_reader reader;
    copse_dag_pb_link link;
    copse_status status;
    copse_dag_pb_reader_init(&reader, input);
    while ((status = copse_dag_pb_next(&reader, &link, NULL)) == COPSE_OK) {
        fuzz_must(link.name.len == 0 || (link.name.ptr >= input.ptr &&
                                         link.name.ptr + link.name.len <= input.ptr + input.len));
        copse_buf_truncate(link_buf, 0);
        fuzz_field(link_buf, 1, (copse_bytes){link.cid.bytes, link.cid.size});
        fuzz_field(link_buf, 2, link.name);
        fuzz_field(node, 2, copse_buf_view(link_buf));
    }
    if (status == COPSE_END && reader.has_data) {
        fuzz_field(node, 1, reader.data);
    }
    return status == COPSE_END;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    copse_env env;
    copse_buf once;
    copse_buf twice;
    copse_buf link;
    copse_bytes input = {data, size};
    copse_unixfs_kind kind;
    copse_env_init(&env);
    /* A link of a CID without a name becomes two bytes longer at most. */
    copse_buf_init(&once, &env, 2 * size + 16);
    copse_buf_init(&twice, &env, 2 * size + 16);
    copse_buf_init(&link, &env, size + 16);
    bool is_node = fuzz_rewrite(input, &once, &link);
    fuzz_must(is_node == (copse_unixfs_kind_of(input, &kind, NULL) == COPSE_OK));
    if (is_node) {
        copse_unixfs_kind again;
        fuzz_must(fuzz_rewrite(copse_buf_view(&once), &twice, &link));
        fuzz_must(copse_bytes_equal(copse_buf_view(&once), copse_buf_view(&twice)));
        fuzz_must(copse_unixfs_kind_of(copse_buf_view(&once), &again, NULL) == COPSE_OK);
        fuzz_must(again == kind);
    }
    copse_buf_release(&once);
    copse_buf_release(&twice);
    copse_buf_release(&link);
    return 0;
}
