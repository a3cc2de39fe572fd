/* SPDX-License-Identifier: Apache-2.0 */
/* What a WebSocket's client sends. The first byte says how it is cut into pieces: the events may not depend on it. */
#include "net/websocket.h"

#include <stdlib.h>

/* A sum over all events and the content of pings. */
static uint64_t digest(const uint8_t *data, size_t size, size_t piece)
{
    struct websocket_reader reader = {0};
    uint64_t sum = 1;
    for (size_t at = 0; at < size; at += piece) {
        struct cursor c = {data + at, piece < size - at ? piece : size - at};
        while (c.left > 0) {
            size_t left = c.left;
            enum websocket_event event = websocket_read(&reader, &c);
            if (c.left > left || reader.control_size > WEBSOCKET_CONTROL_MAX || (event == WEBSOCKET_MORE && c.left > 0))
                abort();
            if (event != WEBSOCKET_MORE)
                sum = sum * 31 + event;
            for (size_t i = 0; event == WEBSOCKET_GOT_PING && i < reader.control_size; i++)
                sum = sum * 31 + reader.control[i];
            if (event > WEBSOCKET_GOT_PING)
                return sum;
        }
    }
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char accept[WEBSOCKET_ACCEPT_SIZE];
    if (size == 0)
        return 0;
    if (digest(data + 1, size - 1, 1 + data[0]) != digest(data + 1, size - 1, size))
        abort();
    (void)!websocket_accept((bytes){data, size < 24 ? size : 24}, accept);
    return 0;
}
