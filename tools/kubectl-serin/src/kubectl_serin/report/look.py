"""How the page looks: light, dark, and on paper."""

from typing import Final

STYLE: Final = """
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --soft: #5b6470; --rule: #d8dde3; --bad: #b3261e;
  --good: #1a7f37; --wait: #8a6100; --line0: #2563c9; --line1: #c2570c; --line2: #13795b; --line3: #8b3fb0; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ed; --paper: #14171b; --soft: #9aa4b0; --rule: #343b44;
  --bad: #ff8a80; --good: #6fdd8b; --wait: #f0c14b; --line0: #7fb0ff; --line1: #ffa566; --line2: #5fd3ae; --line3: #d59cf0; } }
@media print { :root { --ink: #000; --paper: #fff; --soft: #444; --rule: #bbb; --bad: #b3261e; --good: #1a7f37;
  --wait: #8a6100; --line0: #2563c9; --line1: #c2570c; --line2: #13795b; --line3: #8b3fb0; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; }
h1 { font-size: 1.6rem; margin: 0; overflow-wrap: anywhere; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
.lead { font-size: 1.1rem; margin: .5rem 0; overflow-wrap: anywhere; } .quiet { color: var(--soft); font-size: .87em; }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .35rem .8rem .35rem 0; border-bottom: 1px solid var(--rule); }
th { color: var(--soft); font-weight: 500; font-size: .87em; } td { overflow-wrap: break-word; max-width: 26rem; min-width: 4rem; }
td.sentence { min-width: 16rem; }
td:first-child, th:first-child { min-width: 1rem; }
.verdict { font-weight: 600; color: var(--wait); } .verdict.pass { color: var(--good); } .verdict.fail { color: var(--bad); }
.metric { border-bottom: 1px solid var(--rule); padding: .4rem 0; } .numbers { display: flex; flex-wrap: wrap; gap: 0 1.5rem; }
progress { width: 7rem; accent-color: var(--line0); }
figure { margin: 1rem 0; max-width: 46rem; } svg { width: 100%; height: auto; display: block; }
svg text { fill: var(--soft); font-size: 11px; } .grid { stroke: var(--rule); }
.bound { stroke: var(--bad); stroke-dasharray: 4 3; }
.curve { fill: none; stroke-width: 1.8; } .key { margin-left: .8rem; font-weight: 600; }
.curve.line0 { stroke: var(--line0); } .key.line0 { color: var(--line0); }
.curve.line1 { stroke: var(--line1); stroke-dasharray: 7 3; } .key.line1 { color: var(--line1); }
.curve.line2 { stroke: var(--line2); stroke-dasharray: 2 3; } .key.line2 { color: var(--line2); }
.curve.line3 { stroke: var(--line3); stroke-dasharray: 9 3 2 3; } .key.line3 { color: var(--line3); }
@media print { figure, tr, .metric { break-inside: avoid; } h2 { break-after: avoid; } .wide { overflow: visible; }
  body { font-size: 12px; }
  td { min-width: 0; } td.sentence { min-width: 8rem; } td:last-child { overflow-wrap: anywhere; } }
"""
