/** The one style sheet of all pages. Nothing here may be changed by what is reported. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --page: #ffffff; --text: #1c2126; --soft: #57606a; --line: #d5dae0; --panel: #f5f7f9; --link: #0a56c2;
  --good: #0f6b34; --good-bg: #e3f4e8; --bad: #a4131f; --bad-bg: #fde8e8; --unsure: #7a4b00; --unsure-bg: #fdf1d8;
  --plain-bg: #e9ecef;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #12161b; --text: #e8ecf0; --soft: #a3adb8; --line: #343c46; --panel: #1b2128; --link: #86b9ff;
    --good: #7ddc9c; --good-bg: #14301f; --bad: #ffa3a3; --bad-bg: #43181c; --unsure: #f2c66d; --unsure-bg: #3a2b0d;
    --plain-bg: #2a313a;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
main, header { max-width: 68rem; margin: 0 auto; padding: 0 1.25rem; }
main { padding-bottom: 3rem; }
header.verdict { max-width: none; padding: 1.5rem max(1.25rem, calc((100% - 68rem) / 2 + 1.25rem)); border-bottom: 3px solid var(--text); }
header p { margin: 0; } .meaning::first-letter { text-transform: uppercase; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: .35rem 0 .5rem; padding-left: 2.2rem; position: relative; }
h1 .mark { position: absolute; left: 0; top: -.08em; font-size: 1.35em; line-height: 1.1; }
h2 { font-size: 1.2rem; margin: 2.25rem 0 .75rem; }
h3 { font-size: 1rem; margin: 0 0 .4rem; } h4 { font-size: .9rem; margin: 1rem 0 .4rem; color: var(--soft); }
.verdict.passed { background: var(--good-bg); border-color: var(--good); } .passed h1 { color: var(--good); }
.verdict.failed { background: var(--bad-bg); border-color: var(--bad); } .failed h1 { color: var(--bad); }
.verdict.inconclusive { background: var(--unsure-bg); border-color: var(--unsure); } .inconclusive h1 { color: var(--unsure); }
a { color: var(--link); }
code, .mono { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: .9em; }
pre { margin: 0; white-space: pre-wrap; font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: .85em; }
.figures { display: flex; flex-wrap: wrap; gap: .5rem 2rem; list-style: none; padding: 0; margin: 1.25rem 0 0; }
.figures strong { display: block; font-size: 1.5rem; line-height: 1.2; font-variant-numeric: tabular-nums; }
.figures span { color: var(--soft); }
.card { border: 1px solid var(--line); border-left: 4px solid var(--line); border-radius: 6px; padding: 1rem 1.25rem; margin: 0 0 1rem; }
.card.bad { border-left-color: var(--bad); } .card.unsure { border-left-color: var(--unsure); } .card.good { border-left-color: var(--good); }
.card p { margin: 0 0 .6rem; } .card > :last-child { margin-bottom: 0; }
.card ul { margin: 0 0 .75rem; padding-left: 1.2rem; }
dl.pairs { display: grid; grid-template-columns: minmax(5.5rem, max-content) minmax(0, 1fr); gap: .3rem 1rem; margin: 0 0 .75rem; }
dl.pairs dt { color: var(--soft); } dl.pairs dd { margin: 0; }
.chip { display: inline-block; white-space: nowrap; border-radius: 4px; padding: .05rem .5rem; font-size: .85rem; background: var(--plain-bg); }
.chip.good { color: var(--good); background: var(--good-bg); } .chip.bad { color: var(--bad); background: var(--bad-bg); font-weight: 600; }
.chip.unsure { color: var(--unsure); background: var(--unsure-bg); }
.scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: 6px; }
.scroll:focus-visible, summary:focus-visible, a:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
table { border-collapse: collapse; width: 100%; font-size: .95rem; }
th, td { text-align: left; vertical-align: top; padding: .4rem .75rem; border-top: 1px solid var(--line); }
thead th { border-top: 0; white-space: nowrap; background: var(--panel); } tbody th { font-weight: normal; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
.matrix td { text-align: center; white-space: nowrap; } .matrix thead th { text-align: center; } .matrix thead th:first-child { text-align: left; }
.attacks { border: 1px solid var(--line); border-radius: 6px; margin: .75rem 0 0; }
.attacks .row { display: grid; grid-template-columns: minmax(0, 1fr) 7.5rem 7.5rem; gap: .25rem 1rem; align-items: baseline; padding: .4rem 1rem; }
.attacks .head { background: var(--panel); font-weight: 600; border-radius: 6px 6px 0 0; }
.attacks details, .attacks .control { border-top: 1px solid var(--line); }
.attacks summary { cursor: pointer; list-style: none; } .attacks summary::-webkit-details-marker { display: none; }
.attacks summary .name::before, .control .name::before { content: "▸"; display: inline-block; width: 1.1em; color: var(--soft); } .attacks details[open] .name::before { content: "▾"; }
.control .name::before { content: ""; }
.attacks summary:hover { background: var(--panel); }
.attacks .name small { color: var(--soft); font-size: .9rem; }
.attacks .more { padding: .25rem 1rem 1rem 2.1rem; background: var(--panel); }
.attacks .more p { margin: .5rem 0; }
.soft { color: var(--soft); } .hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
section.endpoint > h3 { font-size: 1.05rem; margin: 1.5rem 0 .25rem; } section.endpoint > p { margin: .25rem 0; }
.timeline { width: 100%; min-width: 40rem; height: auto; display: block; padding: .5rem 0; }
.timeline text { font: 12px system-ui, sans-serif; fill: var(--soft); }
.timeline .batch { fill: var(--good); } .timeline .skipped { fill: var(--soft); opacity: .55; } .timeline .fault { fill: var(--bad); } .timeline .axis { stroke: var(--line); }
.timeline .hole { fill: var(--bad-bg); stroke: var(--bad); stroke-dasharray: 3 2; } .timeline .quiet { fill: var(--plain-bg); } .timeline .anchor { stroke: var(--link); stroke-width: 2; } .timeline .anchor-text { fill: var(--link); }
@media (max-width: 40rem) {
  body { font-size: 15px; } h1 { font-size: 1.3rem; } .card { padding: .75rem .9rem; }
  .attacks .row { grid-template-columns: 1fr 1fr; } .attacks .row .name { grid-column: 1 / -1; } .attacks .head { display: none; }
  .attacks .cell::before { content: attr(data-version) " "; color: var(--soft); font-size: .85rem; }
  dl.pairs { grid-template-columns: 1fr; gap: 0; } dl.pairs dd { margin-bottom: .4rem; }
}
@page { margin: 15mm; }
@media print {
  :root { --page: #fff; --text: #000; --soft: #444; --line: #999; --panel: #fff; --link: #000; --good: #0f6b34; --bad: #a4131f; --unsure: #7a4b00; --good-bg: #fff; --bad-bg: #fff; --unsure-bg: #fff; --plain-bg: #fff; color-scheme: light; }
  body { font-size: 10pt; } main, header { max-width: none; padding: 0; } header.verdict { padding: 0 0 .5rem; }
  details::details-content { content-visibility: visible; block-size: auto; }
  .attacks .row, .attacks details { break-inside: avoid; } .scroll { overflow: visible; } .timeline { min-width: 0; } h2, h3 { break-after: avoid; }
  .chip { border: 1px solid currentColor; }
}
`;
