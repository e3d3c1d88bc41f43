/* SPDX-License-Identifier: Apache-2.0 */
/* Synthetic pictures, in integers only: somebody before a bookshelf, with the noise of a camera; pages of text and
 * tables with a mouse pointer. Sizes are shares of the picture's, so that all layers of a source show the same. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "bench/media/clip_internal.h"

struct canvas {
    uint8_t *y, *u, *v;
    int32_t width, height;
};

struct color {
    uint8_t y, u, v;
};

static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    return x ^ x >> 31;
}

/* About 256 * sin(2 pi phase / 1024). */
static int32_t wave(uint32_t phase)
{
    int32_t x = (int32_t)(phase & 511) - 256; /* -256..255 over half a period */
    int32_t arch = 256 - x * x / 256;
    return (phase & 512) != 0 ? -arch : arch;
}

static void span(const struct canvas *c, int32_t from, int32_t to, int32_t row, struct color color)
{
    from = from < 0 ? 0 : from;
    to = to > c->width ? c->width : to;
    if (row < 0 || row >= c->height || from >= to)
        return;
    size_t line = (size_t)row * (size_t)c->width;
    memset(c->y + line + from, color.y, (size_t)(to - from));
    if ((row & 1) != 0)
        return;
    line = (size_t)(row / 2) * (size_t)(c->width / 2);
    memset(c->u + line + from / 2, color.u, (size_t)((to + 1) / 2 - from / 2));
    memset(c->v + line + from / 2, color.v, (size_t)((to + 1) / 2 - from / 2));
}

static void box(const struct canvas *c, int32_t x, int32_t y, int32_t width, int32_t height, struct color color)
{
    for (int32_t row = y; row < y + height; row++)
        span(c, x, x + width, row, color);
}

static void ellipse(const struct canvas *c, int32_t x, int32_t y, int32_t half_width, int32_t half_height,
                    struct color color)
{
    if (half_width <= 0 || half_height <= 0)
        return;
    for (int32_t dy = -half_height; dy <= half_height; dy++) {
        double share = (double)dy / half_height;
        int32_t half = (int32_t)(half_width * sqrt(1 - share * share)); /* IEEE: exact and the same everywhere */
        span(c, x - half, x + half, y + dy, color);
    }
}

/* ---- camera --------------------------------------------------------------------------------------------------- */

/* Wall, lighter to one side, and the backs of books. */
static void draw_room(const struct canvas *c, uint64_t seed)
{
    for (int32_t row = 0; row < c->height; row++) {
        uint8_t *line = c->y + (size_t)row * (size_t)c->width;
        for (int32_t x = 0; x < c->width; x++)
            line[x] = (uint8_t)(70 + x * 70 / c->width + row * 30 / c->height);
    }
    size_t chroma = (size_t)c->width * (size_t)c->height / 4;
    memset(c->u, 118, chroma);
    memset(c->v, 136, chroma);
    for (int32_t shelf = 0; shelf < 3; shelf++)
        for (int32_t book = 0; book < 28; book++) {
            uint64_t look = mix(seed + (uint64_t)(shelf * 100 + book));
            int32_t height = c->height * (15 + (int32_t)(look % 8)) / 100;
            int32_t bottom = c->height * (28 + shelf * 27) / 100;
            box(c, c->width * book / 28, bottom - height, c->width / 34 + 1, height,
                (struct color){(uint8_t)(50 + look / 8 % 130), (uint8_t)(100 + look / 1024 % 56),
                               (uint8_t)(100 + look / 65536 % 56)});
        }
}

static void draw_person(const struct canvas *c, uint64_t seed, uint32_t ms)
{
    const int32_t w = c->width, h = c->height;
    uint32_t own = (uint32_t)(seed % 1024);
    int32_t sway = wave(ms / 4 + own) * w / 3200 + wave(ms / 11) * w / 5200, nod = wave(ms / 3 + own) * h / 6400;
    int32_t x = w / 2 + sway, y = h * 42 / 100 + nod;
    const struct color coat = {205, 126, 128}, skin = {165, 108, 152}, hair = {45, 124, 132}, dark = {30, 128, 128};
    ellipse(c, x, h * 112 / 100, w * 27 / 100, h * 46 / 100, coat);
    ellipse(c, x, y - h * 7 / 100, w * 12 / 100, h * 25 / 100, hair);
    ellipse(c, x, y, w * 10 / 100, h * 24 / 100, skin);
    ellipse(c, x - w * 4 / 100, y - h * 4 / 100, w * 12 / 1000, h * 2 / 100, dark);
    ellipse(c, x + w * 4 / 100, y - h * 4 / 100, w * 12 / 1000, h * 2 / 100, dark);
    int32_t open = wave(ms * 4 + own) + 256; /* four syllables a second */
    ellipse(c, x, y + h * 11 / 100, w * 3 / 100, h / 100 + open * h / 12000, dark);
    int32_t hand = wave(ms / 2 + own);
    ellipse(c, w * 72 / 100 + hand * w / 5000, h * 74 / 100 + wave(ms * 3 / 4) * h / 2600, w * 4 / 100, h * 9 / 100,
            skin);
}

