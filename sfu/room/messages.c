/* SPDX-License-Identifier: Apache-2.0 */
#include "sfu/room/messages.h"

const char *sfu_reason_name(enum sfu_reason reason)
{
    switch (reason) {
    case SFU_REASON_NONE:
        return "none";
    case SFU_REASON_LEFT:
        return "left";
    case SFU_REASON_TIMEOUT:
        return "timeout";
    case SFU_REASON_REPLACED:
        return "replaced";
    case SFU_REASON_REMOVED:
        return "removed";
    case SFU_REASON_ROOM_CLOSED:
        return "room_closed";
    case SFU_REASON_ROOM_TIME_OVER:
        return "room_time_over";
    case SFU_REASON_SHUTDOWN:
        return "server_shutdown";
    case SFU_REASON_ROOM_FULL:
        return "room_full";
    case SFU_REASON_ROOM_NOT_OPEN:
        return "room_not_open";
    case SFU_REASON_NO_RESOURCES:
        return "busy";
    }
    return "unknown";
}

const char *sfu_source_name(enum sfu_source source)
{
    switch (source) {
    case SFU_SOURCE_MIC:
        return "mic";
    case SFU_SOURCE_CAMERA:
        return "camera";
    case SFU_SOURCE_SCREEN:
        return "screen";
    case SFU_SOURCE_SCREEN_AUDIO:
        return "screen_audio";
    }
    return "unknown";
}
