/** The style of the HTML report: paper and ink, the data is the colour. Series in Okabe–Ito hues, the baseline neutral. */
const LIGHT = `--paper:#fff;--ink:#1d1f21;--soft:#5c6166;--rule:#dcdfe2;--grid:#eceef0;--tint:#f6f7f8;--accent:#0b5cad;--warn:#8a4b00;--warn-tint:#fdf4e3;
--b:#3a3f44;--c0:#0072b2;--c1:#d55e00;--c2:#009e73;--c3:#cc79a7;--c4:#e69f00;--c5:#56b4e9;--c6:#b5a900;
--t0:#0072b2;--t1:#b34f00;--t2:#007a59;--t3:#a84f80;--t4:#8f6200;--t5:#1f78ad;--t6:#6f6800;`;
const DARK = `--paper:#16181a;--ink:#e6e8ea;--soft:#a0a6ac;--rule:#34383c;--grid:#25282b;--tint:#1e2124;--accent:#7ab8f0;--warn:#f0b95e;--warn-tint:#2c2417;
--b:#c9ced3;--c0:#3d9bd6;--c1:#ee7d2b;--c2:#1fbf92;--c3:#dd93ba;--c4:#f0b02e;--c5:#7cc6f2;--c6:#f0e442;
--t0:#5badde;--t1:#f08a3e;--t2:#2fc79c;--t3:#e0a0c2;--t4:#f0b02e;--t5:#7cc6f2;--t6:#f0e442;`;

const series = Array.from({ length: 7 }, (_, index) => `.s${index}{--c:var(--c${index});--t:var(--t${index})}`).join('');

export const STYLE = `:root{${LIGHT}color-scheme:light dark}
@media (prefers-color-scheme:dark){:root{${DARK}}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:14px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif;font-variant-numeric:tabular-nums}
main{max-width:1000px;margin:0 auto;padding:48px 32px 96px}
h1{font-size:26px;line-height:1.25;font-weight:600;margin:0 0 8px;overflow-wrap:anywhere}
h2{font-size:19px;font-weight:600;margin:56px 0 12px;padding-top:16px;border-top:1px solid var(--rule)}
h3{font-size:14px;font-weight:600;margin:28px 0 8px}
p{margin:8px 0;max-width:76ch}
.lead{color:var(--soft);margin:0 0 20px}
.warning{color:var(--warn);background:var(--warn-tint);border-left:3px solid var(--warn);padding:6px 12px}
nav{display:flex;flex-wrap:wrap;gap:4px 20px;font-size:13px}
a{color:var(--accent);text-decoration:none}a:hover{text-decoration:underline}
ul,ol{margin:8px 0;padding-left:22px;max-width:76ch}li{margin:3px 0;overflow-wrap:anywhere}
dl{margin:8px 0}
dl div{display:grid;grid-template-columns:190px 1fr;gap:16px;padding:3px 0;border-bottom:1px solid var(--grid)}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
code{font:12.5px/1.5 ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace}
pre{background:var(--tint);border:1px solid var(--rule);border-radius:6px;padding:12px 14px;overflow-x:auto;margin:8px 0 16px;max-height:480px;overflow-y:auto}
.scroll{overflow-x:auto;margin:8px 0 12px}
table{border-collapse:collapse;font-size:13px;min-width:60%}
th{font-weight:600;text-align:left;vertical-align:bottom;border-bottom:1px solid var(--soft);padding:4px 20px 6px 0;max-width:220px}
td{padding:4px 20px 4px 0;border-bottom:1px solid var(--grid);vertical-align:top}
th:last-child,td:last-child{padding-right:4px}
.r{text-align:right}td.r{white-space:nowrap}
.aligned td{white-space:pre}.aligned td:first-child{white-space:normal;overflow-wrap:break-word;min-width:170px;max-width:320px}
.marked td{color:var(--warn);background:var(--warn-tint)}
figure{margin:16px 0 24px}figure svg{display:block;width:100%;height:auto}.chart svg{min-width:840px}
figcaption{color:var(--soft);font-size:12.5px;max-width:84ch;margin-top:6px}
details{margin-top:6px;font-size:13px}summary{cursor:pointer;color:var(--accent)}
.panels{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(270px,100%),1fr));gap:16px 20px}
.panel p{margin:0 0 2px;font-weight:600;font-size:13px;color:var(--t);overflow-wrap:anywhere}
.sb{--c:var(--b);--t:var(--ink)}${series}
svg text{font:11.5px system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif;font-variant-numeric:tabular-nums}
.tick,.axis{fill:var(--soft)}.label{fill:var(--t)}.ink{fill:var(--ink)}
.grid{stroke:var(--grid);fill:none}.zero{stroke:var(--soft);fill:none}
.line{stroke:var(--c);fill:none;stroke-width:1.8;stroke-linejoin:round;stroke-linecap:round}.faint{stroke-width:1.2;opacity:.8}
.band{fill:var(--c);opacity:.18}.dot,.mean{fill:var(--c)}.pair{fill:var(--c);opacity:.55}.whisker{stroke:var(--c);fill:none;stroke-width:1.8}
:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
@media (max-width:640px){main{padding:24px 16px 48px}dl div{grid-template-columns:1fr;gap:0}}
@media print{:root{${LIGHT}color-scheme:light}body{font-size:10.5pt}main{max-width:none;padding:0}nav,details{display:none}pre{max-height:none;white-space:pre-wrap;overflow-wrap:anywhere}h2{margin-top:28px;break-after:avoid}h3{break-after:avoid}figure,tr,dl div{break-inside:avoid}.scroll{overflow:visible}.chart svg{min-width:0}}
`;
