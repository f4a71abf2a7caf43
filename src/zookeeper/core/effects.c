/* effects.c - the outbox: an array of effects and one run of bytes that they point into.
 *
 * Both grow to what the busiest turn of the host needed and stay there (up to OUTBOX_KEEP_*), so a
 * settled server allocates nothing here.
 */
#include "zookeeper/core/effects.h"

#include "base/memory.h"
#include "zookeeper/core/quorum.h"

#define OUTBOX_FIRST_EFFECTS ((size_t)64)
#define OUTBOX_KEEP_BYTES ((size_t)4 << 20)
#define OUTBOX_KEEP_EFFECTS ((size_t)16384)

void zk_outbox_init(struct zk_outbox *outbox)
{
    *outbox = (struct zk_outbox){0};
    buffer_init(&outbox->bytes, SIZE_MAX);
}

static void drop_configs(struct zk_outbox *outbox)
{
    for (size_t i = 0; outbox->config_count > 0 && i < outbox->count; i++) {
        if (outbox->effects[i].config != NULL) {
            quorum_config_drop(outbox->effects[i].config);
            outbox->config_count -= 1;
        }
    }
}

void zk_outbox_add_config(struct zk_outbox *outbox, struct quorum_config *config, bool is_committed)
{
    struct zk_effect *effect = zk_outbox_add(outbox, ZK_EFFECT_PEER);
    effect->peer_kind = PEER_EFFECT_CONFIG;
    effect->config = quorum_config_keep(config);
    effect->is_committed = is_committed;
    outbox->config_count += 1;
}

void zk_outbox_release(struct zk_outbox *outbox)
{
    drop_configs(outbox);
    mem_free(outbox->effects, outbox->cap * sizeof *outbox->effects);
    buffer_release(&outbox->bytes);
    zk_outbox_init(outbox);
}

void zk_outbox_clear(struct zk_outbox *outbox)
{
    drop_configs(outbox);
    outbox->count = 0;
    buffer_clear(&outbox->bytes, OUTBOX_KEEP_BYTES);
    if (outbox->cap > OUTBOX_KEEP_EFFECTS) {
        mem_free(outbox->effects, outbox->cap * sizeof *outbox->effects);
        outbox->effects = NULL;
        outbox->cap = 0;
    }
}

struct zk_effect *zk_outbox_add(struct zk_outbox *outbox, enum zk_effect_kind kind)
{
    if (UNLIKELY(outbox->count == outbox->cap)) {
        size_t cap = MAX(outbox->cap * 2, OUTBOX_FIRST_EFFECTS);
        outbox->effects = mem_realloc(outbox->effects, outbox->cap * sizeof *outbox->effects,
                                      cap * sizeof *outbox->effects);
        outbox->cap = cap;
    }
    struct zk_effect *effect = &outbox->effects[outbox->count++];
    *effect = (struct zk_effect){.kind = kind};
    return effect;
}
