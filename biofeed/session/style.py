"""How the report looks: one style sheet for screen, dark screen and A4 paper, and the hatching that means "unknown"."""

STYLE = """
:root { color-scheme: light dark; --paper: #fbfaf7; --ink: #22302f; --quiet: #5b6966; --rule: #dfe1da; --soft: #f1f1ec;
  --breath: #2b7a78; --guide: #a8651c; --heart: #a1475a; --hatch: #bdb8aa; }
@media screen and (prefers-color-scheme: dark) { :root { --paper: #131819; --ink: #dde4e1; --quiet: #95a29e;
  --rule: #2b3435; --soft: #1b2223; --breath: #63b9b2; --guide: #dda75f; --heart: #de8c9b; --hatch: #4d5755; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); -webkit-print-color-adjust: exact;
  print-color-adjust: exact; font: 15px/1.55 system-ui, "Segoe UI", "Helvetica Neue", "DejaVu Sans", Arial, sans-serif; }
main { max-width: 780px; margin: 0 auto; padding: 56px 30px 72px; }
h1, h2, .figure b { font-family: Charter, "Bitstream Charter", "Iowan Old Style", "Palatino Linotype", "DejaVu Serif",
  Georgia, serif; font-weight: 400; }
h1 { font-size: 38px; line-height: 1.15; margin: 2px 0 4px; letter-spacing: -.01em; }
h2 { font-size: 22px; line-height: 1.25; margin: 52px 0 6px; }
p { margin: 6px 0 10px; max-width: 66ch; }
.over { color: var(--breath); font-size: 13px; letter-spacing: .04em; margin: 0; }
.lead, .small, figcaption, th, dt { color: var(--quiet); }
.lead { font-size: 17px; margin: 0 0 22px; }
.small, figcaption { font-size: 13px; }
.notice { border-left: 3px solid var(--guide); padding: 2px 0 2px 16px; margin: 18px 0; }
.facts { display: grid; grid-template-columns: max-content 1fr; gap: 4px 22px; margin: 22px 0 0; }
.facts dt, .facts dd { margin: 0; }
.figures { display: grid; grid-template-columns: repeat(4, 1fr); gap: 14px 26px; margin: 30px 0 6px;
  border-top: 1px solid var(--rule); border-bottom: 1px solid var(--rule); padding: 18px 0 16px; }
.figure b { display: block; font-size: 28px; line-height: 1.2; font-variant-numeric: lining-nums; white-space: nowrap; }
.figure b small { font-size: 15px; color: var(--quiet); }
.figure b.none { font-size: 20px; padding: 5px 0 4px; color: var(--quiet); }
.figure span { display: block; font-size: 13px; color: var(--quiet); line-height: 1.4; }
figure { margin: 14px 0 6px; break-inside: avoid; }
figcaption { margin: 4px 0 0; max-width: 76ch; }
svg { display: block; width: 100%; height: auto; overflow: visible; }
svg text { font: 11px system-ui, "Segoe UI", "Helvetica Neue", "DejaVu Sans", Arial, sans-serif; fill: var(--quiet);
  font-variant-numeric: tabular-nums; }
.rule { stroke: var(--rule); fill: none; }
.line { fill: none; stroke-width: 1.6; stroke-linejoin: round; stroke-linecap: round; vector-effect: non-scaling-stroke; }
.line.breath { stroke: var(--breath); } .line.guide { stroke: var(--guide); } .line.heart { stroke: var(--heart); }
.line.thin { stroke-width: 1.1; }
.area { fill: var(--breath); fill-opacity: .2; stroke: none; }
.beats { stroke: var(--heart); stroke-width: .8; fill: none; opacity: .75; }
.doubt { fill: url(#hatch); }
#hatch path { stroke: var(--hatch); stroke-width: 1; }
.dot { fill: var(--breath); } .ring { fill: none; stroke: var(--breath); stroke-width: 1; }
.within { fill: var(--guide); fill-opacity: .12; }
.mode { fill: var(--soft); stroke: var(--rule); stroke-width: .6; }
.mode.leading { fill: var(--guide); fill-opacity: .3; } .mode.matching, .mode.following { fill: var(--guide); fill-opacity: .12; }
.mode.yielding { fill: var(--breath); fill-opacity: .16; } .mode.neutral { fill: url(#hatch); }
svg .word { fill: var(--ink); paint-order: stroke; }
.key::before { content: ""; display: inline-block; width: 18px; margin-right: 6px; vertical-align: middle;
  border-top: 2.5px solid var(--quiet); }
.key.breath::before { border-color: var(--breath); } .key.guide::before { border-color: var(--guide); }
.key.heart::before { border-color: var(--heart); }
.key { margin-right: 18px; white-space: nowrap; color: var(--ink); }
.key.box::before { height: 11px; border: 1px solid var(--hatch); background: repeating-linear-gradient(135deg,
  transparent 0 3px, var(--hatch) 3px 4px); }
.bar { display: grid; grid-template-columns: 70px 1fr 64px; gap: 14px; align-items: center; margin: 8px 0; }
.bar svg { height: 12px; } .bar b { font-weight: 500; text-align: right; font-variant-numeric: tabular-nums; }
.bar .heart { fill: var(--heart); } .bar .breath { fill: var(--breath); } .bar .rest { fill: url(#hatch); }
table { width: 100%; border-collapse: collapse; margin: 12px 0 4px; font-size: 14px; line-height: 1.45; }
thead { display: table-header-group; }
th { text-align: left; font-weight: 400; font-size: 13px; padding: 0 16px 5px 0; }
td { border-top: 1px solid var(--rule); padding: 6px 16px 6px 0; vertical-align: top; }
tr { break-inside: avoid; }
td.n { white-space: nowrap; font-variant-numeric: tabular-nums; }
td:last-child, th:last-child { padding-right: 0; }
.strips svg { margin: 0 0 9px; break-inside: avoid; }
code { font: 12.5px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; overflow-wrap: anywhere; }
footer { margin-top: 52px; border-top: 1px solid var(--rule); padding-top: 14px; }
@media (max-width: 620px) { .figures { grid-template-columns: repeat(2, 1fr); } main { padding: 28px 18px; } }
@page { size: A4; margin: 17mm 16mm 18mm; }
@media print { :root { --paper: #fff; } body { font-size: 10.5pt; } main { max-width: none; padding: 0; }
  h1 { font-size: 26pt; } h2 { font-size: 15pt; margin-top: 26pt; break-after: avoid; } table { font-size: 9.5pt; }
  p, .small, figcaption { orphans: 3; widows: 3; } }
"""

HATCH = (
    '<svg width="0" height="0" style="position:absolute" aria-hidden="true"><defs>'
    '<pattern id="hatch" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    '<path d="M0 0V5"/></pattern></defs></svg>'
)
