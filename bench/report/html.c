/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/report/html.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <string.h>

#include "base/err.h"
#include "bench/report/html_style.h"

void bench_html_text(FILE *out, const char *text)
{
    char clean[4096];
    bench_text_clean(clean, sizeof clean, text);
    for (const char *at = clean; *at != '\0'; at++) {
        switch (*at) {
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '&':
            fputs("&amp;", out);
            break;
        case '"':
            fputs("&quot;", out);
            break;
        case '\'':
            fputs("&#39;", out);
            break;
        default:
            fputc(*at, out);
        }
    }
}

#define STYLE_PARTS (sizeof bench_html_style / sizeof bench_html_style[0])

/** The page may use its own style and nothing else. Without a hash (no SHA-256) it goes without the policy. */
static void policy(FILE *out)
{
    unsigned char digest[EVP_MAX_MD_SIZE], text[2 * EVP_MAX_MD_SIZE];
    unsigned len = 0;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool ok = context != NULL && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1;
    for (size_t i = 0; ok && i < STYLE_PARTS; i++)
        ok = EVP_DigestUpdate(context, bench_html_style[i], strlen(bench_html_style[i])) == 1;
    ok = ok && EVP_DigestFinal_ex(context, digest, &len) == 1;
    EVP_MD_CTX_free(context);
    if (!ok)
        return;
    EVP_EncodeBlock(text, digest, (int)len);
    fprintf(out,
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-%s'; "
            "base-uri 'none'; form-action 'none'\" />\n",
            (const char *)text);
}

void bench_html_begin(FILE *out, const char *title)
{
    fputs("<!DOCTYPE html>\n<html xmlns=\"http://www.w3.org/1999/xhtml\" lang=\"en\">\n<head>\n"
          "<meta charset=\"utf-8\" />\n",
          out);
    policy(out);
    fputs("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\" />\n"
          "<meta name=\"referrer\" content=\"no-referrer\" />\n<title>",
          out);
    bench_html_text(out, title);
    fputs("</title>\n<style>", out);
    for (size_t i = 0; i < STYLE_PARTS; i++)
        fputs(bench_html_style[i], out);
    fputs("</style>\n</head>\n<body>\n<main>\n", out);
}

int bench_html_end(FILE *out)
{
    fputs("</main>\n</body>\n</html>\n", out);
    return fflush(out) != 0 || ferror(out) ? BASE_ERR_IO : 0;
}

void bench_html_banner(FILE *out, enum bench_html_look look, const char *word, const char *sentence)
{
    static const struct {
        const char *name, *sign;
    } looks[] = {{"pass", "M10 19l6 6 11-13"},          /* a check mark */
                 {"fail", "M12 12l12 12M24 12l-12 12"}, /* a cross */
                 {"warn", "M18 9v11M18 26.5v.1"}};      /* an exclamation mark */
    fprintf(out,
            "<div class=\"banner %s\"><svg xmlns=\"http://www.w3.org/2000/svg\" class=\"sign\" viewBox=\"0 0 36 36\" "
            "aria-hidden=\"true\"><circle cx=\"18\" cy=\"18\" r=\"18\" /><path d=\"%s\" /></svg>\n<div><strong>",
            looks[look].name, looks[look].sign);
    bench_html_text(out, word);
    fputs("</strong><p>", out);
    bench_html_text(out, sentence);
    fputs("</p></div></div>\n", out);
}

void bench_html_banner_of(FILE *out, const struct bench_result *result)
{
    char sentence[1024];
    enum bench_verdict_word word = bench_report_word(result);
    const char *text = sentence;
    bench_report_sentence(result, sentence, sizeof sentence);
    /* the word stands above the sentence already */
    if (word == BENCH_WORD_PASSED || word == BENCH_WORD_FAILED || word == BENCH_WORD_SATURATED)
        text = strstr(sentence, ": ") != NULL ? strstr(sentence, ": ") + 2 : sentence;
    bench_html_banner(out,
                      word == BENCH_WORD_PASSED   ? BENCH_LOOK_GOOD
                      : word == BENCH_WORD_FAILED ? BENCH_LOOK_BAD
                                                  : BENCH_LOOK_DOUBT,
                      bench_report_word_text(word), text);
}

