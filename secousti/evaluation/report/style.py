"""The style sheet of the page, for light and dark screens."""

STYLE = """
:root { color-scheme: light dark; --ink: #20262b; --soft: #5f6770; --line: #e5dfd4;
  --ground: #fffdfa; --card: #f5f2ec; --mark: #17706a; }
@media (prefers-color-scheme: dark) { :root { --ink: #e9e6e0; --soft: #9aa3aa; --line: #2a3137;
  --ground: #0f1316; --card: #171c20; --mark: #62cabf; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 2.5rem 1.5rem 5rem; }
h1 { font-size: 1.9rem; margin: 0 0 .4rem; } h2 { margin: 2.4rem 0 .7rem; font-size: 1.2rem; }
h3 { margin: 1.5rem 0 .5rem; font-size: .95rem; color: var(--soft); font-weight: 600; }
.data { color: var(--soft); }
.wide { overflow-x: auto; border: 1px solid var(--line); border-radius: 10px; }
table { border-collapse: collapse; width: 100%; font-size: .84rem; white-space: nowrap;
  font-variant-numeric: tabular-nums; }
th, td { padding: .5rem .7rem; text-align: right; border-bottom: 1px solid var(--line); }
th { color: var(--soft); font-weight: 600; vertical-align: bottom; white-space: normal;
  min-width: 4.6rem; }
th:first-child, td:first-child { text-align: left; font-weight: 600; position: sticky; left: 0;
  background: var(--ground); }
thead th, thead th:first-child { background: var(--card); }
@media (max-width: 640px) { main { padding: 1.5rem .9rem 3rem; } h1 { font-size: 1.5rem; }
  th, td { padding: .4rem .5rem; } }
tbody tr:last-child td { border-bottom: 0; }
tr.quoted td { color: var(--soft); font-style: italic; font-weight: 400; }
td small { display: block; color: var(--soft); }
figure { margin: 2rem 0; } figure img { max-width: 100%; border-radius: 10px; background: #fff; }
figcaption { color: var(--soft); font-size: .84rem; margin-top: .4rem; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(200px, 1fr)); gap: .8rem; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: .7rem; display: flex; flex-direction: column; gap: .45rem; }
.card img { width: 100%; height: 84px; border-radius: 6px; }
.card audio { width: 100%; height: 34px; }
.card small { color: var(--soft); }
details { margin-top: 1.4rem; } summary { cursor: pointer; font-weight: 600; color: var(--mark); }
"""
