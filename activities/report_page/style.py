"""How the page looks: light, dark, on a phone, on paper. No font, image or script comes from elsewhere."""

import base64
import hashlib
from typing import Final

CSS: Final = """
:root{color-scheme:light dark;--bg:#fff;--fg:#1c2128;--dim:#57606a;--line:#d0d7de;--soft:#f6f8fa;
--ok:#116329;--bad:#a40e26;--wait:#7d4e00;--link:#0550ae;--addbg:#dafbe1;--delbg:#ffebe9;--hunk:#6639ba}
@media (prefers-color-scheme:dark){:root{--bg:#0d1117;--fg:#e6edf3;--dim:#9da7b3;--line:#30363d;
--soft:#161b22;--ok:#56d364;--bad:#ff7b72;--wait:#e3b341;--link:#79c0ff;--addbg:#12361f;--delbg:#4a1c20;
--hunk:#d2a8ff}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:60rem;padding:1rem;background:var(--bg);color:var(--fg);
font:16px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
h1{font-size:1.45rem;line-height:1.25;margin:.3rem 0}
h2{font-size:1.15rem;margin:0 0 .5rem}
h3{font-size:1rem;margin:1rem 0 .3rem}
section{margin:1.4rem 0;padding-top:1rem;border-top:1px solid var(--line)}
p,ul,dl,figure,blockquote{margin:.5rem 0}
ul{padding-left:1.2rem}
a{color:var(--link)}
a:focus-visible,pre:focus-visible{outline:3px solid var(--link);outline-offset:2px}
nav a{display:inline-block;padding:.15rem .9rem .15rem 0}
code,pre{font:.85rem/1.45 ui-monospace,monospace}
pre{margin:.5rem 0;padding:.7rem;overflow-x:auto;background:var(--soft);border:1px solid var(--line);
border-radius:6px;white-space:pre;overflow-wrap:normal}
.status{display:inline-block;padding:.1rem .7rem;border:2px solid;border-radius:1rem;font-weight:700}
.good-end{color:var(--ok)}.bad-end{color:var(--bad)}.neutral-end{color:var(--wait)}
blockquote{padding:.1rem .9rem;border-left:4px solid var(--line)}
.note,dt,caption{color:var(--dim);font-size:.9rem}
dl>div{display:grid;grid-template-columns:9rem 1fr;gap:.2rem .8rem}
dd{margin:0}
table{width:100%;border-collapse:collapse;margin:.5rem 0}
caption{text-align:left;padding:.2rem 0}
th,td{text-align:left;vertical-align:top;padding:.3rem .7rem .3rem 0;border-bottom:1px solid var(--line)}
thead th{font-size:.9rem;color:var(--dim)}
tbody th{font-weight:600}
td,tbody th{min-width:6.5rem}
.diff{padding:.5rem 0}
.diff code{display:block;width:max-content;min-width:100%}
.diff span{display:block;padding:0 .7rem}
.diff .add{background:var(--addbg)}.diff .del{background:var(--delbg)}
.diff .hunk{color:var(--hunk)}.diff .file{font-weight:700}
svg{display:block;width:100%;background:var(--soft)}
.bar{height:1.1rem;margin-top:.2rem}.strip{height:3rem}
rect.ok,rect.good{fill:var(--ok)}rect.failed,rect.bad{fill:var(--bad)}rect.wait{fill:var(--wait)}
.timeline td:nth-child(2){width:38%}
.timeline td:nth-child(3){white-space:nowrap}
.scale{display:flex;justify-content:space-between;color:var(--dim);font-size:.8rem}
.yes{color:var(--ok);font-weight:700}.no{color:var(--bad);font-weight:700}
footer{margin-top:2rem;border-top:1px solid var(--line);color:var(--dim);font-size:.9rem}
@media (max-width:720px){
dl>div{grid-template-columns:1fr;gap:0;margin-bottom:.5rem}
thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
table,caption,tbody,tr,tbody th,td{display:block;width:auto;padding:0;border:0}
td,tbody th{min-width:0}
tr{padding:.6rem 0;border-bottom:1px solid var(--line)}
td[data-label]::before{content:attr(data-label) ": ";color:var(--dim);font-size:.85rem}
.timeline td:nth-child(2){width:auto}
.timeline td:nth-child(2)::before{content:none}
}
@media print{:root{--bg:#fff;--fg:#000;--dim:#333;--line:#999;--soft:#fff;--ok:#116329;--bad:#a40e26;
--wait:#7d4e00;--link:#000;--addbg:#eee;--delbg:#ddd;--hunk:#333}
body{max-width:none;font-size:11pt}nav{display:none}pre{white-space:pre-wrap}
section,tr,figure{break-inside:avoid}rect{print-color-adjust:exact}}
""".strip()

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; style-src 'sha256-"
    + base64.b64encode(hashlib.sha256(CSS.encode()).digest()).decode()
    + "'; base-uri 'none'; form-action 'none'"
)
"""Nothing is loaded, run or sent, whatever else may have found its way into the page."""
