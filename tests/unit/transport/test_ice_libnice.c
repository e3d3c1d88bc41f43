/* SPDX-License-Identifier: Apache-2.0 */
/* ice_lite.c against libnice's full agent, over real sockets on the loopback interface. Everything waits for events; a
 * limit of LIMIT_S stops a case that they do not come to. */
#include "base/clock.h"
#include "base/err.h"
#include "sfu/transport/demux.h"
#include "sfu/transport/ice_lite.h"
#include "tests/support/test.h"

#include <agent.h>
#include <arpa/inet.h>
#include <glib-unix.h>
#include <unistd.h>

#define LIMIT_S 20

struct scene {
    GMainContext *context;
    NiceAgent *agent;
    guint stream;
    GSource *watch, *alarm;
    int fd;
    bool too_late, gathered;
    NiceComponentState state;
    struct sfu_ice_lite ice;
    unsigned answered, dropped, conflicts, selections;
    unsigned data_at_server, data_at_agent;
};

static const char *const addresses[] = {"127.0.0.1", "::1"};

static bool to_path(const struct sockaddr_storage *from, struct sfu_path *path)
{
    *path = (struct sfu_path){0};
    memcpy(&path->remote, from, from->ss_family == AF_INET ? sizeof path->remote.in4 : sizeof path->remote.in6);
    return from->ss_family == AF_INET || from->ss_family == AF_INET6;
}

static void send_to(const struct scene *scene, const struct sfu_path *path, const uint8_t *data, size_t len)
{
    socklen_t bytes = path->remote.sa.sa_family == AF_INET ? sizeof path->remote.in4 : sizeof path->remote.in6;
    if (sendto(scene->fd, data, len, 0, &path->remote.sa, bytes) < 0)
        perror("sendto");
}

static gboolean on_server_readable(gint fd, GIOCondition condition, gpointer user)
{
    struct scene *scene = user;
    uint8_t bytes[2048];
    struct sockaddr_storage from;
    socklen_t from_len = sizeof from;
    struct sfu_path path;
    struct sfu_ice_output out;
    (void)condition;
    ssize_t n = recvfrom(fd, bytes, sizeof bytes, 0, (struct sockaddr *)&from, &from_len);
    if (n <= 0 || !to_path(&from, &path))
        return G_SOURCE_CONTINUE;
    if (sfu_datagram_classify(bytes, (size_t)n) != SFU_DATAGRAM_STUN) {
        scene->data_at_server++;
        return G_SOURCE_CONTINUE;
    }
    unsigned paths = scene->ice.path_count;
    enum sfu_ice_result result = sfu_ice_lite_on_stun(&scene->ice, base_clock_us(), &path, bytes, (size_t)n, &out);
    if (result == SFU_ICE_DROPPED)
        scene->dropped++;
    else
        scene->answered++;
    scene->selections += result == SFU_ICE_SELECTED;
    scene->conflicts += result == SFU_ICE_ANSWERED && paths == 0; /* an error: a good check adds its path */
    if (out.response_bytes > 0)
        send_to(scene, &path, out.response, out.response_bytes);
    return G_SOURCE_CONTINUE;
}

static gboolean on_alarm(gpointer user)
{
    ((struct scene *)user)->too_late = true;
    return G_SOURCE_REMOVE;
}

static void on_gathered(NiceAgent *agent, guint stream, gpointer user)
{
    (void)agent, (void)stream;
    ((struct scene *)user)->gathered = true;
}

static void on_state(NiceAgent *agent, guint stream, guint component, guint state, gpointer user)
{
    (void)agent, (void)stream, (void)component;
    ((struct scene *)user)->state = (NiceComponentState)state;
}

static void on_data(NiceAgent *agent, guint stream, guint component, guint len, gchar *data, gpointer user)
{
    (void)agent, (void)stream, (void)component, (void)len, (void)data;
    ((struct scene *)user)->data_at_agent++;
}

