/* fault_proxy.c - a TCP relay between servers, and between clients and servers, that spoils what it
 * is told to.
 *
 * A link listens on a port of its own and relays each connection to one target. Both directions of
 * a link have rules: "there" is what the one who connects says, "back" what the target says.
 * Several links may have one name (a server's two inner ports), and an order is for all of that
 * name. Orders come on standard input, a line each, and each is answered by one line on standard
 * output, "ok ..." or "error ..."; the end of the input ends the program.
 *
 *     link NAME HOST:PORT                  ok PORT: listens on 127.0.0.1:PORT, relays to HOST:PORT
 *     set NAME there|back|both RULE N ...  the rules below
 *     heal NAME                            no rules any more
 *     reset NAME                           both ends of every connection get a reset
 *     half NAME there|back                 the end that way is closed; the other is told nothing
 *     stats NAME                           ok open=N opened=N there=BYTES back=BYTES
 *
 *     delay N    each piece waits so many milliseconds      jitter N   and up to so many more, in
 * order still rate N     bytes a second, 0: no limit                refuse 1   new connections are
 * reset at once hold 1     nothing is read or passed on: it comes late, as behind a cable that is
 * plugged in again drop 1     what comes is thrown away, in silence and with no close; a connection
 * that lost something so is reset when the rule ends, for a hole in a stream of TCP would be a
 * fault that no network has stop N     after N more bytes both ends are closed, which leaves the
 * last message in the middle
 *
 * New connections of a link that holds or drops stay unanswered behind the kernel's own handshake.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BACKLOG 128
#define LINKS_MAX 256
#define POLLS_MAX 4096
#define NAME_MAX_LEN 31
#define PIECE_MAX 16384
#define QUEUED_MAX (256 * 1024)
#define LINE_MAX_LEN 512
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)

enum direction {
    THERE,
    BACK
};

struct rules {
    int64_t delay;
    int64_t jitter;
    int64_t rate;
    int64_t hold;
    int64_t drop;
    int64_t stop; /* bytes that are left; -1: no end */
    int64_t refuse;
};

struct link {
    char name[NAME_MAX_LEN + 1];
    int listener; /* -1: closed */
    struct sockaddr_in own;
    struct sockaddr_in target;
    struct rules rules[2];
    int64_t bytes[2];
    int64_t opened;
};

struct piece {
    struct piece *next;
    int64_t due_ns;
    size_t len;
    size_t at;
    uint8_t bytes[];
};

/* What flows one way: from ends[d] to ends[1 - d]. */
struct flow {
    struct piece *first;
    struct piece *last;
    size_t queued;
    int64_t free_ns; /* when the wire has sent what was read */
    int64_t last_due_ns;
    bool is_ended; /* nothing more is read */
    bool is_told;  /* ... and the reader knows */
};

struct pair {
    struct pair *next;
    struct link *link;
    int ends[2]; /* who connected, the target; -1: closed */
    struct flow flows[2];
    bool is_connecting;
    bool lost_bytes;    /* a drop took some */
    bool is_half;       /* one end was closed behind the other's back */
    bool ends_when_out; /* closed when the queues are empty */
    bool is_dead;
};

static struct link links[LINKS_MAX];
static int link_count;
static struct pair *pairs;
static struct pollfd polls[POLLS_MAX];
static struct pair *poll_pairs[POLLS_MAX];
static nfds_t poll_count;

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * NS_PER_S + now.tv_nsec;
}

