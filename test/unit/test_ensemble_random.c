/* Ensembles in memory under random faults: servers die and come back, ways are cut, disks stall,
 * and everything that is on its way arrives in any order that it may. What was answered is never
 * lost; in the end all trees are the same; somebody leads. */
#include "support_ensemble.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define SEEDS 200
#define ROUNDS 12
#define CLIENTS 3
#define WRITES_MAX 4096

struct run {
    struct ensemble ensemble;
    struct random random;
    struct test_client clients[CLIENTS];
    struct ensemble_peer *at[CLIENTS]; /* NULL: not connected */
    int32_t xids[CLIENTS];             /* of the write that is under way; 0: none */
    int names[CLIENTS];
    bool is_written[WRITES_MAX]; /* answered: must be there at the end */
    int next_name;
};

static void name_of(int number, char name[16])
{
    struct buffer text;
    buffer_init(&text, SIZE_MAX);
    buffer_append_cstr(&text, "/n");
    buffer_append_unsigned(&text, (uint64_t)number);
    memcpy(name, text.data, text.len);
    name[text.len] = 0;
    buffer_release(&text);
}

/* Drops a connection that is over; sends a write where none is under way. */
static void client_turn(struct run *run, size_t i)
{
    static const uint8_t zeros[SESSION_PASSWORD_BYTES] = {0};
    struct test_client *client = &run->clients[i];
    struct ensemble *ensemble = &run->ensemble;
    if (run->at[i] != NULL && (client->is_closed || !client->is_open)) {
        ensemble_client_drop(run->at[i], client);
        run->at[i] = NULL;
        run->xids[i] = 0;
    }
    if (run->at[i] == NULL) {
        struct ensemble_peer *peer = &ensemble->peers[random_below(&run->random, ensemble->count)];
        if (peer->is_up && peer->peer.is_serving) {
            ensemble_client_open(peer, client);
            run->at[i] = peer;
            ensemble_send_connect(peer, client, 0, zeros, false);
            run->xids[i] = -1;
        }
        return;
    }
    if (run->xids[i] == -1) {
        if (client->received.len > client->read_at) {
            assert_int_equal(test_connect_answer(client), 10000);
            run->xids[i] = 0;
        }
        return;
    }
    struct test_frame frame;
    if (run->xids[i] != 0) {
        if (test_next_frame(client, &frame)) {
            assert_int_equal(frame.xid, run->xids[i]);
            assert_int_equal(frame.err, ZK_ERR_OK);
            run->is_written[run->names[i]] = true;
            run->xids[i] = 0;
        }
        return;
    }
    if (run->next_name < WRITES_MAX) {
        char name[16];
        run->names[i] = run->next_name++;
        name_of(run->names[i], name);
        run->xids[i] = ensemble_send(run->at[i], client, ZK_OP_CREATE,
                                     test_create_body(name, "x", 0));
    }
}

static void fault(struct run *run)
{
    struct ensemble *ensemble = &run->ensemble;
    size_t index = random_below(&run->random, ensemble->count);
    struct ensemble_peer *peer = &ensemble->peers[index];
    switch (random_below(&run->random, 7)) {
    case 0:
    case 1:
        if (peer->is_up) {
            ensemble_crash(ensemble, index);
        }
        break;
    case 2:
    case 3:
        if (!peer->is_up) {
            ensemble_start(ensemble, index);
        }
        break;
    case 4:
        ensemble_cut(ensemble, index, (index + 1) % ensemble->count);
        break;
    case 5:
        ensemble_heal(ensemble);
        break;
    default:
        peer->holds_disk = peer->is_up && !peer->holds_disk;
        break;
    }
}

static void play(struct run *run)
{
    struct ensemble *ensemble = &run->ensemble;
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t steps = random_below(&run->random, 300);
        for (uint64_t step = 0; step < steps; step++) {
            if (random_chance(&run->random, 1, 4)) {
                client_turn(run, random_below(&run->random, CLIENTS));
            }
            if (!ensemble_step(ensemble)) {
                ensemble_run(ensemble, 1 + random_below(&run->random, 3000));
            }
        }
        fault(run);
    }
}

static void heal_and_judge(struct run *run)
{
    struct ensemble *ensemble = &run->ensemble;
    ensemble_heal(ensemble);
    for (size_t i = 0; i < ensemble->count; i++) {
        ensemble->peers[i].holds_disk = false;
    }
    ensemble_start_all(ensemble);
    ensemble_settle(ensemble);
    ensemble_run(ensemble, 3000);
    ensemble_check_equal(ensemble);
    for (int i = 0; i < run->next_name; i++) {
        char name[16];
        name_of(i, name);
        if (run->is_written[i]) {
            assert_true(ensemble_has(&ensemble->peers[0], name));
        }
    }
}

static void one_run(uint64_t seed)
{
    struct run *run = test_calloc(1, sizeof *run);
    random_init(&run->random, seed ^ 0x5eed);
    size_t voters = random_chance(&run->random, 1, 3) ? 5 : 3;
    ensemble_init(&run->ensemble, voters, random_below(&run->random, 2), seed);
    for (size_t i = 0; i < run->ensemble.count; i++) {
        struct peer_config *config = &run->ensemble.peers[i].config;
        config->commit_log_count = random_chance(&run->random, 1, 2) ? 500 : 8;
        config->snapshot_size_factor = random_chance(&run->random, 1, 2) ? 0.33 : -1;
    }
    ensemble_start_all(&run->ensemble);
    play(run);
    heal_and_judge(run);
    for (size_t i = 0; i < CLIENTS; i++) {
        if (run->at[i] != NULL) {
            ensemble_client_drop(run->at[i], &run->clients[i]);
        }
    }
    ensemble_release(&run->ensemble);
    test_free(run);
}

static void test_random_faults(void **state)
{
    (void)state;
    const char *from = getenv("ENSEMBLE_SEED");
    uint64_t first = from != NULL ? strtoull(from, NULL, 10) : 1;
    const char *many = getenv("ENSEMBLE_SEEDS");
    uint64_t count = many != NULL ? strtoull(many, NULL, 10) : SEEDS;
    for (uint64_t seed = first; seed < first + count; seed++) {
        print_message("seed %llu\n", (unsigned long long)seed);
        one_run(seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
