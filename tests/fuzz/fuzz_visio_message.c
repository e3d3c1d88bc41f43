/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of messages through the protocol's state machine: two people in a room, one of them says whatever the input
 * says. A line that begins with '!' lets time pass, '~' drops the socket and opens another. In a line, "@T" stands for
 * a fresh ticket, "@R" for the resume token, "@O" for a good offer. */
#include <stdlib.h>
#include <string.h>

#include "tests/support/fake_visio.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct fake_visio fake;
static size_t hostile;

static const char *resume_token(void)
{
    for (size_t s = 0; s < fake.socket_count; s++) {
        struct fake_socket *socket = &fake.sockets[fake.socket_count - 1 - s];
        for (size_t i = 0; i < socket->message_count; i++) {
            const char *token = json_string_value(json_object_get(socket->messages[i], "resume"));
            if (token)
                return token;
        }
    }
    return "";
}

/* The offer as it stands in a JSON string. */
static void append_offer(char *out, size_t *used, size_t max)
{
    char *offer = fake_offer("av", "abcd");
    for (const char *at = offer; *at && *used + 2 < max; at++) {
        if (*at == '\r' || *at == '\n') {
            out[(*used)++] = '\\';
            out[(*used)++] = *at == '\r' ? 'r' : 'n';
        } else {
            out[(*used)++] = *at;
        }
    }
    free(offer);
}

static void say(const char *line, size_t len)
{
    static char text[1 << 16];
    size_t used = 0;
    for (size_t i = 0; i < len && used + 64 < sizeof text; i++) {
        const char *inserted = NULL;
        if (line[i] == '@' && i + 1 < len && line[i + 1] == 'T')
            inserted = fake_ticket(&fake, 3, 3);
        else if (line[i] == '@' && i + 1 < len && line[i + 1] == 'R')
            inserted = resume_token();
        else if (line[i] == '@' && i + 1 < len && line[i + 1] == 'O') {
            append_offer(text, &used, sizeof text - 64);
            i++;
            continue;
        }
        if (!inserted) {
            text[used++] = line[i];
            continue;
        }
        memcpy(text + used, inserted, strlen(inserted));
        used += strlen(inserted);
        i++;
    }
    if (fake.sockets[hostile].connection)
        sig_hub_socket_text(fake.sockets[hostile].connection, fake.now_us, text, used);
    fake_run(&fake);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *at = (const char *)data, *end = at + size;
    fake_start(&fake);
    (void)fake_join(&fake, 1);
    hostile = fake_join(&fake, 2);
    for (int lines = 0; at < end && lines < 200; lines++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t len = newline ? (size_t)(newline - at) : (size_t)(end - at);
        if (len && *at == '!') {
            fake_advance(&fake, len * 1000000u);
        } else if (len && *at == '~') {
            fake_drop(&fake, hostile);
            if (fake.socket_count < FAKE_SOCKETS_MAX)
                hostile = fake_open(&fake);
        } else {
            say(at, len);
        }
        at += len + 1;
        if (!newline)
            break;
    }
    fake_stop(&fake);
    return 0;
}
