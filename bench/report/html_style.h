/* SPDX-License-Identifier: Apache-2.0 */
/**
 * html_style.h - the one style sheet of our pages. For html.c only.
 */
#ifndef CONSILIUM_BENCH_REPORT_HTML_STYLE_H
#define CONSILIUM_BENCH_REPORT_HTML_STYLE_H

/* Colours are told apart by people who see no red or no green, too; what is said by colour is also said in words. */
#define BENCH_HTML_LIGHT                                                                                               \
    "color-scheme:light;--bg:#f4f7f7;--card:#fff;--text:#1b2426;--muted:#536266;--line:#d5dedf;--accent:#0b5f59;"      \
    "--pass:#0a6337;--pass-bg:#e3f3ea;--fail:#b3261e;--fail-bg:#fbe9e7;--warn:#7a4f00;--warn-bg:#fff1d6;"              \
    "--shade:#e9f2f1;--s1:#0b7a72;--s2:#c8540a;--s3:#3465b0;--s4:#8a949a;"
#define BENCH_HTML_DARK                                                                                                \
    "color-scheme:dark;--bg:#14181d;--card:#1d232a;--text:#e6ebee;--muted:#a3b2b8;--line:#37424b;--accent:#5ad1c0;"    \
    "--pass:#7bd8a4;--pass-bg:#16332a;--fail:#ff9a90;--fail-bg:#40211f;--warn:#f5c965;--warn-bg:#3a2f16;"              \
    "--shade:#242d33;--s1:#4cc9ba;--s2:#f59d58;--s3:#86aef0;--s4:#8d989f;"

