/* four_letter_client.c - see four_letter_client.h. Plain blocking sockets: a tool asks once and
 * ends. */
#include "cli/four_letter_client.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/errors.h"

#define ANSWER_CHUNK 4096

static int error_of(int number)
{
    switch (number) {
    case ECONNREFUSED:
        return ERR_REFUSED;
    case EAGAIN:
    case ETIMEDOUT:
    case EINPROGRESS:
        return ERR_TIMEOUT;
    case ECONNRESET:
        return ERR_RESET;
    default:
        return ERR_IO;
    }
}

static int ask_address(const struct addrinfo *address,
                       const char *word,
                       int timeout_ms,
                       struct buffer *out)
{
    struct timeval limit = {.tv_sec = timeout_ms / 1000, .tv_usec = (timeout_ms % 1000) * 1000};
    int error = 0;
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return error_of(errno);
    }
    bool is_ready = setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0 &&
                    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) == 0 &&
                    connect(fd, address->ai_addr, address->ai_addrlen) == 0 &&
                    send(fd, word, strlen(word), MSG_NOSIGNAL) == (ssize_t)strlen(word);
    if (!is_ready) {
        error = error_of(errno);
        close(fd);
        return error;
    }
    for (;;) {
        ssize_t got = recv(fd, buffer_reserve(out, ANSWER_CHUNK), ANSWER_CHUNK, 0);
        if (got <= 0) {
            error = got == 0 ? 0 : error_of(errno);
            break;
        }
        out->len += (size_t)got;
    }
    close(fd);
    return error;
}

int four_letter_ask(const char *host,
                    const char *port,
                    const char *word,
                    int timeout_ms,
                    struct buffer *out)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *addresses = NULL;
    if (getaddrinfo(host, port, &hints, &addresses) != 0) {
        return ERR_RESOLVE;
    }
    int error = ERR_RESOLVE;
    for (const struct addrinfo *address = addresses; address != NULL; address = address->ai_next) {
        size_t before = out->len;
        error = ask_address(address, word, timeout_ms, out);
        if (error == 0) {
            break;
        }
        out->len = before;
    }
    freeaddrinfo(addresses);
    return error;
}
