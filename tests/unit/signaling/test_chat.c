/* SPDX-License-Identifier: Apache-2.0 */
/* Chat in a room (PROTOCOL.md section 6): who gets it, what may stand in it, how fast. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "signaling/message.h"
#include "tests/support/fake_visio.h"
#include "tests/support/test.h"

static struct fake_visio fake;

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static void say(size_t socket, const char *text)
{
    fake_json(&fake, socket, json_pack("{s:s, s:i, s:s}", "type", "chat", "id", 7, "text", text));
}

T_TEST(everybody_in_the_room_hears_it)
{
    fake_start(&fake);
    size_t a = fake_join(&fake, 1), b = fake_join(&fake, 2);
    size_t outside = fake_open(&fake);
    say(a, "Bonjour \xc3\xa0 tous\nligne 2");
    const json_t *ok = fake_expect(&fake, a, "ok");
    T_CHECK(ok != NULL);
    T_EQ(json_integer_value(json_object_get(ok, "re")), 7);
    size_t sockets[] = {a, b};
    for (size_t i = 0; i < 2; i++) {
        const json_t *chat = fake_expect(&fake, sockets[i], "chat");
        T_CHECK(chat != NULL);
        T_STR_EQ(text_of(chat, "participant"), "p1");
        T_STR_EQ(text_of(chat, "name"), "Person 1");
        T_STR_EQ(text_of(chat, "text"), "Bonjour \xc3\xa0 tous\nligne 2");
        T_STR_EQ(text_of(chat, "at"), "2023-11-14T22:13:20Z");
        T_CHECK(json_object_get(chat, "re") == NULL);
    }
    T_EQ(fake_count(&fake, outside, "chat"), 0);
    fake_stop(&fake);
}

T_TEST(who_left_or_comes_later_does_not)
{
    fake_start(&fake);
    size_t a = fake_join(&fake, 1), b = fake_join(&fake, 2);
    fake_text(&fake, b, "{\"type\":\"leave\"}");
    say(a, "x");
    T_EQ(fake_count(&fake, b, "chat"), 0);
    size_t c = fake_join(&fake, 3);
    T_EQ(fake_count(&fake, c, "chat"), 0);
    T_EQ(fake_count(&fake, a, "chat"), 1);
    fake_stop(&fake);
}

static char *repeat(const char *unit, size_t count)
{
    size_t len = strlen(unit);
    char *text = malloc(count * len + 1);
    for (size_t i = 0; i < count; i++)
        memcpy(text + i * len, unit, len);
    text[count * len] = '\0';
    return text;
}

T_TEST(what_may_stand_in_it)
{
    char *longest = repeat("\xf0\x9f\xa9\xba", 2000), *too_long = repeat("\xf0\x9f\xa9\xba", 2001);
    T_CHECK(sig_chat_valid("a", 2000) && sig_chat_valid("\n", 2000) && sig_chat_valid(longest, 2000));
    T_CHECK(!sig_chat_valid("", 2000) && !sig_chat_valid(too_long, 2000));
    T_CHECK(!sig_chat_valid("a\tb", 2000) && !sig_chat_valid("a\rb", 2000) && !sig_chat_valid("\x1b[31m", 2000));
    T_CHECK(!sig_chat_valid("a\x7f", 2000) && !sig_chat_valid("\xc2\x85", 2000) && !sig_chat_valid("\xc2\x9f", 2000));
    T_CHECK(sig_chat_valid("\xc2\xa0", 2000));

    fake_start(&fake);
    size_t a = fake_join(&fake, 1), b = fake_join(&fake, 2);
    say(a, longest);
    T_EQ(fake_count(&fake, b, "chat"), 1);
    static const char *const bad[] = {"{\"type\":\"chat\",\"id\":1}",
                                      "{\"type\":\"chat\",\"text\":1}",
                                      "{\"type\":\"chat\",\"text\":\"\"}",
                                      "{\"type\":\"chat\",\"text\":\"a\\u0007\"}",
                                      "{\"type\":\"chat\",\"text\":\"a\\u0000b\"}",
                                      "{\"type\":\"chat\",\"text\":\"\xff\"}"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        fake_text(&fake, a, bad[i]);
    say(a, too_long);
    T_EQ(fake_count(&fake, a, "error"), 7);
    T_EQ(fake_count(&fake, b, "chat"), 1);
    fake_stop(&fake);
    free(longest);
    free(too_long);
}

T_TEST(ten_at_once_then_five_a_second)
{
    fake_start(&fake);
    size_t a = fake_join(&fake, 1), b = fake_join(&fake, 2);
    for (int i = 0; i < 12; i++)
        say(a, "x");
    T_EQ(fake_count(&fake, b, "chat"), 10);
    T_STR_EQ(text_of(fake_expect(&fake, a, "error"), "code"), "rate_limited");
    T_EQ(fake_count(&fake, a, "error"), 2);
    say(b, "y"); /* each has their own */
    T_EQ(fake_count(&fake, b, "chat"), 11);
    fake_advance(&fake, 1000000);
    for (int i = 0; i < 6; i++)
        say(a, "x");
    T_EQ(fake_count(&fake, b, "chat"), 16);
    fake_stop(&fake);
}

T_TEST(a_new_socket_gives_no_new_allowance)
{
    fake_start(&fake);
    size_t a = fake_join(&fake, 1), b = fake_join(&fake, 2);
    const char *token = text_of(fake_expect(&fake, a, "welcome"), "resume");
    for (int i = 0; i < 10; i++)
        say(a, "x");
    fake_drop(&fake, a);
    size_t c = fake_open(&fake);
    fake_json(&fake, c, json_pack("{s:s, s:i, s:s}", "type", "resume", "version", 1, "token", token));
    say(c, "x");
    T_STR_EQ(text_of(fake_expect(&fake, c, "error"), "code"), "rate_limited");
    T_EQ(fake_count(&fake, b, "chat"), 10);
    fake_stop(&fake);
}

T_TEST(the_log_does_not_have_it)
{
    char path[] = "/tmp/consilium-chat-XXXXXX", line[512];
    int fd = mkstemp(path), saved = dup(2);
    T_CHECK(fd >= 0 && saved >= 0);
    base_log_set_level(BASE_LOG_DEBUG);
    dup2(fd, 2);
    fake_start(&fake);
    size_t a = fake_join(&fake, 1);
    say(a, "Madame Secret");
    say(a, "Secret\t");
    fake_stop(&fake);
    fflush(stderr);
    dup2(saved, 2);
    FILE *log = fopen(path, "r");
    bool joined = false;
    while (fgets(line, sizeof line, log)) {
        joined = joined || strstr(line, "participant_joined");
        T_CHECK(strstr(line, "Secret") == NULL);
    }
    T_CHECK(joined);
    fclose(log);
    close(fd);
    close(saved);
    unlink(path);
}

T_MAIN(T_CASE(everybody_in_the_room_hears_it), T_CASE(who_left_or_comes_later_does_not), T_CASE(what_may_stand_in_it),
       T_CASE(ten_at_once_then_five_a_second), T_CASE(a_new_socket_gives_no_new_allowance),
       T_CASE(the_log_does_not_have_it))