static void add_noise(uint8_t *luma, size_t count, uint32_t noise, uint64_t state)
{
    state |= 1;
    for (size_t i = 0; i + 8 <= count; i += 8) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        for (unsigned k = 0; k < 8; k++) {
            int32_t value = luma[i + k] + (int32_t)((state >> 8 * k & 0xFF) * noise >> 8) - (int32_t)(noise / 2);
            luma[i + k] = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
        }
    }
}

static void draw_camera(const struct canvas *c, const struct bench_clip_config *config, uint32_t noise, uint32_t frame)
{
    draw_room(c, config->seed);
    draw_person(c, config->seed, frame * 1000 / config->fps);
    if (noise != 0)
        add_noise(c->y, (size_t)c->width * (size_t)c->height, noise,
                  mix(config->seed ^ mix((uint64_t)frame << 32 | (uint32_t)c->width)));
}

/* ---- screen --------------------------------------------------------------------------------------------------- */

/* One of 64 made-up letters of 5 by 7 dots, `dot` pixels each. */
static void draw_glyph(const struct canvas *c, int32_t x, int32_t y, int32_t dot, unsigned letter, struct color color)
{
    uint64_t dots = mix(letter % 64 + 1000);
    for (int32_t row = 0; row < 7; row++)
        for (int32_t column = 0; column < 5; column++)
            if ((dots >> (row * 5 + column) & 1) != 0)
                box(c, x + column * dot, y + row * dot, dot, dot, color);
}

/* Words in lines within the box; `letters`: no more than so many. */
static void draw_text(const struct canvas *c, int32_t x, int32_t y, int32_t width, int32_t height, int32_t dot,
                      uint64_t seed, uint32_t letters)
{
    const struct color ink = {25, 128, 128};
    int32_t step = 6 * dot, line = 11 * dot;
    for (int32_t row = y; row + line <= y + height; row += line) {
        int32_t end = x + width - (int32_t)(mix(seed + (uint64_t)row) % 6) * 4 * step;
        for (int32_t at = x; at + step <= end; at += step) {
            uint64_t look = mix(seed + (uint64_t)row * 8192 + (uint64_t)at);
            if (letters-- == 0)
                return;
            if (look % 6 != 0) /* else between words */
                draw_glyph(c, at, row, dot, (unsigned)(look >> 8), ink);
        }
    }
}

static void draw_table(const struct canvas *c, int32_t x, int32_t y, int32_t width, int32_t height, int32_t dot,
                       uint64_t seed)
{
    const struct color line = {150, 128, 128}, head = {95, 150, 110}, odd = {228, 132, 124};
    int32_t rows = height / (14 * dot), columns = 5;
    for (int32_t row = 0; row < rows; row++) {
        int32_t top = y + row * 14 * dot;
        if (row == 0 || row % 2 == 1)
            box(c, x, top, width, 14 * dot, row == 0 ? head : odd);
        box(c, x, top, width, dot, line);
        for (int32_t column = 0; column < columns; column++) {
            int32_t left = x + width * column / columns;
            box(c, left, top, dot, 14 * dot, line);
            draw_text(c, left + 3 * dot, top + 3 * dot, width / columns - 6 * dot, 11 * dot, dot,
                      seed + (uint64_t)(row * columns + column), 3 + (uint32_t)(mix(seed + (uint64_t)row) % 7));
        }
    }
}

/* An image of a study: grey, round, with grain. */
static void draw_scan(const struct canvas *c, int32_t x, int32_t y, int32_t width, int32_t height, uint32_t noise,
                      uint64_t seed)
{
    box(c, x, y, width, height, (struct color){40, 128, 128});
    ellipse(c, x + width / 2, y + height / 2, width * 42 / 100, height * 44 / 100, (struct color){150, 128, 128});
    ellipse(c, x + width * 2 / 5, y + height / 2, width / 7, height / 4, (struct color){90, 128, 128});
    ellipse(c, x + width * 3 / 5, y + height / 2, width / 7, height / 4,
            (struct color){(uint8_t)(80 + seed % 100), 128, 128});
    for (int32_t row = y; row < y + height && noise != 0; row++)
        add_noise(c->y + (size_t)row * (size_t)c->width + x, (size_t)width, noise, mix(seed + (uint64_t)row));
}