/* In parts: compilers need not take strings of more than 4095 bytes. The sheet is all of them together. */
static const char *const bench_html_style[] = {
    ":root{" BENCH_HTML_LIGHT "}\n"
    "@media screen and (prefers-color-scheme:dark){:root{" BENCH_HTML_DARK "}}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0;background:var(--bg);color:var(--text);font:16px/1.5 system-ui,sans-serif}\n"
    "main{max-width:1180px;margin:0 auto;padding:24px 16px 48px}\n"
    "h1{font-size:1.5rem;line-height:1.25;margin:0 0 4px}\n"
    "h2{font-size:1.15rem;margin:40px 0 12px}\n"
    "h3{font-size:1rem;margin:0}\n"
    ".sub{color:var(--muted);margin:0 0 20px;overflow-wrap:anywhere}\n"
    ".banner{display:flex;gap:16px;align-items:flex-start;padding:16px 20px;border-radius:10px;border:2px solid}\n"
    ".banner .sign{flex:none;width:2.25rem;height:2.25rem;margin-top:2px}\n"
    ".banner .sign circle{fill:currentColor}\n"
    ".banner .sign path{fill:none;stroke:var(--card);stroke-width:3;stroke-linecap:round;stroke-linejoin:round}\n"
    ".banner strong{display:block;letter-spacing:.06em}\n"
    ".banner p{margin:0;color:var(--text);font-size:1.05rem;overflow-wrap:anywhere}\n"
    ".pass{color:var(--pass)}.fail{color:var(--fail)}.warn{color:var(--warn)}\n"
    ".banner.pass{background:var(--pass-bg)}.banner.fail{background:var(--fail-bg)}"
    ".banner.warn{background:var(--warn-bg)}\n"
    ".tiles{display:grid;grid-template-columns:repeat(4,1fr);gap:12px;margin:16px 0 0;padding:0}\n"
    ".tiles div{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:12px 14px}\n"
    ".tiles dt{color:var(--muted);font-size:.875rem}\n"
    ".tiles dd{margin:0;font-size:1.35rem;font-weight:600;line-height:1.3;font-variant-numeric:tabular-nums}\n"
    ".tiles dd small{display:block;font-size:.8125rem;font-weight:400;color:var(--muted)}\n"
    ".card{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:4px 16px}\n"
    ".scroll{overflow-x:auto}\n"
    "table{border-collapse:collapse;width:100%;font-size:.9375rem;font-variant-numeric:tabular-nums}\n"
    "th,td{text-align:right;padding:7px 10px;border-bottom:1px solid var(--line);white-space:nowrap}\n"
    "th:first-child,td:first-child{text-align:left;padding-left:0}\n"
    "th:last-child,td:last-child{padding-right:0}\n"
    "tr:last-child>*{border-bottom:0}\n"
    "thead th{color:var(--muted);font-weight:500;font-size:.875rem}\n"
    "tbody th{font-weight:500}\n"
    "td.word{font-weight:600}td.none{font-weight:400;color:var(--muted)}\n"
    "table.about th{color:var(--muted);vertical-align:top;width:9.5rem}\n"
    "table.about td{text-align:left;white-space:normal;overflow-wrap:anywhere}\n"
    "code{font:.875rem/1.5 ui-monospace,monospace;overflow-wrap:anywhere}\n"
    "ul.failures{margin:0;padding:12px 16px 12px 36px;overflow-wrap:anywhere}\n",
    ".plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,460px),1fr));gap:16px}\n"
    ".plot{margin:0;background:var(--card);border:1px solid var(--line);border-radius:10px;padding:14px 16px 10px;"
    "min-width:0}\n"
    ".plot .head{display:flex;flex-wrap:wrap;gap:2px 12px;align-items:baseline}\n"
    ".plot .unit,.plot .hint{color:var(--muted);font-size:.8125rem}\n"
    ".plot .hint{margin:4px 0 0}\n"
    ".legend{display:flex;flex-wrap:wrap;gap:0 16px;list-style:none;margin:2px 0 0;padding:0;font-size:.875rem}\n"
    ".legend svg{width:22px;height:10px;margin-right:6px}\n"
    ".frame{height:200px;margin:16px 16px 30px 52px}\n"
    ".frame.named{margin-bottom:44px}\n"
    ".frame>svg{display:block;width:100%;height:100%;overflow:visible}\n"
    ".grid{stroke:var(--line);stroke-width:1}.axis{stroke:var(--muted);stroke-width:1}\n"
    ".tick{fill:var(--muted);font-size:12px;font-variant-numeric:tabular-nums}\n"
    ".measured{fill:var(--shade)}\n"
    ".limit{stroke:var(--fail);stroke-width:1.5;stroke-dasharray:2 4}\n"
    ".hit{fill:transparent}.hit:hover{fill:var(--text);fill-opacity:.1}\n"
    ".line{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}\n"
    ".dots{fill:none;stroke-width:7;stroke-linecap:round}\n"
    ".area{stroke:var(--card);stroke-width:1}\n"
    ".line.c2{stroke-dasharray:6 4}\n"
    ".line.c1,.dots.c1{stroke:var(--s1)}.line.c2,.dots.c2{stroke:var(--s2)}.line.c3{stroke:var(--s3)}"
    ".line.c4{stroke:var(--s4)}\n"
    ".area.c1{fill:var(--s1)}.area.c2{fill:var(--s2)}.area.c3{fill:var(--s3)}.area.c4{fill:var(--s4)}\n"
    "details{margin:4px 0 0;font-size:.875rem}\n"
    "summary{cursor:pointer;color:var(--accent);padding:6px 0}\n"
    "summary:focus-visible{outline:2px solid var(--accent);outline-offset:2px}\n"
    "details .scroll{max-height:320px;overflow:auto}\n"
    ".nothing{color:var(--muted);margin:24px 0}\n"
    ".note{color:var(--muted);font-size:.9375rem;max-width:75ch}\n"
    "@media (max-width:760px){.tiles{grid-template-columns:1fr 1fr}}\n"
    "@media (max-width:520px){table{font-size:.8125rem}th,td{padding:7px 4px}thead "
    "th{font-size:.8125rem}main{padding:16px 10px 32px}.banner{padding:12px 14px;gap:12px}"
    ".tiles{gap:8px}.tiles dd{font-size:1.15rem}.card,.plot{padding-left:12px;"
    "padding-right:12px}.frame{height:170px;margin-left:44px;margin-right:14px}"
    "table.about,table.about tbody,table.about tr,table.about th,table.about td{display:block;width:auto;padding:0;"
    "border:0;text-align:left}table.about tr{border-bottom:1px solid var(--line);padding:7px 0}"
    "table.about{font-size:.9375rem}table.about tr:last-child{border-bottom:0}}\n"
    "@media print{body{background:#fff;font-size:11pt}main{max-width:none;padding:0}*{print-color-adjust:exact;"
    "-webkit-print-color-adjust:exact}.plot,.banner,.tiles div,tr{break-inside:avoid}h2{break-after:avoid}"
    "details{display:none}.tiles{grid-template-columns:repeat(4,1fr)}.plots{grid-template-columns:1fr "
    "1fr}.frame{height:150px}.scroll{overflow:visible}"
    "th,td{padding:4px 6px;white-space:normal}}\n"};

#endif