/* Any numbers will do for a jitter: xorshift. */
static uint32_t draw(void)
{
    static uint32_t state = 2463534242;
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

/* ---- connections ----------------------------------------------------------------------------- */

static void close_end(struct pair *pair, int end, bool with_reset)
{
    if (pair->ends[end] < 0) {
        return;
    }
    if (with_reset) {
        struct linger none = {.l_onoff = 1, .l_linger = 0};
        setsockopt(pair->ends[end], SOL_SOCKET, SO_LINGER, &none, sizeof none);
    }
    close(pair->ends[end]);
    pair->ends[end] = -1;
}

static void end_pair(struct pair *pair, bool with_reset)
{
    close_end(pair, THERE, with_reset);
    close_end(pair, BACK, with_reset);
    pair->is_dead = true;
}

static void forget_queue(struct flow *flow)
{
    while (flow->first != NULL) {
        struct piece *piece = flow->first;
        flow->first = piece->next;
        free(piece);
    }
    flow->last = NULL;
    flow->queued = 0;
}

static void sweep(void)
{
    struct pair **at = &pairs;
    while (*at != NULL) {
        struct pair *pair = *at;
        if (!pair->is_dead) {
            at = &pair->next;
            continue;
        }
        *at = pair->next;
        forget_queue(&pair->flows[THERE]);
        forget_queue(&pair->flows[BACK]);
        free(pair);
    }
}

static bool is_cut(const struct link *link)
{
    return link->rules[THERE].hold != 0 || link->rules[THERE].drop != 0 ||
           link->rules[BACK].hold != 0 || link->rules[BACK].drop != 0;
}

static void prepare_socket(int fd)
{
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

static void accept_one(struct link *link)
{
    int fd = accept4(link->listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0) {
        return;
    }
    struct pair *pair = calloc(1, sizeof *pair);
    if (pair == NULL) {
        abort();
    }
    pair->next = pairs;
    pairs = pair;
    pair->link = link;
    pair->ends[THERE] = fd;
    pair->ends[BACK] = -1;
    prepare_socket(fd);
    pair->ends[BACK] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    prepare_socket(pair->ends[BACK]);
    link->opened++;
    if (connect(pair->ends[BACK], (struct sockaddr *)&link->target, sizeof link->target) == 0) {
        return;
    }
    pair->is_connecting = errno == EINPROGRESS;
    if (!pair->is_connecting) {
        end_pair(pair, true);
    }
}

static void finish_connecting(struct pair *pair)
{
    int error = 0;
    socklen_t len = sizeof error;
    getsockopt(pair->ends[BACK], SOL_SOCKET, SO_ERROR, &error, &len);
    pair->is_connecting = false;
    if (error != 0) {
        end_pair(pair, true);
    }
}

/* ---- bytes ----------------------------------------------------------------------------------- */

static void queue_piece(struct pair *pair, int direction, const uint8_t *bytes, size_t len)
{
    struct flow *flow = &pair->flows[direction];
    const struct rules *rules = &pair->link->rules[direction];
    struct piece *piece = malloc(sizeof *piece + len);
    if (piece == NULL) {
        abort();
    }
    int64_t now = now_ns();
    flow->free_ns = flow->free_ns < now ? now : flow->free_ns;
    if (rules->rate > 0) {
        flow->free_ns += (int64_t)len * NS_PER_S / rules->rate;
    }
    int64_t due_ns = flow->free_ns + rules->delay * NS_PER_MS;
    if (rules->jitter > 0) {
        due_ns += (int64_t)draw() % (rules->jitter + 1) * NS_PER_MS;
    }
    flow->last_due_ns = due_ns < flow->last_due_ns ? flow->last_due_ns : due_ns;
    *piece = (struct piece){.due_ns = flow->last_due_ns, .len = len};
    memcpy(piece->bytes, bytes, len);
    if (flow->last == NULL) {
        flow->first = piece;
    } else {
        flow->last->next = piece;
    }
    flow->last = piece;
    flow->queued += len;
}

static void take_bytes(struct pair *pair, int direction)
{
    uint8_t bytes[PIECE_MAX];
    struct flow *flow = &pair->flows[direction];
    struct rules *rules = &pair->link->rules[direction];
    ssize_t got = read(pair->ends[direction], bytes, sizeof bytes);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (rules->drop != 0) {
        pair->lost_bytes = true;
        flow->is_ended |= got <= 0;
        flow->is_told |= got <= 0;
        return;
    }
    if (pair->is_half) {
        if (got <= 0) {
            end_pair(pair, false);
        }
        return;
    }
    if (got < 0) {
        end_pair(pair, true);
        return;
    }
    if (got == 0) {
        flow->is_ended = true;
        return;
    }
    if (rules->stop >= 0 && got >= rules->stop) {
        got = rules->stop;
        rules->stop = -1;
        pair->ends_when_out = true;
        pair->flows[THERE].is_ended = true;
        pair->flows[BACK].is_ended = true;
    } else if (rules->stop >= 0) {
        rules->stop -= got;
    }
    pair->link->bytes[direction] += got;
    if (got > 0) {
        queue_piece(pair, direction, bytes, (size_t)got);
    }
}

/* Writes what is due; then the end of the stream, when it has ended. */
static void give_bytes(struct pair *pair, int direction)
{
    struct flow *flow = &pair->flows[direction];
    int64_t now = now_ns();
    while (flow->first != NULL && flow->first->due_ns <= now) {
        struct piece *piece = flow->first;
        ssize_t done = send(pair->ends[1 - direction], piece->bytes + piece->at,
                            piece->len - piece->at, MSG_NOSIGNAL);
        if (done < 0) {
            if (errno != EAGAIN && errno != EINTR) {
                end_pair(pair, true);
            }
            return;
        }
        piece->at += (size_t)done;
        flow->queued -= (size_t)done;
        if (piece->at < piece->len) {
            return;
        }
        flow->first = piece->next;
        flow->last = flow->first == NULL ? NULL : flow->last;
        free(piece);
    }
    if (flow->first == NULL && flow->is_ended && !flow->is_told && !pair->ends_when_out) {
        flow->is_told = true;
        shutdown(pair->ends[1 - direction], SHUT_WR);
    }
}

static void close_what_is_done(struct pair *pair)
{
    bool is_out = pair->flows[THERE].first == NULL && pair->flows[BACK].first == NULL;
    bool both_told = pair->flows[THERE].is_told && pair->flows[BACK].is_told;
    if (is_out && (pair->ends_when_out || both_told) && !pair->lost_bytes && !pair->is_half) {
        end_pair(pair, false);
    }
}

/* ---- orders ---------------------------------------------------------------------------------- */

static const struct rules no_rules = {.stop = -1};

/* At its port, or at any when it has none yet. */
static bool open_listener(struct link *link)
{
    int on = 1;
    socklen_t len = sizeof link->own;
    link->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    setsockopt(link->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    return bind(link->listener, (struct sockaddr *)&link->own, sizeof link->own) == 0 &&
           listen(link->listener, BACKLOG) == 0 &&
           getsockname(link->listener, (struct sockaddr *)&link->own, &len) == 0;
}

static void order_link(const char *name, const char *target)
{
    char host[64];
    int port = 0;
    struct link *link = &links[link_count];
    *link = (struct link){.rules = {no_rules, no_rules}};
    link->own = (struct sockaddr_in){.sin_family = AF_INET,
                                     .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (link_count == LINKS_MAX || sscanf(target, "%63[^:]:%d", host, &port) != 2 ||
        inet_pton(AF_INET, host, &link->target.sin_addr) != 1) {
        printf("error link %s\n", target);
        return;
    }
    link->target.sin_family = AF_INET;
    link->target.sin_port = htons((uint16_t)port);
    snprintf(link->name, sizeof link->name, "%s", name);
    if (!open_listener(link)) {
        printf("error %s\n", strerror(errno));
        return;
    }
    link_count++;
    printf("ok %d\n", ntohs(link->own.sin_port));
}

static int64_t *rule_of(struct rules *rules, const char *word)
{
    const struct {
        const char *word;
        int64_t *value;
    } all[] = {
        {"delay", &rules->delay},   {"jitter", &rules->jitter}, {"rate", &rules->rate},
        {"hold", &rules->hold},     {"drop", &rules->drop},     {"stop", &rules->stop},
        {"refuse", &rules->refuse},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (strcmp(all[i].word, word) == 0) {
            return all[i].value;
        }
    }
    return NULL;
}

/* Closes the listener, or opens it again at its port. */
static void listen_or_not(struct link *link)
{
    bool is_refusing = link->rules[THERE].refuse != 0;
    if (is_refusing && link->listener >= 0) {
        close(link->listener);
        link->listener = -1;
    } else if (!is_refusing && link->listener < 0 && !open_listener(link)) {
        abort();
    }
}

/* Ends the connections with holes, once no rule makes more of them. */
static void close_spoiled(const struct link *link)
{
    bool drops = link->rules[THERE].drop != 0 || link->rules[BACK].drop != 0;
    for (struct pair *pair = pairs; pair != NULL; pair = pair->next) {
        if (!drops && pair->link == link && pair->lost_bytes && !pair->is_dead) {
            end_pair(pair, true);
        }
    }
}

static const char *order_set(struct link *link, const char *where, const char *rules)
{
    char word[16];
    long long value = 0;
    int used = 0;
    while (sscanf(rules, "%15s %lld%n", word, &value, &used) == 2) {
        for (int direction = THERE; direction <= BACK; direction++) {
            bool is_meant = strcmp(where, "both") == 0 ||
                            strcmp(where, direction == THERE ? "there" : "back") == 0;
            int64_t *rule = rule_of(&link->rules[direction], word);
            if (rule == NULL) {
                return "no such rule";
            }
            *rule = is_meant ? value : *rule;
        }
        rules += used;
    }
    close_spoiled(link);
    listen_or_not(link);
    return NULL;
}

static void order_all_pairs(struct link *link, const char *order, const char *where)
{
    for (struct pair *pair = pairs; pair != NULL; pair = pair->next) {
        if (pair->link != link || pair->is_dead) {
            continue;
        }
        if (strcmp(order, "reset") == 0) {
            end_pair(pair, true);
        } else if (!pair->is_half && !pair->is_connecting) {
            pair->is_half = true;
            forget_queue(&pair->flows[THERE]);
            forget_queue(&pair->flows[BACK]);
            close_end(pair, strcmp(where, "there") == 0 ? BACK : THERE, false);
        }
    }
}

static void order_stats(const char *name)
{
    int64_t open = 0;
    int64_t opened = 0;
    int64_t bytes[2] = {0, 0};
    for (int i = 0; i < link_count; i++) {
        if (strcmp(links[i].name, name) == 0) {
            opened += links[i].opened;
            bytes[THERE] += links[i].bytes[THERE];
            bytes[BACK] += links[i].bytes[BACK];
        }
    }
    for (const struct pair *pair = pairs; pair != NULL; pair = pair->next) {
        open += strcmp(pair->link->name, name) == 0 && !pair->is_dead ? 1 : 0;
    }
    printf("ok open=%lld opened=%lld there=%lld back=%lld\n", (long long)open, (long long)opened,
           (long long)bytes[THERE], (long long)bytes[BACK]);
}

static void obey(const char *line)
{
    char order[16] = "";
    char name[NAME_MAX_LEN + 1] = "";
    char word[64] = "";
    int used = 0;
    int count = sscanf(line, "%15s %31s %63s%n", order, name, word, &used);
    if (strcmp(order, "link") == 0 && count == 3) {
        order_link(name, word);
        return;
    }
    if (strcmp(order, "stats") == 0) {
        order_stats(name);
        return;
    }
    const char *problem = "no link of that name";
    for (int i = 0; i < link_count; i++) {
        struct link *link = &links[i];
        if (strcmp(link->name, name) != 0) {
            continue;
        }
        problem = NULL;
        if (strcmp(order, "set") == 0 && count == 3) {
            problem = order_set(link, word, line + used);
        } else if (strcmp(order, "heal") == 0) {
            link->rules[THERE] = no_rules;
            link->rules[BACK] = no_rules;
            close_spoiled(link);
            listen_or_not(link);
        } else if (strcmp(order, "reset") == 0 || (strcmp(order, "half") == 0 && count == 3)) {
            order_all_pairs(link, order, word);
        } else {
            problem = "no such order";
        }
    }
    printf("%s%s\n", problem == NULL ? "ok" : "error ", problem == NULL ? "" : problem);
}

/* False at the end of the input. */
static bool read_orders(void)
{
    static char text[4 * LINE_MAX_LEN];
    static size_t len;
    ssize_t got = read(STDIN_FILENO, text + len, sizeof text - 1 - len);
    if (got <= 0) {
        return false;
    }
    len += (size_t)got;
    text[len] = '\0';
    char *line = text;
    for (char *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        *end = '\0';
        obey(line);
    }
    fflush(stdout);
    len -= (size_t)(line - text);
    memmove(text, line, len);
    return len < sizeof text - 1;
}

/* ---- the loop -------------------------------------------------------------------------------- */

static void want(int fd, short events, struct pair *pair)
{
    if (poll_count == POLLS_MAX || fd < 0 || events == 0) {
        return;
    }
    polls[poll_count] = (struct pollfd){.fd = fd, .events = events};
    poll_pairs[poll_count++] = pair;
}

/* What to wait for at one connection; lowers *wake_ns to when something of it is due. */
static void want_pair(struct pair *pair, int64_t now, int64_t *wake_ns)
{
    short events[2] = {0, 0};
    if (pair->is_connecting) {
        want(pair->ends[BACK], POLLOUT, pair);
        return;
    }
    for (int direction = THERE; direction <= BACK; direction++) {
        const struct flow *flow = &pair->flows[direction];
        const struct rules *rules = &pair->link->rules[direction];
        if (rules->hold != 0) {
            continue;
        }
        if (!flow->is_ended && flow->queued < QUEUED_MAX) {
            events[direction] |= POLLIN;
        }
        if (flow->first != NULL && flow->first->due_ns <= now) {
            events[1 - direction] |= POLLOUT;
        } else if (flow->first != NULL && flow->first->due_ns < *wake_ns) {
            *wake_ns = flow->first->due_ns;
        } else if (flow->first == NULL && flow->is_ended && !flow->is_told) {
            events[1 - direction] |= POLLOUT;
        }
    }
    want(pair->ends[THERE], events[THERE], pair);
    want(pair->ends[BACK], events[BACK], pair);
}

static int wait_for_something(void)
{
    int64_t now = now_ns();
    int64_t wake_ns = now + NS_PER_S;
    poll_count = 0;
    want(STDIN_FILENO, POLLIN, NULL);
    for (int i = 0; i < link_count; i++) {
        want(links[i].listener, is_cut(&links[i]) ? 0 : POLLIN, NULL);
    }
    for (struct pair *pair = pairs; pair != NULL; pair = pair->next) {
        want_pair(pair, now, &wake_ns);
    }
    int64_t wait_ns = wake_ns - now;
    struct timespec timeout = {wait_ns / NS_PER_S, wait_ns % NS_PER_S};
    return ppoll(polls, poll_count, &timeout, NULL);
}

static void serve_pair(struct pair *pair, int fd, short events)
{
    if (pair->is_dead) {
        return;
    }
    if (pair->is_connecting) {
        finish_connecting(pair);
        return;
    }
    int end = fd == pair->ends[THERE] ? THERE : BACK;
    if ((events & (POLLIN | POLLHUP | POLLERR)) != 0 && !pair->flows[end].is_ended &&
        pair->link->rules[end].hold == 0) {
        take_bytes(pair, end);
    } else if ((events & (POLLHUP | POLLERR)) != 0 && pair->link->rules[end].hold == 0) {
        end_pair(pair, true);
    }
}

int main(void)
{
    bool goes_on = true;
    while (goes_on) {
        int ready = wait_for_something();
        for (nfds_t i = 0; ready > 0 && i < poll_count; i++) {
            if (polls[i].revents == 0) {
                continue;
            }
            if (poll_pairs[i] != NULL) {
                serve_pair(poll_pairs[i], polls[i].fd, polls[i].revents);
                continue;
            }
            for (int k = 0; k < link_count; k++) {
                if (links[k].listener == polls[i].fd) {
                    accept_one(&links[k]);
                }
            }
        }
        for (struct pair *pair = pairs; pair != NULL; pair = pair->next) {
            for (int way = THERE; way <= BACK; way++) {
                if (!pair->is_dead && !pair->is_connecting && pair->link->rules[way].hold == 0 &&
                    pair->ends[1 - way] >= 0) {
                    give_bytes(pair, way);
                }
            }
            close_what_is_done(pair);
        }
        sweep();
        if (ready > 0 && polls[0].revents != 0) {
            goes_on = read_orders();
        }
    }
    return 0;
}