static void draw_screen(const struct canvas *c, const struct bench_clip_config *config, uint32_t noise, uint32_t frame)
{
    const int32_t w = c->width, h = c->height;
    const int32_t dot = h >= 1620 ? h / 540 : h >= 720 ? 2 : 1;
    uint32_t page = frame / (config->fps * BENCH_PAGE_SECONDS), of_page = frame % (config->fps * BENCH_PAGE_SECONDS);
    uint64_t seed = mix(config->seed + page * 77);
    box(c, 0, 0, w, h, (struct color){245, 128, 128});
    box(c, 0, 0, w, h * 5 / 100, (struct color){95, 140, 118});
    /* The more bits there are, the fuller the page, and the larger the image on it. */
    uint32_t rich = bench_screen_richness(config);
    int32_t fill = rich < 100 ? (int32_t)rich : 100;
    draw_text(c, w * 3 / 100, h * 8 / 100, w * 44 / 100, h * fill * 76 / 10000, dot, seed, UINT32_MAX);
    if (rich < 120)
        draw_table(c, w * 51 / 100, h * 8 / 100, w * 46 / 100, h * fill / 200, dot, seed + 1);
    int32_t top = rich < 120 ? h * 62 / 100 : h * 8 / 100;
    draw_scan(c, w * 51 / 100, top, w * 46 / 100, h * 86 / 100 - top, noise, seed + 2);
    /* somebody types, and moves the mouse */
    draw_text(c, w * 3 / 100, h * 90 / 100, w * 90 / 100, 22 * dot, dot, seed + 3, of_page * 15 / config->fps);
    uint32_t ms = frame * 1000 / config->fps;
    int32_t x = w / 2 + wave(ms / 6) * w / 700, y = h / 2 + wave(ms / 9) * h / 900;
    for (int32_t row = 0; row < 12 * dot; row++)
        span(c, x, x + row * 2 / 3 + 1, y + row, (struct color){16, 128, 128});
}

uint32_t bench_screen_richness(const struct bench_clip_config *config)
{
    uint64_t pixels = (uint64_t)config->width * config->height;
    assert(pixels != 0);
    uint64_t percent = (uint64_t)config->bitrate_bps * BENCH_KEY_FRAME_SECONDS * 110 / pixels;
    if (config->codec == BENCH_VP9)
        percent = percent * 3 / 2; /* it needs fewer bits for the same */
    return percent > 1000 ? 1000 : (uint32_t)percent;
}

void bench_picture_draw(const struct bench_clip_config *config, uint32_t noise, uint32_t frame, uint8_t *i420)
{
    size_t luma = (size_t)config->width * config->height;
    const struct canvas canvas = {.y = i420,
                                  .u = i420 + luma,
                                  .v = i420 + luma + luma / 4,
                                  .width = (int32_t)config->width,
                                  .height = (int32_t)config->height};
    if (config->kind == BENCH_CLIP_SCREEN)
        draw_screen(&canvas, config, noise, frame);
    else
        draw_camera(&canvas, config, noise, frame);
}

double bench_picture_psnr(const uint8_t *a, uint32_t a_stride, const uint8_t *b, uint32_t b_stride, uint32_t width,
                          uint32_t height)
{
    uint64_t sum = 0;
    for (uint32_t row = 0; row < height; row++) {
        const uint8_t *p = a + (size_t)row * a_stride, *q = b + (size_t)row * b_stride;
        uint32_t line = 0; /* 65025 * 65535 fits */
        for (uint32_t x = 0; x < width; x++) {
            int32_t difference = p[x] - q[x];
            line += (uint32_t)(difference * difference);
        }
        sum += line;
    }
    if (sum == 0)
        return 99;
    double psnr = 10 * log10(255.0 * 255.0 * width * height / (double)sum);
    return psnr < 99 ? psnr : 99;
}

uint64_t bench_picture_hash(const uint8_t *plane, uint32_t stride, uint32_t width, uint32_t height)
{
    uint64_t hash = 0;
    for (uint32_t row = 0; row < height; row++) {
        const uint8_t *line = plane + (size_t)row * stride;
        for (uint32_t x = 0; x < width; x += 8) {
            uint64_t word = 0;
            memcpy(&word, line + x, width - x < 8 ? width - x : 8);
            hash = (hash ^ word) * 0x9E3779B97F4A7C15u; /* odd: each step can be undone, so no single change is lost */
            hash = hash << 29 | hash >> 35;
        }
    }
    return mix(hash);
}
