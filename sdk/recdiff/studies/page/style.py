"""How the report looks: one column, light or dark as the reader's system is, tables that scroll on a phone."""

STYLE = """
:root{--ink:#1b1f24;--soft:#5b6570;--paper:#fff;--panel:#f4f6f8;--line:#d9dee3;--accent:#0b6aa2}
@media (prefers-color-scheme:dark){:root{--ink:#e6e9ec;--soft:#9aa5b0;--paper:#14171a;--panel:#1d2226;--line:#333a41;
--accent:#6bb7ec}}
*{box-sizing:border-box}
html{scroll-behavior:smooth}
@media (prefers-reduced-motion:reduce){html{scroll-behavior:auto}}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,
"DejaVu Sans",sans-serif;overflow-wrap:break-word}
header,main,footer{max-width:74rem;margin:0 auto;padding:0 1.25rem}
header{padding-top:2rem}
h1{font-size:1.75rem;line-height:1.2;margin:0 0 .5rem}
h2{font-size:1.4rem;margin:2.5rem 0 .25rem}
h3{font-size:1.2rem;margin:0 0 .25rem}
h4{font-size:1rem;margin:0 0 .25rem}
a{color:var(--accent)}
header>p,.question,.says p{max-width:46rem}
nav{display:flex;flex-wrap:wrap;gap:.5rem 2.5rem;padding:.9rem 1rem;background:var(--panel);border-radius:.5rem}
nav ul{list-style:none;margin:.2rem 0 0;padding:0}
nav a{display:inline-block;padding:.2rem 0}
section{border-top:1px solid var(--line);margin-top:1.5rem;padding-top:1.5rem}
.question{color:var(--soft);margin:.25rem 0 1rem}
.facts{color:var(--soft);font-size:.875rem;margin:.4rem 0}
.says{border-left:3px solid var(--accent);padding:.1rem 0 .1rem 1rem;margin:1rem 0}
.says p{margin:.4rem 0}
figure{margin:1.5rem 0}
.picture{overflow-x:auto}
.picture svg{display:block;width:100%;height:auto}
figcaption{color:var(--soft);font-size:.875rem;margin-top:.4rem;max-width:46rem}
.table{overflow-x:auto;margin:1.5rem 0 .25rem;border-bottom:1px solid var(--line)}
table{border-collapse:separate;border-spacing:0;font-size:.8125rem;font-variant-numeric:tabular-nums;min-width:100%}
caption{text-align:left;font-weight:600;padding-bottom:.35rem}
th,td{text-align:left;padding:.35rem .6rem .35rem 0;border-top:1px solid var(--line);white-space:nowrap;
vertical-align:top}
th[scope=row]{font-weight:500;position:sticky;left:0;background:var(--paper)}
th[scope=col]{font-weight:600;color:var(--soft);border-top:0}
.n{text-align:right}
:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
footer{border-top:1px solid var(--line);margin-top:3rem;padding-bottom:3rem;font-size:.875rem}
footer h2{margin-top:1.25rem;font-size:1.1rem}
details{margin:.5rem 0}
summary{cursor:pointer;padding:.25rem 0}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem;margin:.5rem 0 1rem}
dt{color:var(--soft)}
dd{margin:0;overflow-wrap:anywhere}
@media (max-width:40rem){header,main,footer{padding-left:1rem;padding-right:1rem}
dl{grid-template-columns:1fr}dd{margin-bottom:.4rem}}
@media print{nav{display:none}details{display:block}}
"""
