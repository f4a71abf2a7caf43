/* What comes from the election port and from configuration files: notifications, which drive an
 * election that looks, and the configuration texts that they carry. The first byte says who sent it
 * and when. */
#include "base/memory.h"
#include "zookeeper/core/election.h"

#define SERVERS "server.1=a:1:2\nserver.2=b:1:2\nserver.3=c:1:2\nserver.4=d:1:2:observer\nversion=5"

/* What is accepted prints to something that reads the same. */
static void parse_config(struct slice text)
{
    struct quorum_config *config;
    char problem[64];
    if (quorum_config_parse(text, &config, problem, sizeof problem) != 0) {
        ASSERT(config == NULL && problem[0] != '\0');
        return;
    }
    struct quorum_config *again = quorum_config_at_version(config, config->version);
    ASSERT(quorum_config_same_members(config, again) && config->version == again->version);
    int64_t ids[QUORUM_SERVERS_MAX];
    for (uint32_t i = 0; i < config->server_count; i++) {
        ids[i] = config->servers[i].id;
    }
    /* all together decide, unless those who count are nobody or weigh nothing */
    (void)quorum_config_is_quorum(config, ids, config->server_count);
    ASSERT(!quorum_config_is_quorum(config, ids, 0));
    struct buffer file;
    buffer_init(&file, SIZE_MAX);
    quorum_config_file_text(config, true, &file);
    buffer_release(&file);
    quorum_config_drop(again);
    quorum_config_drop(config);
}

static void hear(struct slice bytes, int64_t sender, uint64_t now_ms)
{
    static const struct election_config config = {.server_id = 2,
                                                  .reconfig_enabled = true,
                                                  .finalize_ms = 200,
                                                  .notification_ms = 200,
                                                  .notification_max_ms = 60000};
    struct notification notification;
    struct election election;
    struct quorum_config *members;
    struct zk_outbox outbox;
    if (election_decode(sender, bytes, &notification) != 0) {
        return;
    }
    parse_config(notification.config);
    int error = quorum_config_parse(SLICE_LIT(SERVERS), &members, NULL, 0);
    ASSERT(error == 0);
    zk_outbox_init(&outbox);
    election_init(&election, &config);
    election_start(&election, members, 7, 1, 0, &outbox);
    enum election_outcome outcome = election_notified(&election, &notification, now_ms, &outbox);
    election_check(&election);
    if (outcome == ELECTION_GOES_ON) {
        (void)election_tick(&election, now_ms + 200, &outbox);
        election_check(&election);
    }
    if (!election.is_looking) {
        election_settle(&election, election.state, 2, &outbox);
        (void)election_notified(&election, &notification, now_ms + 300, &outbox);
        election_check(&election);
    }
    election_release(&election);
    zk_outbox_release(&outbox);
    quorum_config_drop(members);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice bytes = slice_of(data, size);
    size_t used = mem_used();
    parse_config(bytes);
    if (size > 0) {
        hear(slice_part(bytes, 1, size), data[0] & 7, data[0] >> 3);
    }
    ASSERT(mem_used() == used);
    return 0;
}