static bool open_server(struct scene *scene, bool ipv6, NiceCandidate *candidate)
{
    struct sockaddr_storage local = {0};
    socklen_t len = ipv6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    struct sockaddr_in *in4 = (struct sockaddr_in *)&local;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&local;
    local.ss_family = ipv6 ? AF_INET6 : AF_INET;
    inet_pton(local.ss_family, addresses[ipv6], ipv6 ? (void *)&in6->sin6_addr : (void *)&in4->sin_addr);
    scene->fd = socket(local.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (scene->fd < 0 || bind(scene->fd, (struct sockaddr *)&local, len) != 0 ||
        getsockname(scene->fd, (struct sockaddr *)&local, &len) != 0)
        return false;
    scene->watch = g_unix_fd_source_new(scene->fd, G_IO_IN);
    g_source_set_callback(scene->watch, G_SOURCE_FUNC(on_server_readable), scene, NULL);
    g_source_attach(scene->watch, scene->context);
    nice_address_set_from_sockaddr(&candidate->addr, (struct sockaddr *)&local);
    return true;
}

static void run_until(struct scene *scene, bool (*done)(const struct scene *))
{
    while (!done(scene) && !scene->too_late)
        g_main_context_iteration(scene->context, TRUE);
}

static bool gathered(const struct scene *scene)
{
    return scene->gathered;
}

static bool nominated(const struct scene *scene)
{
    return scene->state == NICE_COMPONENT_STATE_READY && sfu_ice_lite_selected(&scene->ice) != NULL;
}

static bool data_went_both_ways(const struct scene *scene)
{
    return scene->data_at_server > 0 && scene->data_at_agent > 0;
}

static bool rejected_three(const struct scene *scene)
{
    return scene->dropped >= 3;
}

static bool restarted(const struct scene *scene)
{
    return scene->ice.previous_local.ufrag[0] == '\0' && scene->state == NICE_COMPONENT_STATE_READY;
}

/* What signaling does: our credentials and candidate go to the agent. */
static bool tell_agent(struct scene *scene, const char *ufrag, const char *pwd, const NiceCandidate *candidate)
{
    GSList list = {.data = (gpointer)(uintptr_t)candidate};
    return nice_agent_set_remote_credentials(scene->agent, scene->stream, ufrag, pwd) &&
           nice_agent_set_remote_candidates(scene->agent, scene->stream, 1, &list) == 1;
}

static NiceCandidate *host_candidate(void)
{
    NiceCandidate *candidate = nice_candidate_new(NICE_CANDIDATE_TYPE_HOST);
    candidate->component_id = 1;
    candidate->stream_id = 1;
    candidate->transport = NICE_CANDIDATE_TRANSPORT_UDP;
    candidate->priority = 2130706431;
    snprintf(candidate->foundation, sizeof candidate->foundation, "1");
    return candidate;
}

static bool has_ipv6(void)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool ok = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0;
    if (fd >= 0)
        close(fd);
    return ok;
}

static const struct sfu_ice_credentials ours = {"abcdEFGH", "0123456789abcdefghijklmn"};
static const struct sfu_ice_credentials renewed = {"ijklMNOP", "nmlkjihgfedcba9876543210"};

static void open_scene(int *t_failed, struct scene *scene, bool ipv6, bool controlling, NiceCandidate *candidate)
{
    gchar *ufrag = NULL, *pwd = NULL;
    *scene = (struct scene){.context = g_main_context_new(), .fd = -1};
    T_CHECK(open_server(scene, ipv6, candidate));
    scene->alarm = g_timeout_source_new_seconds(LIMIT_S);
    g_source_set_callback(scene->alarm, on_alarm, scene, NULL);
    g_source_attach(scene->alarm, scene->context);
    scene->agent =
        nice_agent_new_full(scene->context, NICE_COMPATIBILITY_RFC5245, NICE_AGENT_OPTION_REGULAR_NOMINATION);
    g_object_set(scene->agent, "controlling-mode", controlling, "upnp", FALSE, "ice-tcp", FALSE, NULL);
    NiceAddress local;
    nice_address_init(&local);
    T_CHECK(nice_address_set_from_string(&local, addresses[ipv6]));
    T_CHECK(nice_agent_add_local_address(scene->agent, &local));
    g_signal_connect(scene->agent, "candidate-gathering-done", G_CALLBACK(on_gathered), scene);
    g_signal_connect(scene->agent, "component-state-changed", G_CALLBACK(on_state), scene);
    scene->stream = nice_agent_add_stream(scene->agent, 1);
    nice_agent_attach_recv(scene->agent, scene->stream, 1, scene->context, on_data, scene);
    T_CHECK(nice_agent_gather_candidates(scene->agent, scene->stream));
    run_until(scene, gathered);
    T_CHECK(nice_agent_get_local_credentials(scene->agent, scene->stream, &ufrag, &pwd));
    sfu_ice_lite_init(&scene->ice, &ours, ufrag, base_clock_us());
    g_free(ufrag);
    g_free(pwd);
}