static void code_row(FILE *out, const char *name, const char *text)
{
    if (text[0] == '\0')
        return;
    fprintf(out, "<tr><th scope=\"row\">%s</th><td><code>", name);
    bench_html_text(out, text);
    fputs("</code></td></tr>\n", out);
}

void bench_html_about(FILE *out, const struct bench_result *result, const char *command_line)
{
    const char *server = result->target_version[0] != '\0' ? result->target_version : result->target;
    fputs("<h2>How this was made</h2>\n<div class=\"card\"><table class=\"about\"><tbody>\n", out);
    code_row(out, "Command", command_line);
    bench_html_rowf(out, "Seed", "%" PRIu64, result->seed);
    bench_html_rowf(out, "Scenario", "%s%s%s", result->scenario, result->description[0] != '\0' ? ": " : "",
                    result->description);
    bench_html_row(out, "Server", server);
    code_row(out, "Server command", result->target_command);
    bench_html_row(out, "Network profile", result->network);
    bench_html_row(out, "Machine", result->machine);
    bench_html_row(out, "Versions", result->versions);
    bench_html_row(out, "Started (UTC)", result->started);
    bench_html_rowf(out, "Measured", "%.0f s", result->measured_s);
    bench_html_row(out, "Ended early", result->ended);
    fputs(
        "</tbody></table></div>\n"
        "<p class=\"note\">Expected packets are those that publishers sent while the receiver should have got them; a "
        "track that never came counts with all of its packets. Service levels judge the worst kind of media. Delay "
        "runs "
        "from the publisher's send call to the arrival in the receiving kernel, by one clock. All media are "
        "synthetic.</p>\n",
        out);
}

void bench_html_tile(FILE *out, const char *name, const char *value, const char *note)
{
    fputs("<div><dt>", out);
    bench_html_text(out, name);
    fputs("</dt><dd>", out);
    bench_html_text(out, value);
    if (note[0] != '\0') {
        fputs("<small>", out);
        bench_html_text(out, note);
        fputs("</small>", out);
    }
    fputs("</dd></div>\n", out);
}

void bench_html_row(FILE *out, const char *name, const char *text)
{
    if (text[0] == '\0')
        return;
    fputs("<tr><th scope=\"row\">", out);
    bench_html_text(out, name);
    fputs("</th><td>", out);
    bench_html_text(out, text);
    fputs("</td></tr>\n", out);
}

void bench_html_rowf(FILE *out, const char *name, const char *format, ...)
{
    char text[1200];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    bench_html_row(out, name, text);
}

void bench_html_verdicts(FILE *out, const struct bench_result *result)
{
    if (result->verdict_count == 0)
        return;
    fputs(
        "<h2>Service levels</h2>\n<div class=\"card scroll\"><table><thead><tr><th scope=\"col\">Level</th>"
        "<th scope=\"col\">Verdict</th><th scope=\"col\">Value</th><th scope=\"col\">Limit</th></tr></thead><tbody>\n",
        out);
    for (unsigned i = 0; i < result->verdict_count; i++) {
        const struct bench_verdict *verdict = &result->verdicts[i];
        if (!verdict->asked && !verdict->known)
            continue;
        fputs("<tr><th scope=\"row\">", out);
        bench_html_text(out, verdict->name);
        const char *word = !verdict->asked ? "not asked" : verdict->ok ? "✓ pass" : "✕ FAIL";
        const char *look = !verdict->asked ? "none" : verdict->ok ? "pass" : "fail";
        fprintf(out, "</th><td class=\"word %s\">%s</td><td>", look, word);
        bench_html_text(out, verdict->known ? bench_text_level(verdict->value, verdict->unit).s : "not known");
        fputs("</td><td>", out);
        bench_html_text(out, verdict->asked ? bench_text_level(verdict->limit, verdict->unit).s : "-");
        fputs("</td></tr>\n", out);
    }
    fputs("</tbody></table></div>\n", out);
}