static void close_scene(struct scene *scene)
{
    g_object_unref(scene->agent);
    g_source_destroy(scene->watch);
    g_source_unref(scene->watch);
    g_source_destroy(scene->alarm);
    g_source_unref(scene->alarm);
    while (g_main_context_iteration(scene->context, FALSE))
        ;
    g_main_context_unref(scene->context);
    close(scene->fd);
}

static void exchange_data(int *t_failed, struct scene *scene)
{
    const struct sfu_path *path = sfu_ice_lite_selected(&scene->ice);
    T_CHECK(path != NULL);
    scene->data_at_agent = scene->data_at_server = 0;
    send_to(scene, path, (const uint8_t *)"\x80xyz", 4);
    T_EQ(nice_agent_send(scene->agent, scene->stream, 1, 4, "\x80uvw"), 4);
    run_until(scene, data_went_both_ways);
    T_CHECK(!scene->too_late);
}

static void connect_and_talk(int *t_failed, bool ipv6, bool controlling)
{
    struct scene scene;
    NiceCandidate *candidate = host_candidate();
    T_CALL(open_scene(t_failed, &scene, ipv6, controlling, candidate));
    T_CHECK(tell_agent(&scene, ours.ufrag, ours.pwd, candidate));
    run_until(&scene, nominated);
    T_CHECK(!scene.too_late);
    T_CHECK(scene.selections == 1 && scene.dropped == 0);
    T_CHECK((scene.conflicts > 0) == !controlling);
    T_CALL(exchange_data(t_failed, &scene));
    close_scene(&scene);
    nice_candidate_free(candidate);
}

T_TEST(a_full_agent_connects)
{
    T_CALL(connect_and_talk(t_failed, false, true));
}

T_TEST(a_full_agent_connects_over_ipv6)
{
    if (has_ipv6())
        T_CALL(connect_and_talk(t_failed, true, true));
    else
        printf("    no IPv6 loopback address here: nothing tested\n");
}

T_TEST(a_controlled_agent_takes_the_other_role)
{
    T_CALL(connect_and_talk(t_failed, false, false));
}

T_TEST(a_wrong_password_gets_nowhere)
{
    struct scene scene;
    NiceCandidate *candidate = host_candidate();
    T_CALL(open_scene(t_failed, &scene, false, true, candidate));
    T_CHECK(tell_agent(&scene, ours.ufrag, renewed.pwd, candidate));
    run_until(&scene, rejected_three);
    T_CHECK(!scene.too_late);
    T_EQ(scene.answered, 0);
    T_EQ(scene.ice.path_count, 0);
    close_scene(&scene);
    nice_candidate_free(candidate);
}

T_TEST(a_restart)
{
    struct scene scene;
    gchar *ufrag = NULL, *pwd = NULL;
    NiceCandidate *candidate = host_candidate();
    T_CALL(open_scene(t_failed, &scene, false, true, candidate));
    T_CHECK(tell_agent(&scene, ours.ufrag, ours.pwd, candidate));
    run_until(&scene, nominated);
    T_CHECK(!scene.too_late);
    T_CHECK(nice_agent_restart(scene.agent));
    T_CHECK(nice_agent_get_local_credentials(scene.agent, scene.stream, &ufrag, &pwd));
    sfu_ice_lite_restart(&scene.ice, &renewed, ufrag, base_clock_us());
    g_free(ufrag);
    g_free(pwd);
    T_CHECK(sfu_ice_lite_selected(&scene.ice) != NULL);
    scene.state = NICE_COMPONENT_STATE_CONNECTING;
    T_CHECK(tell_agent(&scene, renewed.ufrag, renewed.pwd, candidate));
    run_until(&scene, restarted);
    T_CHECK(!scene.too_late);
    T_CALL(exchange_data(t_failed, &scene));
    close_scene(&scene);
    nice_candidate_free(candidate);
}

T_MAIN(T_CASE(a_full_agent_connects), T_CASE(a_full_agent_connects_over_ipv6),
       T_CASE(a_controlled_agent_takes_the_other_role), T_CASE(a_wrong_password_gets_nowhere), T_CASE(a_restart))
